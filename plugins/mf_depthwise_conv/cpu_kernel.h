// The multiplication-free depthwise convolution on the CPU: one channel of one image at a time, a band of rows of it.
// Included per instruction set.
#pragma once

#include <cstddef>

#include "cpu_plan.h"
#include "cpu_window.h"

namespace fwht {
namespace {

template <int kOperator, int kSize>
class CpuPlane {
  public:
    CpuPlane(const MfDepthwiseConvParams& p, const MfDepthwiseConvCpuPlan& plan, void* scratch)
        : p_(p),
          plan_(plan),
          values_(static_cast<float*>(scratch)),
          size_(plan.phase * plan.phases_h * plan.phases_w),
          outputs_(values_ + 4 * size_),
          rows_beyond_((kSize - 1) / p.stride_h) {
        for (int phase = 0; phase < plan.phases_w; ++phase) {
            columns_[phase] = columns_of(phase);
        }
        for (int row = 0; row < kSize; ++row) {
            for (int column = 0; column < kSize; ++column) {
                const int phase = row % p.stride_h * plan.phases_w + column % p.stride_w;
                places_[row * kSize + column] =
                    phase * plan.phase + ptrdiff_t{row / p.stride_h} * plan.pitch + column / p.stride_w;
            }
        }
    }

    // Planes from `first` on, below `last`. Each is filled one step before it is read: a load of what was just stored
    // in smaller pieces waits until all of them have left the processor's store buffer.
    void run(int64_t first, int64_t last) {
        Step step = step_at(first, static_cast<int>(first % p_.channels), 0, 0);
        fill(step);
        while (step.plane < last) {
            const Step next = step_after(step);
            if (next.plane < last) {
                fill(next);
            }
            finish(step);
            step = next;
        }
    }

  private:
    struct Step {
        int64_t plane;
        int channel;
        int first;  // row of the output
        int rows;
        int buffer;  // 0 or 1
        float* values;
        float* signs;
    };

    struct Columns {
        int64_t first;
        int64_t count;
        int64_t source;  // in the image's row, of the first
    };

    Step step_at(int64_t plane, int channel, int first, int buffer) const {
        const int rows = p_.out_height - first < plan_.band ? p_.out_height - first : plan_.band;
        float* const values = values_ + 2 * buffer * size_;
        return Step{plane, channel, first, rows, buffer, values, values + size_};
    }

    Step step_after(const Step& step) const {
        const int first = step.first + step.rows;
        if (first < p_.out_height) {
            return step_at(step.plane, step.channel, first, 1 - step.buffer);
        }
        const int channel = step.channel + 1 < p_.channels ? step.channel + 1 : 0;
        return step_at(step.plane + 1, channel, 0, 1 - step.buffer);
    }

    // The planes of this step. What lies outside the image is 0, and so is what only fills vectors up: these places are
    // the same for every channel where one band is the whole map, so they are cleared once.
    void fill(const Step& step) {
        bool& is_clear = is_clear_[step.buffer];
        if (!is_clear || step.rows < p_.out_height) {
            for (ptrdiff_t at = 0; at < size_; at += kLanes) {
                store(step.values + at, splat(0.0f));
            }
            is_clear = true;
        }
        const float* const x = static_cast<const float*>(p_.x) + step.plane * p_.height * p_.width;
        const int phase_rows = step.rows + rows_beyond_;
        float* plane = step.values;
        for (int phase_h = 0; phase_h < plan_.phases_h; ++phase_h) {
            for (int phase_w = 0; phase_w < plan_.phases_w; ++phase_w) {
                int64_t from = int64_t{step.first} * p_.stride_h + phase_h - p_.pad_top;
                for (int row = 0; row < phase_rows; ++row) {
                    if (from >= 0 && from < p_.height) {
                        copy_row(x + from * p_.width, columns_[phase_w], plane + ptrdiff_t{row} * plan_.pitch);
                    }
                    from += p_.stride_h;
                }
                plane += plan_.phase;
            }
        }
    }

