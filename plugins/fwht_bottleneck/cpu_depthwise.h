// The 3x3 depthwise convolution between the two FWHT layers: lanes are neighbouring pixels of one channel, row after
// row. Included per instruction set.
#pragma once

#include "cpu_plan.h"
#include "cpu_taps.h"

namespace fwht {
namespace {

// Bits that are all ones but in the first, or in the last, column.
struct ColumnMasks {
    float* not_first;
    float* not_last;
};

// All that the windows of one channel need, in variables that the compiler sees nobody else write.
template <typename Taps>
class ChannelWindow {
  public:
    FWHT_INLINE ChannelWindow(const FwhtBottleneckParams& p, const ColumnMasks& masks, int channel)
        : taps_(p.weight + ptrdiff_t{channel} * kTaps),
          gain_(splat(p.gain[channel])),
          bias_(splat(p.bias[channel])),
          least_(splat(p.activation != 0 ? 0.0f : -__builtin_inff())),
          most_(splat(p.activation == 6 ? 6.0f : __builtin_inff())),
          pitch_(p.width),
          masks_(masks) {}

    // Neighbouring outputs; x is the value in the middle of the first one's window, `mask` its place in the masks. A
    // column of taps that reaches beyond the first or the last pixel of a row meets the neighbouring row's: the masks
    // take its sum away.
    template <int kVectors>
    FWHT_INLINE void filter(const float* x, ptrdiff_t mask, Vector (&y)[kVectors]) const {
        Vector beside[kVectors];
        sum_column<0>(x - 1, beside);
        repeat<kVectors>([&](auto i) FWHT_UNROLLED {
            beside[i] = with_bits_of(beside[i], load(masks_.not_first + mask + i * kLanes));
        });
        Vector right[kVectors];
        sum_column<2>(x + 1, right);
        Vector middle[kVectors];
        sum_column<1>(x, middle);
        repeat<kVectors>([&](auto i) FWHT_UNROLLED {
            beside[i] = beside[i] + with_bits_of(right[i], load(masks_.not_last + mask + i * kLanes));
            y[i] = lower(most_, upper(least_, multiply_add(middle[i] + beside[i], gain_, bias_)));
        });
    }

  private:
    template <int kColumn, int kVectors>
    FWHT_INLINE void sum_column(const float* x, Vector (&total)[kVectors]) const {
        typename Taps::Sum sums[kVectors];
        repeat<3>([&](auto row) FWHT_UNROLLED {
            repeat<kVectors>([&](auto i) FWHT_UNROLLED {
                taps_.add(3 * row + kColumn, load(x + (row - 1) * pitch_ + i * kLanes), sums[i]);
            });
        });
        repeat<kVectors>([&](auto i) FWHT_UNROLLED { total[i] = sums[i].total(); });
    }

    const Taps taps_;
    const Vector gain_;
    const Vector bias_;
    const Vector least_;
    const Vector most_;
    const ptrdiff_t pitch_;
    const ColumnMasks masks_;
};

template <int kOperator, bool kSigned>
class CpuDepthwise {
  public:
    CpuDepthwise(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, const FwhtBottleneckUnit& unit,
                 const ColumnMasks& masks)
        : p_(p), plan_(plan), unit_(unit), masks_(masks) {
        const ptrdiff_t count = p.stride == 1 ? ptrdiff_t{unit.rows} * p.width : p.width;
        set_mask(masks.not_first, 0, count);
        set_mask(masks.not_last, p.width - 1, count);
    }

    // Planes from `begin` on, below `end`: channels of the unit's images, one after the other.
    void run(int64_t begin, int64_t end, const float* expanded, float* filtered) const {
        const ptrdiff_t first = plan_.lead + (ptrdiff_t{unit_.row} * p_.stride - unit_.input_row) * p_.width;
        const int channels = p_.expand.out_channels;
        int channel = static_cast<int>(begin % channels);
        for (int64_t plane = begin; plane < end; ++plane) {
            const float* const x = expanded + plane * plan_.expanded_stride + first;
            float* const y = filtered + plane * plan_.filtered_stride;
            const ChannelWindow<Taps> window(p_, masks_, channel);
            if (p_.stride == 1) {
                filter(window, x, y);
            } else {
                filter_every_second(window, x, y);
            }
            channel = channel + 1 < channels ? channel + 1 : 0;
        }
    }

  private:
    typedef WindowTaps<kOperator, kSigned> Taps;

    // The last vector may reach beyond the plane.
    FWHT_INLINE void filter(const ChannelWindow<Taps>& window, const float* x, float* y) const {
        constexpr int kVectors = Taps::kVectors;
        const ptrdiff_t count = ptrdiff_t{unit_.rows} * p_.width;
        ptrdiff_t at = 0;
        for (; at + (kVectors - 1) * kLanes < count; at += kVectors * kLanes) {
            Vector outputs[kVectors];
            window.filter(x + at, at, outputs);
            repeat<kVectors>([&](auto i) FWHT_UNROLLED { store(y + at + i * kLanes, outputs[i]); });
        }
        if (at < count) {
            Vector outputs[1];
            window.filter(x + at, at, outputs);
            store(y + at, outputs[0]);
        }
    }

    // A row of outputs reaches beyond its end, where the next row is written afterwards.
    FWHT_INLINE void filter_every_second(const ChannelWindow<Taps>& window, const float* x, float* y) const {
        const ptrdiff_t width = p_.width;
        const ptrdiff_t out_width = bottleneck_out_size(p_.width, p_.stride);
        const int rows = unit_.rows;
        for (int row = 0; row < rows; ++row) {
            for (ptrdiff_t at = 0; at < width; at += 2 * kLanes) {
                if (at + kLanes < width) {
                    Vector outputs[2];
                    window.filter(x + at, at, outputs);
                    store(y + at / 2, even_lanes(outputs[0], outputs[1]));
                } else {
                    Vector outputs[1];
                    window.filter(x + at, at, outputs);
                    store(y + at / 2, even_lanes(outputs[0], outputs[0]));
                }
            }
            x += 2 * width;
            y += out_width;
        }
    }

    void set_mask(float* mask, int column, ptrdiff_t count) const {
        for (ptrdiff_t at = 0; at < count; at += p_.width) {
            for (int i = 0; i < p_.width; ++i) {
                const uint32_t bits = i == column ? 0u : 0xffffffffu;
                __builtin_memcpy(mask + at + i, &bits, sizeof(bits));
            }
        }
    }

    const FwhtBottleneckParams& p_;
    const FwhtBottleneckCpuPlan& plan_;
    const FwhtBottleneckUnit& unit_;
    const ColumnMasks masks_;
};

}  // namespace
}  // namespace fwht
