// The two ends of the layer in global memory: reading X, writing Y, for both layouts.
#pragma once

#include "../vector_access.h"
#include "params.h"
#include "tile.h"

namespace fwht {

// gain * z + bias of one output channel, in place; anything where there is no such channel.
template <int kVec>
FWHT_HD void scale(const FwhtLayerParams& params, int channel, int channels, float factor, float (&z)[kVec]) {
    const float gain = read_if<float, 1>(params.gain + channel, channel, channels).at[0] * factor;
    const float bias = read_if<float, 1>(params.bias + channel, channel, channels).at[0];
    FWHT_UNROLL
    for (int e = 0; e < kVec; ++e) {
        z[e] = gain * z[e] + bias;
    }
}

template <typename T, Layout kLayout = T::kLayout>
struct GlobalMemory;

// Each channel of a thread's kVec pixels is one vector in memory; they belong to one image (H * W is a multiple of kVec).
template <typename T>
struct GlobalMemory<T, kNCHW> {
    using Io = typename T::Io;
    using Vector = Pack<Io, T::kVec>;

    const FwhtLayerParams& params;
    int image;  // fewer than 2^31 pixels in all
    int pixel;
    bool inside;

    FWHT_HD GlobalMemory(const FwhtLayerParams& p, int64_t first)
        : params(p),
          image(static_cast<int>(first) / static_cast<int>(p.pixels)),
          pixel(static_cast<int>(first) % static_cast<int>(p.pixels)),
          inside(first < p.batch * p.pixels) {}

    // Where a channel of these pixels lies in a tensor that has `channels`.
    FWHT_HD int64_t place(int channels, int channel) const {
        return (static_cast<int64_t>(image) * channels + channel) * params.pixels + pixel;
    }

    FWHT_HD void load(int column, float (&v)[T::kRows][T::kVec]) const {
        const Io* x = static_cast<const Io*>(params.x) + place(params.in_channels, column);
        const int64_t step = T::kColumns * params.pixels;
        const int rows = inside ? rows_of(params.in_channels, column) : 0;
        Vector vectors[T::kRows];  // all reads are under way before the first value is used
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row, x += step) {
            vectors[row] = read_if<Io, T::kVec>(x, row, rows);
        }
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            unpack(vectors[row], v[row]);
        }
    }

    FWHT_HD void store(int column, float (&v)[T::kRows][T::kVec], float factor) const {
        const int64_t step = T::kColumns * params.pixels;
        const int rows = inside ? rows_of(params.out_channels, column) : 0;
        int64_t at = place(params.out_channels, column);  // walks: 32 addresses would take as many registers as the values
        FWHT_UNROLL
        for (int first = 0; first < T::kRows; first += kBunch) {
            FWHT_UNROLL
            for (int row = first; row < first + kBunch; ++row) {
                scale(params, T::channel(row, column), params.out_channels, factor, v[row]);
            }
            if (params.residual != nullptr) {
                FWHT_UNROLL
                for (int row = first; row < first + kBunch; ++row) {
                    add(at + (row - first) * step, row, rows, v[row]);
                }
            }
            FWHT_UNROLL
            for (int row = first; row < first + kBunch; ++row, at += step) {
                if (row < rows) {
                    put(at, v[row]);
                }
            }
        }
    }

    FWHT_HD void store_channel(int channel, float (&z)[T::kVec], float factor) const {
        if (!inside) {
            return;
        }
        scale(params, channel, params.out_channels, factor, z);
        if (params.residual != nullptr) {
            add(place(params.out_channels, channel), 0, 1, z);
        }
        put(place(params.out_channels, channel), z);
    }

private:
    // Rows that are finished together: enough reads of gain, bias and residual at once, and few registers.
    static constexpr int kBunch = T::kRows < 4 ? T::kRows : 4;

    // How many rows of this column are channels of a tensor that has `channels`.
    static FWHT_HD int rows_of(int channels, int column) {
        return (channels - column + T::kColumns - 1) / T::kColumns;
    }

    static FWHT_HD void unpack(const Vector& vector, float (&values)[T::kVec]) {
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            values[e] = to_float(vector.at[e]);
        }
    }

    FWHT_HD void add(int64_t at, int row, int rows, float (&z)[T::kVec]) const {
        float more[T::kVec];
        unpack(read_if<Io, T::kVec>(static_cast<const Io*>(params.residual) + at, row, rows), more);
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            z[e] += more[e];
        }
    }

    FWHT_HD void put(int64_t at, const float (&z)[T::kVec]) const {
        Vector vector;
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            vector.at[e] = from_float<Io>(activate(z[e], params.activation));
        }
        write(static_cast<Io*>(params.y) + at, vector);
    }
};

// Eight channels of a pixel are one vector in memory. What lies in the channels beyond the last is not trusted when
// read, and written as 0.
template <typename T>
struct GlobalMemory<T, kHWC8> {
    using Io = typename T::Io;
    using Vector = Pack<Io, 8>;

    const FwhtLayerParams& params;
    int64_t first;
    int64_t total;

    FWHT_HD GlobalMemory(const FwhtLayerParams& p, int64_t first_pixel)
        : params(p), first(first_pixel), total(p.batch * p.pixels) {}

    static FWHT_HD int64_t padded(int channels) {
        return (channels + 7) / 8 * 8;
    }

    FWHT_HD void load(int column, float (&v)[T::kRows][T::kVec]) const {
        const Io* x = static_cast<const Io*>(params.x);
        Vector vectors[T::kRows / 8][T::kVec];
        FWHT_UNROLL
        for (int octet = 0; octet < T::kRows / 8; ++octet) {
            const int channel = T::channel(8 * octet, column);
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                const int channels = first + e < total ? params.in_channels : 0;
                vectors[octet][e] =
                    read_if<Io, 8>(x + (first + e) * padded(params.in_channels) + channel, channel, channels);
            }
        }
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                const float value = to_float(vectors[row / 8][e].at[row % 8]);
                v[row][e] = T::channel(row, column) < params.in_channels ? value : 0.0f;
            }
        }
    }

    FWHT_HD void store(int column, const float (&v)[T::kRows][T::kVec], float factor) const {
        FWHT_UNROLL
        for (int octet = 0; octet < T::kRows / 8; ++octet) {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                float z[8];
                FWHT_UNROLL
                for (int i = 0; i < 8; ++i) {
                    z[i] = v[8 * octet + i][e];
                }
                store_octet(T::channel(8 * octet, column), e, z, factor);
            }
        }
    }

    FWHT_HD void store_octet(int channel, int e, const float (&z)[8], float factor) const {
        if (first + e >= total || channel >= params.out_channels) {
            return;
        }
        const int64_t at = (first + e) * padded(params.out_channels) + channel;
        Vector residual{};
        if (params.residual != nullptr) {
            residual = read<Io, 8>(static_cast<const Io*>(params.residual) + at);
        }
        Vector y{};
        FWHT_UNROLL
        for (int i = 0; i < 8; ++i) {
            const bool there = channel + i < params.out_channels;
            float value[1] = {z[i]};
            scale(params, channel + i, params.out_channels, factor, value);
            const float sum = activate(value[0] + to_float(residual.at[i]), params.activation);
            y.at[i] = from_float<Io>(there ? sum : 0.0f);
        }
        write(static_cast<Io*>(params.y) + at, y);
    }
};

}  // namespace fwht
