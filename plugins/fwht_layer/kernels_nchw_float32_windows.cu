#include "compiled_kernels.h"
#include "window_kernel.cuh"

namespace fwht {

#define FWHT_KERNEL(...) fwht_layer_windows_kernel<FWHT_LAYER_TILE(__VA_ARGS__)>,

Kernel nchw_float32_windows_kernel(int place) {
    static const Kernel kernels[] = {FWHT_LAYER_NCHW_PATHS_INSTANCES(FWHT_KERNEL, float)};
    return kernels[place];
}

}  // namespace fwht
