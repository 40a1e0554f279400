// The multiplication-free depthwise convolution on the CPU: a vector of channels of one image at a time, a band of rows
// of it. Included per instruction set.
#pragma once

#include <cstddef>

#include "cpu_plan.h"
#include "cpu_window.h"

namespace fwht {
namespace {

template <int kOperator, int kSize>
class CpuChannels {
  public:
    CpuChannels(const MfDepthwiseConvParams& p, const MfDepthwiseConvCpuPlan& plan, void* scratch)
        : p_(p),
          plan_(plan),
          size_(plan.pitch * plan.rows * kLanes),
          values_(static_cast<float*>(scratch)),
          signs_(values_ + size_),
          outputs_(signs_ + size_),
          image_(ptrdiff_t{p.height} * p.width),
          map_(ptrdiff_t{p.out_height} * p.out_width),
          windows_(reinterpret_cast<ptrdiff_t*>(outputs_ + plan.outputs * kLanes)) {}

    void run(int64_t item, int64_t last) {
        clear();
        find_windows();
        for (int64_t group = -1; item < last; ++item) {
            if (item / p_.batch != group) {
                group = item / p_.batch;
                read_weights(group * kLanes);
            }
            const int64_t plane = item % p_.batch * p_.channels + first_;
            const float* const x = static_cast<const float*>(p_.x) + plane * image_;
            float* const y = static_cast<float*>(p_.y) + plane * map_;
            for (int row = 0; row < p_.out_height; row += plan_.band) {
                const int rows = p_.out_height - row < plan_.band ? p_.out_height - row : plan_.band;
                if (plan_.band < p_.out_height) {
                    clear();  // rows outside the image lie elsewhere in every band
                }
                fill(x, row, rows);
                if (plan_.band == p_.out_height && item % p_.batch + 1 < p_.batch) {
                    prefetch(x + p_.channels * image_);  // the next image, while this one is summed
                }
                sum_windows(ptrdiff_t{rows} * p_.out_width);
                write(y + ptrdiff_t{row} * p_.out_width, ptrdiff_t{rows} * p_.out_width);
            }
        }
    }

  private:
    void clear() {
        for (ptrdiff_t at = 0; at < 2 * size_; at += kLanes) {
            store(values_ + at, splat(0.0f));
        }
    }

    void read_weights(int64_t first) {
        first_ = first;
        count_ = p_.channels - first < kLanes ? static_cast<int>(p_.channels - first) : kLanes;
        for (int lane = 0; lane < kLanes; ++lane) {
            const int64_t channel = first + (lane < count_ ? lane : 0);
            gain_[lane] = p_.gain[channel];
            bias_[lane] = p_.bias[channel];
            for (int tap = 0; tap < kSize * kSize; ++tap) {
                taps_[tap].set(lane, p_.weight[channel * kSize * kSize + tap], kOperator);
            }
        }
    }

    // The rows of the image that `rows` rows of output from `first` on read.
    void fill(const float* x, int first, int rows) {
        for (int row = 0; row < (rows - 1) * plan_.step_h + kSize; ++row) {
            const int64_t source = place_in_image(row, plan_.step_h, p_.stride_h, p_.pad_top, first);
            if (source >= 0 && source < p_.height) {
                fill_row(x + source * p_.width, values_ + row * plan_.pitch * kLanes);
            }
        }
    }

    // Of row or column `at` of the padded map, which begins with that of output `first`.
    static int64_t place_in_image(int64_t at, int step, int stride, int pad, int64_t first) {
        return (first + at / step) * stride + at % step - pad;
    }

    // The group's channels of an image. They lie side by side, but each row of them is read on its own, which no hardware
    // foresees.
    void prefetch(const float* x) const {
        constexpr int kLine = 16;  // floats
        for (ptrdiff_t at = 0; at < count_ * image_; at += kLine) {
            __builtin_prefetch(x + at);
        }
    }

    void fill_row(const float* x, float* row) {
        if (p_.stride_w > plan_.step_w) {
            for (int64_t place = 0; place < plan_.pitch; ++place) {
                const int64_t column = place_in_image(place, plan_.step_w, p_.stride_w, p_.pad_left, 0);
                if (column >= 0 && column < p_.width) {
                    fill_pixel(x + column, row + place * kLanes);
                }
            }
            return;
        }
        float* const to = row + ptrdiff_t{p_.pad_left} * kLanes;
        if (count_ < kLanes || p_.width < 4) {
            for (ptrdiff_t column = 0; column < p_.width; ++column) {
                fill_pixel(x + column, to + column * kLanes);
            }
            return;
        }
        for (ptrdiff_t next = 0; next < p_.width; next += 4) {
            const ptrdiff_t column = next + 4 <= p_.width ? next : p_.width - 4;  // the last ones overlap
            Vector pixels[4];
            load_quads(x + column, image_, pixels);
            repeat<4>([&](auto i) FWHT_UNROLLED { put(to + (column + i) * kLanes, pixels[i]); });
        }
    }

    void fill_pixel(const float* x, float* to) {
        for (int lane = 0; lane < count_; ++lane) {
            to[lane] = x[lane * image_];
        }
        put(to, load(to));
    }

