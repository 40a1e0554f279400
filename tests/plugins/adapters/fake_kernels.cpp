// In place of the kernels and of the CUDA runtime: remembers what was to be launched.
#include <mutex>

#include "../../../plugins/fwht_2d/kernel.h"
#include "../../../plugins/fwht_layer/kernel.h"
#include "../../../plugins/mf_depthwise_conv/kernel.h"
#include "fakes.h"

namespace {

std::mutex guard;
Launches launches;
cudaError_t result = cudaSuccess;

}  // namespace

extern "C" const char* cudaGetErrorString(cudaError_t) { return "the fake failed"; }

namespace fwht {

cudaError_t launch_fwht_layer(const FwhtLayerParams& params, cudaStream_t stream) {
    const std::lock_guard<std::mutex> lock(guard);
    launches.fwht.emplace_back(params, stream);
    return result;
}

cudaError_t launch_mf_depthwise_conv(const MfDepthwiseConvParams& params, cudaStream_t stream) {
    const std::lock_guard<std::mutex> lock(guard);
    launches.mf.emplace_back(params, stream);
    return result;
}

cudaError_t launch_fwht_2d(const Fwht2dParams& params, cudaStream_t stream) {
    const std::lock_guard<std::mutex> lock(guard);
    launches.maps.emplace_back(params, stream);
    return result;
}

}  // namespace fwht

Launches launched() {
    const std::lock_guard<std::mutex> lock(guard);
    return std::exchange(launches, {});
}

void let_launches_return(cudaError_t error) { result = error; }
