// The two ends of the layer in global memory: reading X, writing Y. What both layouts share.
#pragma once

#include "activation.h"
#include "params.h"
#include "tile.h"

namespace fwht {

// Gain and bias of kCount channels, kStep apart, from the one kFirst behind `channel` on, of those that are among `count`.
template <int kCount, int kStep, int kFirst>
struct Scales {
    float gain[kCount];
    float bias[kCount];

    FWHT_HD Scales(const FwhtLayerParams& params, int channel, int count, float factor) {
        ReadFloats<kCount, kStep, kFirst>::run(params.gain + channel, count, gain);
        ReadFloats<kCount, kStep, kFirst>::run(params.bias + channel, count, bias);
        FWHT_UNROLL
        for (int i = 0; i < kCount; ++i) {
            gain[i] *= factor;
        }
    }

    FWHT_HD float apply(int i, float z) const {
        return gain[i] * z + bias[i];
    }
};

template <typename T, Layout kLayout = T::kLayout>
struct GlobalMemory;

}  // namespace fwht