    FWHT_INLINE void put(float* to, Vector pixel) {
        store(to, pixel);
        if (kOperator == 1) {
            store(to + size_, with_sign_or_zero(size_of(pixel), splat(1.0f), pixel));
        }
    }

    // Where the windows of a band begin in the padded map. Some more where their number is no multiple of kMfOutputs.
    void find_windows() {
        const ptrdiff_t count = ptrdiff_t{plan_.band} * p_.out_width;
        ptrdiff_t at = 0;
        for (ptrdiff_t row = 0; row < plan_.band; ++row) {
            for (ptrdiff_t column = 0; column < p_.out_width; ++column) {
                windows_[at++] = (row * plan_.step_h * plan_.pitch + column * plan_.step_w) * kLanes;
            }
        }
        for (; at % kMfOutputs != 0; ++at) {
            windows_[at] = windows_[count - 1];
        }
    }

    // All outputs of a band, side by side.
    void sum_windows(ptrdiff_t count) {
        for (ptrdiff_t next = 0; next < count; next += kMfOutputs) {
            sum_four(windows_ + next, outputs_ + next * kLanes);
        }
    }

    FWHT_INLINE void sum_four(const ptrdiff_t* windows, float* to) {
        using Sum = typename CpuWindowSum<kOperator>::Sum;
        static_assert(kMfOutputs == 4, "as many as there are initial values");
        Sum sums[kMfOutputs] = {Sum(), Sum(), Sum(), Sum()};
        const float* places[kMfOutputs];
        repeat<kMfOutputs>([&](auto i) FWHT_UNROLLED { places[i] = values_ + windows[i]; });
        const ptrdiff_t row_step = plan_.pitch * kLanes;
        for (const CpuTap* taps = taps_; taps != taps_ + kSize * kSize; taps += kSize) {
            repeat<kSize>([&](auto column) FWHT_UNROLLED {
                const CpuWindowSum<kOperator> tap(taps[column]);
                repeat<kMfOutputs>([&](auto i) FWHT_UNROLLED {
                    const float* const a = places[i] + column * kLanes;
                    tap.add(a, a + size_, sums[i]);
                });
            });
            repeat<kMfOutputs>([&](auto i) FWHT_UNROLLED { places[i] += row_step; });
        }
        repeat<kMfOutputs>([&](auto i) FWHT_UNROLLED {
            Vector y = multiply_add(sums[i].total(), load(gain_), load(bias_));
            if (p_.activation != 0) {
                y = upper(splat(0.0f), y);
            }
            if (p_.activation == 6) {
                y = lower(splat(6.0f), y);
            }
            store(to + i * kLanes, y);
        });
    }

    void write(float* y, ptrdiff_t count) {
        if (count_ < kLanes || count < 4) {
            for (ptrdiff_t pixel = 0; pixel < count; ++pixel) {
                for (int lane = 0; lane < count_; ++lane) {
                    y[lane * map_ + pixel] = outputs_[pixel * kLanes + lane];
                }
            }
            return;
        }
        for (ptrdiff_t next = 0; next < count; next += 4) {
            const ptrdiff_t pixel = next + 4 <= count ? next : count - 4;
            Vector pixels[4];
            repeat<4>([&](auto i) FWHT_UNROLLED { pixels[i] = load(outputs_ + (pixel + i) * kLanes); });
            store_quads(y + pixel, map_, pixels);
        }
    }

    const MfDepthwiseConvParams& p_;
    const MfDepthwiseConvCpuPlan& plan_;
    const ptrdiff_t size_;   // of the padded map of a band
    float* const values_;
    float* const signs_;
    float* const outputs_;
    const ptrdiff_t image_;  // floats from channel to channel of X
    const ptrdiff_t map_;    // of Y
    ptrdiff_t* const windows_;
    int64_t first_ = 0;      // channel of the group
    int count_ = 0;          // channels that are there
    CpuTap taps_[kSize * kSize];
    float gain_[kLanes];
    float bias_[kLanes];
};

template <int kOperator, int kSize>
void run_items(const MfDepthwiseConvParams& p, const MfDepthwiseConvCpuPlan& plan, int64_t part, void* scratch) {
    CpuChannels<kOperator, kSize>(p, plan, scratch)
        .run(part * plan.items / plan.parts, (part + 1) * plan.items / plan.parts);
}

void run_mf_depthwise_conv_part(const MfDepthwiseConvParams& p, const MfDepthwiseConvCpuPlan& plan, int64_t part,
                                void* scratch) {
    switch (p.op * 10 + p.kernel_size) {
        case 13: return run_items<1, 3>(p, plan, part, scratch);
        case 15: return run_items<1, 5>(p, plan, part, scratch);
        case 23: return run_items<2, 3>(p, plan, part, scratch);
        case 25: return run_items<2, 5>(p, plan, part, scratch);
        case 33: return run_items<3, 3>(p, plan, part, scratch);
        default: return run_items<3, 5>(p, plan, part, scratch);
    }
}

}  // namespace
}  // namespace fwht
