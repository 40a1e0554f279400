#include "kernel.h"

#include "dispatch.h"
#include "kernel.cuh"

namespace fwht {

namespace {

struct Launch {
    cudaStream_t stream;

    template <typename T, int kSize, int kOperator, int kRows>
    void nchw(const MfDepthwiseConvParams& params, const MfTasks& tasks, int64_t blocks) const {
        mf_depthwise_conv_nchw<T, kSize, kOperator, kRows>
            <<<static_cast<unsigned>(blocks), kMfNchwThreads, 0, stream>>>(params, tasks);
    }

    template <int kSize, int kOperator, int kColumns>
    void hwc8(const MfDepthwiseConvParams& params, const MfTasks& tasks, int64_t blocks) const {
        mf_depthwise_conv_hwc8<kSize, kOperator, kColumns>
            <<<static_cast<unsigned>(blocks), kMfHwc8Threads, 0, stream>>>(params, tasks);
    }
};

}  // namespace

cudaError_t launch_mf_depthwise_conv(const MfDepthwiseConvParams& params, cudaStream_t stream) {
    if (check_mf_depthwise_conv(params) != nullptr) {
        return cudaErrorInvalidValue;
    }
    const bool launched = dispatch_mf_depthwise_conv(params, Launch{stream});
    return launched ? cudaGetLastError() : cudaErrorInvalidValue;
}

}  // namespace fwht
