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
        const bool holds = there && channel < params.channels && column * params.stride < params.width;
        const int rows = holds ? params.height : 0;
        const int64_t step = row_step(params.width);
        const Io* at = static_cast<const Io*>(params.x) + place(params.height, params.width, column * params.stride);
        if (T::kStrided) {
            FWHT_UNROLL
            for (int i = 0; i < T::kSide; ++i) {
                v[i] = sum_window(at, i * params.stride, column * params.stride, rows);
            }
        } else {
            FWHT_UNROLL
            for (int i = 0; i < T::kSide; ++i) {
                v[i] = to_float(read_if<Io, 1>(at, i, rows).at[0]);
                at += step;
            }
        }
    }

    FWHT_HD void store(int column, const Column& z, float factor) const {
        const int width = (params.width + params.stride - 1) / params.stride;
        const int height = (params.height + params.stride - 1) / params.stride;
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

    // Of the window whose first pixel lies in row `row`; `at` is the pixel of row 0 in its column `left`.
    FWHT_HD float sum_window(const Io* at, int row, int left, int rows) const {
        const int64_t column_step = T::kLayout == kNCHW ? 1 : stored_channels(params);
        const int64_t step = row_step(params.width);
        const int columns = params.width - left < params.stride ? params.width - left : params.stride;
        float sum = 0.0f;
        FWHT_NO_UNROLL
        for (int i = row; i < row + params.stride; ++i) {
            const int present = i < rows ? columns : 0;
            FWHT_NO_UNROLL
            for (int j = 0; j < params.stride; ++j) {
                sum += to_float(read_if<Io, 1>(at + i * step + j * column_step, j, present).at[0]);
            }
        }
        return sum;
    }
};

}  // namespace fwht
