// One FWHT layer 1024 -> 1024 on 512 pixels, once: what benchmarks/harness/arm64_trace.py counts the instructions of. The
// argument is 1 for the soft threshold, 0 for the smooth one with scales of 1.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cpu/c_interface.h"
#include "cpu/kernels.h"

namespace fwht {
const CpuKernels kBaselineKernels = kNeonKernels;  // not asked for: FWHT_CPU=neon
}  // namespace fwht

int main(int, char** arguments) {
    constexpr int kChannels = 1024;
    constexpr int kPixels = 512;
    const std::vector<float> x(kChannels * kPixels, 0.5f);
    const std::vector<float> weights(kChannels, 1.0f);
    std::vector<float> y(x.size());
    fwht::FwhtLayerParams p{};
    p.x = x.data();
    p.thresholds = p.scale = p.gain = p.bias = weights.data();
    p.y = y.data();
    p.batch = 1;
    p.pixels = kPixels;
    p.in_channels = p.out_channels = p.n = kChannels;
    p.pool = p.paths = 1;
    p.activation = 6;
    p.soft = std::atoi(arguments[1]);
    const char* const refusal = fwht_native_fwht_layer(&p, 1);
    if (refusal != nullptr) {
        std::puts(refusal);
    }
    return refusal != nullptr;
}
