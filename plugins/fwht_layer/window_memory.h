// The two ends of a layer with blocks in global memory: `first` is the first channel of a window in X, or of its results.
//
// Windows are read and written in a loop. Gains and biases are read by branches, unlike elsewhere: an instruction that may
// leave its register as it was would keep that register for the whole loop.
#pragma once

#include "global_memory_hwc8.h"
#include "global_memory_nchw.h"

namespace fwht {

FWHT_HD float read_weight(const float* weights, int channel) {
    return read<float, 1>(weights + channel).at[0];
}

template <typename T, Layout kLayout = T::kLayout>
struct WindowMemory;

template <typename T>
struct WindowMemory<T, kNCHW> : GlobalMemory<T, kNCHW> {
    using Base = GlobalMemory<T, kNCHW>;
    using Io = typename T::Io;

    static constexpr int kOutputs = 1;  // channels of Y that are written together

    FWHT_HD WindowMemory(const FwhtLayerParams& p, int64_t pixel) : Base(p, pixel) {}

    FWHT_HD void load(int first, int column, float (&v)[T::kRows][T::kVec]) const {
        Base::load_from(first + T::channel(0, column), v);
    }

    FWHT_HD void store(int first, int column, const float (&v)[T::kRows][T::kVec], float factor) const {
        const int channel = first + T::channel(0, column);
        const int count = this->inside ? this->params.out_channels - channel : 0;
        int64_t place = Base::place(this->params.out_channels, channel);
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row, place += T::kFewest * this->params.pixels) {
            if (row * T::kFewest < count) {
                finish(channel + row * T::kFewest, place, v[row], factor);
            }
        }
    }

    FWHT_HD void store_group(int channel, const float (&z)[1][T::kVec], float factor) const {
        if (this->inside) {
            finish(channel, Base::place(this->params.out_channels, channel), z[0], factor);
        }
    }

private:
    FWHT_HD void finish(int channel, int64_t place, const float (&z)[T::kVec], float factor) const {
        const float gain = read_weight(this->params.gain, channel) * factor;
        const float bias = read_weight(this->params.bias, channel);
        float y[T::kVec];
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            y[e] = gain * z[e] + bias;
        }
        if (this->params.residual != nullptr) {
            const Pack<Io, T::kVec> residual = read<Io, T::kVec>(static_cast<const Io*>(this->params.residual) + place);
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                y[e] += to_float(residual.at[e]);
            }
        }
        write(static_cast<Io*>(this->params.y) + place, Activation<Io>(this->params.activation).apply(y));
    }
};

template <typename T>
struct WindowMemory<T, kHWC8> : GlobalMemory<T, kHWC8> {
    using Base = GlobalMemory<T, kHWC8>;
    using Io = typename T::Io;
    using Vector = Pack<Io, 8>;

    static constexpr int kOutputs = 8;

    FWHT_HD WindowMemory(const FwhtLayerParams& p, int64_t pixel) : Base(p, pixel) {}

    // Windows that overlap begin anywhere: where that is not at a vector of 8 channels, each is read on its own.
    FWHT_HD void load(int first, int column, float (&v)[T::kRows][T::kVec]) const {
        if (first % 8 == 0) {
            load_by<8>(first, column, v);
        } else {
            load_by<1>(first, column, v);
        }
    }

    FWHT_HD void store(int first, int column, const float (&v)[T::kRows][T::kVec], float factor) const {
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; row += 8) {
            const int channel = first + T::channel(row, column);
            if (channel < this->params.out_channels) {
                store_vectors(channel, v + row, factor);
            }
        }
    }

    FWHT_HD void store_group(int channel, const float (&z)[8][T::kVec], float factor) const {
        store_vectors(channel, z, factor);
    }

private:
    template <int kTogether>
    FWHT_HD void load_by(int first, int column, float (&v)[T::kRows][T::kVec]) const {
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            const int64_t pixel = this->first + e;
            const Io* x = static_cast<const Io*>(this->params.x) + pixel * Base::padded(this->params.in_channels) + first;
            const int count = pixel < this->total ? T::kRows : 0;
            Pack<Io, kTogether> parts[T::kRows / kTogether];
            FWHT_UNROLL
            for (int row = 0; row < T::kRows; row += kTogether) {
                parts[row / kTogether] = read_if<Io, kTogether>(x + T::channel(row, column), row, count);
            }
            FWHT_UNROLL
            for (int row = 0; row < T::kRows; ++row) {
                v[row][e] = to_float(parts[row / kTogether].at[row % kTogether]);
            }
        }
    }

    // Eight channels of each pixel; those beyond the last are 0.
    FWHT_HD void store_vectors(int channel, const float (*z)[T::kVec], float factor) const {
        const int count = this->params.out_channels - channel;
        float gain[8];
        float bias[8];
        FWHT_UNROLL
        for (int i = 0; i < 8; ++i) {
            gain[i] = i < count ? read_weight(this->params.gain, channel + i) * factor : 0.0f;
            bias[i] = i < count ? read_weight(this->params.bias, channel + i) : 0.0f;
        }
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            if (this->first + e < this->total) {
                const int64_t at = (this->first + e) * Base::padded(this->params.out_channels) + channel;
                float y[8];
                FWHT_UNROLL
                for (int i = 0; i < 8; ++i) {
                    y[i] = gain[i] * z[i][e] + bias[i];
                }
                if (this->params.residual != nullptr) {
                    const Vector residual = read<Io, 8>(static_cast<const Io*>(this->params.residual) + at);
                    FWHT_UNROLL
                    for (int i = 0; i < 8; ++i) {
                        y[i] += to_float(residual.at[i]);
                    }
                }
                Vector vector = Activation<Io>(this->params.activation).apply(y);
                FWHT_UNROLL
                for (int i = 0; i < 8; ++i) {
                    vector.at[i] = i < count ? vector.at[i] : Io{};
                }
                write(static_cast<Io*>(this->params.y) + at, vector);
            }
        }
    }
};

}  // namespace fwht
