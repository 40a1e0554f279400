#include "kernel.h"

#include "dispatch.h"
#include "kernel.cuh"

namespace fwht {
namespace {

struct Launch {
    const Fwht2dParams& params;
    cudaStream_t stream;

    template <typename T>
    void kernel(int64_t blocks) const {
        fwht_2d_kernel<T><<<static_cast<unsigned>(blocks), T::kThreads, 0, stream>>>(params);
    }
};

}  // namespace

cudaError_t launch_fwht_2d(const Fwht2dParams& params, cudaStream_t stream) {
    if (check_fwht_2d(params) != nullptr) {
        return cudaErrorInvalidValue;
    }
    if (params.batch == 0) {
        return cudaSuccess;
    }
    return dispatch_fwht_2d(params, Launch{params, stream}) ? cudaGetLastError() : cudaErrorInvalidValue;
}

}  // namespace fwht
