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
          signs_(values_ + plan.phase * plan.phases_h * plan.phases_w),
          outputs_(signs_ + plan.phase * plan.phases_h * plan.phases_w) {
        for (int row = 0; row < kSize; ++row) {
            for (int column = 0; column < kSize; ++column) {
                const int phase = row % p.stride_h * plan.phases_w + column % p.stride_w;
                places_[row * kSize + column] =
                    phase * plan.phase + ptrdiff_t{row / p.stride_h} * plan.pitch + column / p.stride_w;
            }
        }
    }

    void run(int64_t plane) {
        const int channel = static_cast<int>(plane % p_.channels);
        for (int tap = 0; tap < kSize * kSize; ++tap) {
            taps_[tap] = tap_of(p_.weight[ptrdiff_t{channel} * kSize * kSize + tap], kOperator);
        }
        const float* const x = static_cast<const float*>(p_.x) + plane * p_.height * p_.width;
        float* const y = static_cast<float*>(p_.y) + plane * p_.out_height * p_.out_width;
        for (int first = 0; first < p_.out_height; first += plan_.band) {
            const int rows = p_.out_height - first < plan_.band ? p_.out_height - first : plan_.band;
            fill(x, first, rows);
            const ptrdiff_t count = ptrdiff_t{rows - 1} * plan_.pitch + p_.out_width;
            for (ptrdiff_t at = 0; at < count; at += kMfVectors * kLanes) {
                sum_windows(at, p_.gain[channel], p_.bias[channel]);
            }
            for (int row = 0; row < rows; ++row) {
                __builtin_memcpy(y + ptrdiff_t{first + row} * p_.out_width, outputs_ + ptrdiff_t{row} * plan_.pitch,
                                 sizeof(float) * static_cast<size_t>(p_.out_width));
            }
        }
    }

  private:
    // The planes for outputs from row `first` on. What lies outside the image is 0, and so is what only fills vectors
    // up.
    void fill(const float* x, int first, int rows) {
        const int phase_rows = rows + (kSize - 1) / p_.stride_h;
        for (int phase = 0; phase < plan_.phases_h * plan_.phases_w; ++phase) {
            float* const plane = values_ + phase * plan_.phase;
            for (int row = 0; row < phase_rows; ++row) {
                const int64_t from = int64_t{first + row} * p_.stride_h + phase / plan_.phases_w - p_.pad_top;
                const bool inside = from >= 0 && from < p_.height;
                fill_row(inside ? x + from * p_.width : nullptr, phase % plan_.phases_w,
                         plane + ptrdiff_t{row} * plan_.pitch);
            }
            for (ptrdiff_t at = ptrdiff_t{phase_rows} * plan_.pitch; at < plan_.phase; ++at) {
                plane[at] = 0.0f;
            }
        }
        if (kOperator == 1) {
            const ptrdiff_t count = plan_.phase * plan_.phases_h * plan_.phases_w;  // whole vectors of any set
            for (ptrdiff_t at = 0; at < count; at += kLanes) {
                const Vector a = load(values_ + at);
                store(signs_ + at, where_not_zero(a, with_sign_of(splat(1.0f), a)));
            }
        }
    }

    void fill_row(const float* x, int phase, float* row) {
        if (x != nullptr && p_.stride_w == 1) {
            const int left = p_.pad_left < plan_.pitch ? p_.pad_left : plan_.pitch;
            const int there = plan_.pitch - left < p_.width ? plan_.pitch - left : p_.width;
            int column = 0;
            for (; column < left; ++column) {
                row[column] = 0.0f;
            }
            __builtin_memcpy(row + left, x, sizeof(float) * static_cast<size_t>(there));
            for (column = left + there; column < plan_.pitch; ++column) {
                row[column] = 0.0f;
            }
            return;
        }
        for (int column = 0; column < plan_.pitch; ++column) {
            const int64_t from = int64_t{column} * p_.stride_w + phase - p_.pad_left;
            row[column] = x != nullptr && from >= 0 && from < p_.width ? x[from] : 0.0f;
        }
    }

    FWHT_INLINE void sum_windows(ptrdiff_t at, float gain, float bias) {
        CpuWindowSum<kOperator> sums[kMfVectors];
        repeat<kSize * kSize>([&](auto tap) FWHT_UNROLLED {
            const ptrdiff_t place = places_[tap] + at;
            repeat<kMfVectors>([&](auto i) FWHT_UNROLLED {
                sums[i].add(values_ + place + i * kLanes, signs_ + place + i * kLanes, taps_[tap]);
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
    float* const signs_;
    float* const outputs_;
    ptrdiff_t places_[kSize * kSize];  // of each tap, from the place of the output
    CpuTap taps_[kSize * kSize];
};

template <int kOperator, int kSize>
void run_planes(const MfDepthwiseConvParams& p, const MfDepthwiseConvCpuPlan& plan, int64_t part, void* scratch) {
    CpuPlane<kOperator, kSize> plane(p, plan, scratch);
    const int64_t last = (part + 1) * plan.planes / plan.parts;
    for (int64_t i = part * plan.planes / plan.parts; i < last; ++i) {
        plane.run(i);
    }
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
