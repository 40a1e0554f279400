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

    FWHT_HD void store(int column, const float (&v)[T::kRows][T::kVec], float factor) const {
        Octets<0>::store(*this, T::channel(0, column), v, factor);
    }

    // Eight channels from `channel` on, sums of a pool.
    FWHT_HD void store_octet(int channel, const float (&z)[8][T::kVec], float factor) const {
        finish<0>(channel, z, factor);
    }

private:
    static constexpr int kStep = 8 * T::kFewest;  // channels from one vector of a column to the next

    template <int kOctet, bool kEnd = kOctet == T::kRows / 8>
    struct Octets {
        static FWHT_HD void store(const GlobalMemory& memory, int channel, const float (&v)[T::kRows][T::kVec],
                                  float factor) {
            if (channel + kOctet * kStep >= memory.params.out_channels) {
                return;
            }
            float z[8][T::kVec];
            FWHT_UNROLL
            for (int i = 0; i < 8; ++i) {
                FWHT_UNROLL
                for (int e = 0; e < T::kVec; ++e) {
                    z[i][e] = v[8 * kOctet + i][e];
                }
            }
            memory.template finish<kOctet * kStep>(channel, z, factor);
            Octets<kOctet + 1>::store(memory, channel, v, factor);
        }
    };

    template <int kOctet>
    struct Octets<kOctet, true> {
        static FWHT_HD void store(const GlobalMemory&, int, const float (&)[T::kRows][T::kVec], float) {}
    };

    // Of the eight channels that begin kOffset behind `channel`.
    template <int kOffset>
    FWHT_HD void finish(int channel, const float (&z)[8][T::kVec], float factor) const {
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