    void finish(const Step& step) {
        const int channel = step.channel;
        for (int tap = 0; tap < kSize * kSize; ++tap) {
            taps_[tap] = tap_of(p_.weight[ptrdiff_t{channel} * kSize * kSize + tap], kOperator);
        }
        if (kOperator == 1) {
            for (ptrdiff_t at = 0; at < size_; at += kLanes) {
                const Vector a = load(step.values + at);
                store(step.signs + at, where_not_zero(size_of(a), with_sign_of(splat(1.0f), a)));
            }
        }
        const ptrdiff_t count = ptrdiff_t{step.rows - 1} * plan_.pitch + p_.out_width;
        for (ptrdiff_t at = 0; at < count; at += kMfVectors * kLanes) {
            sum_windows(step, at, p_.gain[channel], p_.bias[channel]);
        }
        float* const y = static_cast<float*>(p_.y) + step.plane * p_.out_height * p_.out_width;
        for (int row = 0; row < step.rows; ++row) {
            copy_floats(outputs_ + ptrdiff_t{row} * plan_.pitch, y + ptrdiff_t{step.first + row} * p_.out_width,
                        p_.out_width);
        }
    }

    // Every stride_w-th value of an image's row to its place in a phase.
    void copy_row(const float* x, const Columns& columns, float* row) const {
        const float* const from = x + columns.source;
        if (p_.stride_w == 1) {
            copy_floats(from, row + columns.first, columns.count);
        } else {
            for (int64_t i = 0; i < columns.count; ++i) {
                row[columns.first + i] = from[i * p_.stride_w];
            }
        }
    }

    // The columns of a phase that lie in the image.
    Columns columns_of(int phase) const {
        const int64_t before = p_.pad_left - phase;  // of the column that reads pixel 0
        const int64_t first = before > 0 ? (before + p_.stride_w - 1) / p_.stride_w : 0;
        const int64_t behind = p_.width - 1 + before < 0 ? 0 : (p_.width - 1 + before) / p_.stride_w + 1;
        const int64_t last = behind < plan_.pitch ? behind : plan_.pitch;
        return Columns{first, last > first ? last - first : 0, first * p_.stride_w - before};
    }

    // Rows are short: a call of memcpy for each would take longer than the copy.
    static FWHT_INLINE void copy_floats(const float* from, float* to, int64_t count) {
        int64_t i = 0;
        for (; i + 4 <= count; i += 4) {
            __builtin_memcpy(to + i, from + i, 4 * sizeof(float));
        }
        for (; i < count; ++i) {
            to[i] = from[i];
        }
    }

    FWHT_INLINE void sum_windows(const Step& step, ptrdiff_t at, float gain, float bias) {
        CpuWindowSum<kOperator> sums[kMfVectors];
        repeat<kSize * kSize>([&](auto tap) FWHT_UNROLLED {
            const ptrdiff_t place = places_[tap] + at;
            repeat<kMfVectors>([&](auto i) FWHT_UNROLLED {
                sums[i].add(step.values + place + i * kLanes, step.signs + place + i * kLanes, taps_[tap]);
            });
        });
        repeat<kMfVectors>([&](auto i) FWHT_UNROLLED {
            Vector y = multiply_add(sums[i].total(), splat(gain), splat(bias));
            if (p_.activation != 0) {
                y = upper(splat(0.0f), y);
            }
            if (p_.activation == 6) {
                y = lower(splat(6.0f), y);
            }
            store(outputs_ + at + i * kLanes, y);
        });
    }

    const MfDepthwiseConvParams& p_;
    const MfDepthwiseConvCpuPlan& plan_;
    float* const values_;
    const ptrdiff_t size_;  // of all phases, whole vectors of any set
    float* const outputs_;
    ptrdiff_t places_[kSize * kSize];  // of each tap, from the place of the output
    CpuTap taps_[kSize * kSize];
    Columns columns_[kSize];  // of each phase, since divisions for every row would take longer than the sums
    const int rows_beyond_;   // of a phase, beyond as many as there are outputs
    bool is_clear_[2] = {false, false};
};

template <int kOperator, int kSize>
void run_planes(const MfDepthwiseConvParams& p, const MfDepthwiseConvCpuPlan& plan, int64_t part, void* scratch) {
    CpuPlane<kOperator, kSize>(p, plan, scratch)
        .run(part * plan.planes / plan.parts, (part + 1) * plan.planes / plan.parts);
}

void run_mf_depthwise_conv_part(const MfDepthwiseConvParams& p, const MfDepthwiseConvCpuPlan& plan, int64_t part,
                                void* scratch) {
    switch (p.op * 10 + p.kernel_size) {
        case 13: return run_planes<1, 3>(p, plan, part, scratch);
        case 15: return run_planes<1, 5>(p, plan, part, scratch);
        case 23: return run_planes<2, 3>(p, plan, part, scratch);
        case 25: return run_planes<2, 5>(p, plan, part, scratch);
        case 33: return run_planes<3, 3>(p, plan, part, scratch);
        default: return run_planes<3, 5>(p, plan, part, scratch);
    }
}

}  // namespace
}  // namespace fwht
