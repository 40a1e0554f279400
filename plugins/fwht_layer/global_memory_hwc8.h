// Reading X and writing Y in HWC8.
#pragma once

#include "global_memory.h"

namespace fwht {

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
        const int channel = T::channel(0, column);
        Vector vectors[T::kVec][T::kRows / 8];
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            const Io* x = static_cast<const Io*>(params.x) + (first + e) * padded(params.in_channels) + channel;
            const int count = first + e < total ? params.in_channels - channel : 0;
            ReadEach<T::kRows / 8, kStep>::run(x, count, vectors[e]);
        }
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                v[row][e] = to_float(vectors[e][row / 8].at[row % 8]);
            }
        }
        if (params.in_channels % 8 != 0) {
            FWHT_UNROLL
            for (int row = 0; row < T::kRows; ++row) {
                FWHT_UNROLL
                for (int e = 0; e < T::kVec; ++e) {
                    v[row][e] = T::channel(row, column) < params.in_channels ? v[row][e] : 0.0f;
                }
            }
        }
    }

    // Eight channels at a time, as far as there are any. Where all of them are whole, and nothing is added, that takes a
    // third of the instructions.
    FWHT_HD void store(int column, const float (&v)[T::kRows][T::kVec], float factor) const {
        const int channel = T::channel(0, column);
        if (params.out_channels % 8 == 0 && params.residual == nullptr && aligned(params.gain) && aligned(params.bias)) {
            Octets<0>::store(Whole(*this, channel, factor), params.out_channels - channel, v);
        } else {
            Octets<0>::store(Any{*this, channel, factor}, params.out_channels - channel, v);
        }
    }

    // Eight channels from `channel` on, sums of a pool.
    FWHT_HD void store_octet(int channel, const float (&z)[8][T::kVec], float factor) const {
        Any{*this, channel, factor}.template store<0>(z);
    }

private:
    static constexpr int kStep = 8 * T::kFewest;  // channels from one vector of a column to the next

    static FWHT_HD bool aligned(const float* weights) {
        return reinterpret_cast<size_t>(weights) % sizeof(Pack<float, 4>) == 0;
    }

    FWHT_HD Io* find(void* tensor, int channels, int pixel, int channel) const {
        return static_cast<Io*>(tensor) + (first + pixel) * padded(channels) + channel;
    }

    // The vectors of a column from kOctet on: those that begin among its first `count` channels are stored, by the way given.
    template <int kOctet, bool kEnd = kOctet == T::kRows / 8>
    struct Octets {
        template <typename Way>
        static FWHT_HD void store(const Way& way, int count, const float (&v)[T::kRows][T::kVec]) {
            if (kOctet * kStep < count) {
                way.template store<kOctet * kStep>(v + 8 * kOctet);
                Octets<kOctet + 1>::store(way, count, v);
            }
        }
    };

    template <int kOctet>
    struct Octets<kOctet, true> {
        template <typename Way>
        static FWHT_HD void store(const Way&, int, const float (&)[T::kRows][T::kVec]) {}
    };

    // Whole vectors, without a residual. What depends on the thread is found once, the rest is an instruction's offset.
    struct Whole {
        const float* gain;
        const float* bias;
        float factor;
        Activation<Io> activation;
        Io* y[T::kVec];
        bool inside[T::kVec];

        FWHT_HD Whole(const GlobalMemory& memory, int channel, float f)
            : gain(memory.params.gain + channel),
              bias(memory.params.bias + channel),
              factor(f),
              activation(memory.params.activation) {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                y[e] = memory.find(memory.params.y, memory.params.out_channels, e, channel);
                inside[e] = memory.first + e < memory.total;
            }
        }

        // Of the eight channels that begin kOffset behind the first.
        template <int kOffset>
        FWHT_HD void store(const float (*z)[T::kVec]) const {
            float gains[8];
            float biases[8];
            FWHT_UNROLL
            for (int i = 0; i < 8; i += 4) {
                const Pack<float, 4> four = read<float, 4>(gain + kOffset + i);
                const Pack<float, 4> more = read<float, 4>(bias + kOffset + i);
                FWHT_UNROLL
                for (int j = 0; j < 4; ++j) {
                    gains[i + j] = four.at[j] * factor;
                    biases[i + j] = more.at[j];
                }
            }
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                if (inside[e]) {
                    float sum[8];
                    FWHT_UNROLL
                    for (int i = 0; i < 8; ++i) {
                        sum[i] = gains[i] * z[i][e] + biases[i];
                    }
                    write(y[e] + kOffset, activation.apply(sum));
                }
            }
        }
    };

    // Vectors that may hold channels beyond the last, and what is added to them.
    struct Any {
        const GlobalMemory& memory;
        int channel;
        float factor;

        template <int kOffset>
        FWHT_HD void store(const float (*z)[T::kVec]) const {
            memory.template finish<kOffset>(channel, z, factor);
        }
    };

    // Of the eight channels that begin kOffset behind `channel`.
    template <int kOffset>
    FWHT_HD void finish(int channel, const float (*z)[T::kVec], float factor) const {
        const int count = params.out_channels - channel;
        const Scales<8, 1, kOffset> scales(params, channel, count, factor);
        const Activation<Io> activation(params.activation);
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            if (first + e < total) {
                const int64_t at = (first + e) * padded(params.out_channels) + channel + kOffset;
                float sum[8];
                FWHT_UNROLL
                for (int i = 0; i < 8; ++i) {
                    sum[i] = scales.apply(i, z[i][e]);
                }
                if (params.residual != nullptr) {
                    const Vector residual = read<Io, 8>(static_cast<const Io*>(params.residual) + at);
                    FWHT_UNROLL
                    for (int i = 0; i < 8; ++i) {
                        sum[i] += to_float(residual.at[i]);
                    }
                }
                Vector y = activation.apply(sum);
                if (kOffset + 8 > count) {
                    FWHT_UNROLL
                    for (int i = 0; i < 8; ++i) {
                        y.at[i] = kOffset + i < count ? y.at[i] : Io{};
                    }
                }
                write(static_cast<Io*>(params.y) + at, y);
            }
        }
    }
};

}  // namespace fwht
