// One tile: `width` neighbouring pixels, all channels of each. A row is one channel's pixels. Included per instruction
// set.
#pragma once

#include <cstddef>

#include "../cpu/vector.h"
#include "params.h"

namespace fwht {
namespace {

struct CpuTile {
    const FwhtLayerParams& layer;
    const float* x;  // row c is at x + c * x_stride
    ptrdiff_t x_stride;
    const float* residual;  // rows lie as those of y do; null where there is none
    float* y;
    ptrdiff_t y_stride;
    float* rows;          // n rows of kWidth floats: the coefficients
    float normalisation;  // 1 / sqrt(n)
    bool stream;          // Y goes past the caches, which it would only flush
};

// What follows the transform: gain, bias, residual, activation.
class End {
  public:
    explicit FWHT_INLINE End(const CpuTile& tile, float factor)
        : tile_(tile), factor_(tile.normalisation * factor), activation_(tile.layer.activation) {}

    // Writes pixels `at` to `at` + kLanes of channel `channel` of Y.
    FWHT_INLINE void write(int channel, int at, Vector z) const {
        const float gain = tile_.layer.gain[channel] * factor_;
        Vector y = multiply_add(z, splat(gain), splat(tile_.layer.bias[channel]));
        const ptrdiff_t place = channel * tile_.y_stride + at;
        if (tile_.residual != nullptr) {
            y = y + load(tile_.residual + place);
        }
        if (activation_ != 0) {
            y = upper(splat(0.0f), y);
        }
        if (activation_ == 6) {
            y = lower(splat(6.0f), y);
        }
        if (tile_.stream) {
            stream(tile_.y + place, y);
        } else {
            store(tile_.y + place, y);
        }
    }

  private:
    const CpuTile& tile_;
    const float factor_;
    const int activation_;
};

}  // namespace
}  // namespace fwht
