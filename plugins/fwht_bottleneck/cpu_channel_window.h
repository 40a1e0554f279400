// The windows of one channel of the depthwise convolution. Included per instruction set.
#pragma once

#include <cstddef>

#include "cpu_taps.h"
#include "params.h"

namespace fwht {
namespace {

// Bits that are all ones but in the first, or in the last, column.
struct ColumnMasks {
    float* not_first;
    float* not_last;
};

// What the windows of all channels need, in variables that the compiler sees nobody else write.
struct ChannelWeights {
    explicit FWHT_INLINE ChannelWeights(const FwhtBottleneckParams& p)
        : weight(p.weight),
          gain(p.gain),
          bias(p.bias),
          least(splat(p.activation != 0 ? 0.0f : -__builtin_inff())),
          most(splat(p.activation == 6 ? 6.0f : __builtin_inff())),
          pitch(p.width) {}

    const float* const weight;
    const float* const gain;
    const float* const bias;
    const Vector least;
    const Vector most;
    const ptrdiff_t pitch;
};

template <typename Taps>
class ChannelWindow {
  public:
    FWHT_INLINE ChannelWindow(const ChannelWeights& all, const ColumnMasks& masks, ptrdiff_t channel)
        : taps_(all.weight + channel * kTaps),
          gain_(splat(all.gain[channel])),
          bias_(splat(all.bias[channel])),
          least_(all.least),
          most_(all.most),
          pitch_(all.pitch),
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

    // The same where a vector is whole rows: neighbours come from rotated vectors instead of loads that cross lines of
    // the cache, and what lies `pitch` floats further is the next window's, too. Output i is kStep rows below the one
    // before.
    template <int kStep, int kVectors>
    FWHT_INLINE void filter_rows(const float* x, ptrdiff_t pitch, ptrdiff_t mask, ptrdiff_t mask_step,
                                 Vector (&y)[kVectors]) const {
        const auto row = [&](auto place) FWHT_UNROLLED { return load(x + (place - 1) * pitch); };
        filter_rows<kStep>(row, mask, mask_step, y);
    }

    // row(place): the vector that begins `place` rows below the one above the first output.
    template <int kStep, int kVectors, typename Row>
    FWHT_INLINE void filter_rows(const Row& row, ptrdiff_t mask, ptrdiff_t mask_step, Vector (&y)[kVectors]) const {
        typename Taps::Sum left[kVectors];
        typename Taps::Sum middle[kVectors];
        typename Taps::Sum right[kVectors];
        repeat<kStep*(kVectors - 1) + 3>([&](auto place) FWHT_UNROLLED {
            const Vector center = row(place);
            const Vector before = rotate_up(center);
            const Vector behind = rotate_down(center);
            repeat<kVectors>([&](auto i) FWHT_UNROLLED {
                constexpr int kRow = decltype(place)::kIndex - kStep * decltype(i)::kIndex;
                if (kRow >= 0 && kRow < 3) {
                    taps_.add(3 * (kRow % 3), before, left[i]);
                    taps_.add(3 * (kRow % 3) + 1, center, middle[i]);
                    taps_.add(3 * (kRow % 3) + 2, behind, right[i]);
                }
            });
        });
        repeat<kVectors>([&](auto i) FWHT_UNROLLED {
            const Vector beside = with_bits_of(left[i].total(), load(masks_.not_first + mask + i * mask_step)) +
                                  with_bits_of(right[i].total(), load(masks_.not_last + mask + i * mask_step));
            y[i] = lower(most_, upper(least_, multiply_add(middle[i].total() + beside, gain_, bias_)));
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

}  // namespace
}  // namespace fwht
