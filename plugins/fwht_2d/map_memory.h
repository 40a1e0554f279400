// A thread's column of its map in X and in Y. A stride reads the sums of windows.
#pragma once

#include "../fwht_layer/activation.h"
#include "../vector_access.h"
#include "tiles.h"

namespace fwht {

template <typename T>
struct MapMemory {
    using Io = typename T::Io;
    using Column = float[T::kSide];

    const Fwht2dParams& params;
    int64_t image;
    int channel;
    bool there;  // of a map; in HWC8 of one that fills the channels up as well

    // `map` counts the maps in memory, of all images one after the other.
    FWHT_HD MapMemory(const Fwht2dParams& p, int64_t map)
        : params(p),
          image(map / stored_channels(p)),
          channel(static_cast<int>(map % stored_channels(p))),
          there(map < p.batch * stored_channels(p)) {}

    // Zeros beyond the map. The channels that fill HWC8 up hold anything: zeros there, too.
    FWHT_HD void load(int column, Column& v) const {
        const int left = column * T::kStride;
        int rows[T::kStride];  // of the map, in each column of the windows
        FWHT_UNROLL
        for (int j = 0; j < T::kStride; ++j) {
            rows[j] = there && channel < params.channels && left + j < params.width ? params.height : 0;
        }
        const int64_t step = row_step(params.width);
        const Io* at = static_cast<const Io*>(params.x) + place(params.height, params.width, left);
        FWHT_NO_UNROLL
        for (int first = 0; first < T::kStride; ++first) {
            const Io* row = at + first * step;
            FWHT_UNROLL
            for (int i = 0; i < T::kSide; ++i) {
                const float sum = sum_pixels(row, first + i * T::kStride, rows);
                v[i] = first == 0 ? sum : v[i] + sum;
                row += T::kStride * step;
            }
        }
    }

    FWHT_HD void store(int column, const Column& z, float factor) const {
        int width = (params.width + T::kStride - 1) / T::kStride;
#if defined(__CUDA_ARCH__)  // or registers are spilled to keep the addresses of X until here, the same with a stride of 1
        asm("" : "+r"(width));
#endif
        const int height = (params.height + T::kStride - 1) / T::kStride;
        const bool real = there && channel < params.channels;
        const float gain = real ? params.gain[channel] * factor : 0.0f;
        const float bias = real ? params.bias[channel] : 0.0f;
        const Activation<Io> activation(params.activation);
        const int rows = there && column < width ? height : 0;
        const int64_t step = row_step(width);
        Io* at = static_cast<Io*>(params.y) + place(height, width, column);
        FWHT_UNROLL
        for (int i = 0; i < T::kSide; ++i) {
            const float y[1] = {real ? gain * z[i] + bias : 0.0f};
            write_if(at, i, rows, activation.apply(y));
            at += step;
        }
    }

private:
    FWHT_HD int64_t row_step(int width) const { return T::kLayout == kNCHW ? width : width * stored_channels(params); }

    // Of the first pixel of a column of a map of that size.
    FWHT_HD int64_t place(int height, int width, int column) const {
        const int64_t pixels = static_cast<int64_t>(height) * width;
        return T::kLayout == kNCHW ? (image * params.channels + channel) * pixels + column
                                   : (image * pixels + column) * stored_channels(params) + channel;
    }

    // Of a row of a window; column j has so many rows in the map.
    FWHT_HD float sum_pixels(const Io* at, int row, const int (&rows)[T::kStride]) const {
        const int64_t step = T::kLayout == kNCHW ? 1 : stored_channels(params);
        float sum = to_float(read_if<Io, 1>(at, row, rows[0]).at[0]);
        FWHT_UNROLL
        for (int j = 1; j < T::kStride; ++j) {
            sum += to_float(read_if<Io, 1>(at + j * step, row, rows[j]).at[0]);
        }
        return sum;
    }
};

}  // namespace fwht
