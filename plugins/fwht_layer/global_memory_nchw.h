// Reading X and writing Y in NCHW.
#pragma once

#include "global_memory.h"

namespace fwht {

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
          image(static_cast<int>(static_cast<uint32_t>(first) / static_cast<uint32_t>(p.pixels))),
          pixel(static_cast<int>(static_cast<uint32_t>(first) % static_cast<uint32_t>(p.pixels))),
          inside(first < p.batch * p.pixels) {}

    // Where a channel of these pixels lies in a tensor that has `channels`.
    FWHT_HD int64_t place(int channels, int channel) const {
        return (static_cast<int64_t>(image) * channels + channel) * params.pixels + pixel;
    }

    FWHT_HD void load(int column, float (&v)[T::kRows][T::kVec]) const {
        load_from(T::channel(0, column), v);
    }

    FWHT_HD void load_from(int channel, float (&v)[T::kRows][T::kVec]) const {
        const Io* x = static_cast<const Io*>(params.x) + place(params.in_channels, channel);
        const int count = inside ? params.in_channels - channel : 0;
        if ((T::kRows - 1) * kStep < count) {
            load_rows<true>(x, count, v);
        } else {
            load_rows<false>(x, count, v);
        }
    }

    FWHT_HD void store(int column, const float (&v)[T::kRows][T::kVec], float factor) const {
        const int channel = T::channel(0, column);
        Io* y = static_cast<Io*>(params.y) + place(params.out_channels, channel);
        Bunches<0>::store(*this, channel, y, v, factor);
    }

    FWHT_HD void store_channel(int channel, const float (&z)[T::kVec], float factor) const {
        Io* y = static_cast<Io*>(params.y) + place(params.out_channels, channel);
        store_rows<1, 0>(channel, y, &z, factor);
    }

private:
    static constexpr int kStep = T::kFewest;  // channels from one row of a column to the next

    // All reads are under way before the first value is used. kAll: there are channels in all rows, and nothing to ask.
    template <bool kAll>
    FWHT_HD void load_rows(const Io* x, int count, float (&v)[T::kRows][T::kVec]) const {
        Vector vectors[T::kRows];
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row, x += kStep * params.pixels) {
            vectors[row] = kAll ? read<Io, T::kVec>(x) : read_if<Io, T::kVec>(x, row * kStep, count);
        }
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            unpack(vectors[row], v[row]);
        }
    }

    // Rows that are finished together: enough reads of gain, bias and residual at once, and few registers.
    static constexpr int kBunch = T::kRows < 4 ? T::kRows : 4;

    // The rows of a column, as far as there are channels. y walks: 32 addresses would take as many registers as the values.
    template <int kFirst, bool kEnd = kFirst == T::kRows>
    struct Bunches {
        static FWHT_HD void store(const GlobalMemory& memory, int channel, Io* y, const float (&v)[T::kRows][T::kVec],
                                  float factor) {
            if (channel + kFirst * kStep < memory.params.out_channels) {
                y = memory.template store_rows<kBunch, kFirst>(channel, y, v + kFirst, factor);
                Bunches<kFirst + kBunch>::store(memory, channel, y, v, factor);
            }
        }
    };

    template <int kFirst>
    struct Bunches<kFirst, true> {
        static FWHT_HD void store(const GlobalMemory&, int, Io*, const float (&)[T::kRows][T::kVec], float) {}
    };

    // kCount rows of the column whose first channel is given, from row kFirst on, which begins at y. Returns the next one.
    template <int kCount, int kFirst>
    FWHT_HD Io* store_rows(int channel, Io* y, const float (*v)[T::kVec], float factor) const {
        const int64_t step = kStep * params.pixels;
        const int count = inside ? params.out_channels - channel : 0;
        const Scales<kCount, kStep, kFirst * kStep> scales(params, channel, count, factor);
        float z[kCount][T::kVec];
        FWHT_UNROLL
        for (int i = 0; i < kCount; ++i) {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                z[i][e] = scales.apply(i, v[i][e]);
            }
        }
        if (params.residual != nullptr) {
            const Io* residual = static_cast<const Io*>(params.residual) + (y - static_cast<Io*>(params.y));
            FWHT_UNROLL
            for (int i = 0; i < kCount; ++i, residual += step) {
                add(read_if<Io, T::kVec>(residual, (kFirst + i) * kStep, count), z[i]);
            }
        }
        const Activation<Io> activation(params.activation);
        FWHT_UNROLL
        for (int i = 0; i < kCount; ++i, y += step) {
            write_if(y, (kFirst + i) * kStep, count, activation.apply(z[i]));
        }
        return y;
    }

    static FWHT_HD void unpack(const Vector& vector, float (&values)[T::kVec]) {
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            values[e] = to_float(vector.at[e]);
        }
    }

    static FWHT_HD void add(const Vector& residual, float (&z)[T::kVec]) {
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            z[e] += to_float(residual.at[e]);
        }
    }
};

}  // namespace fwht
