#include "kernel.h"

#include "check.h"
#include "choose_tile.h"
#include "compiled_kernels.h"

namespace fwht {

static_assert(count_kernels() == sizeof(kTiles) / sizeof(kTiles[0]), "a tile without a kernel, or a kernel without a tile");

namespace {

cudaError_t current_device(Device& device) {
    int id = 0;
    cudaError_t error = cudaGetDevice(&id);
    if (error == cudaSuccess) {
        error = cudaDeviceGetAttribute(&device.multiprocessors, cudaDevAttrMultiProcessorCount, id);
    }
    if (error == cudaSuccess) {
        error = cudaDeviceGetAttribute(&device.shared_bytes, cudaDevAttrMaxSharedMemoryPerBlock, id);
    }
    if (error == cudaSuccess) {  // what can be asked for; a GPU that gives no more than the rest may say 0
        int most = 0;
        error = cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, id);
        device.shared_bytes = most > device.shared_bytes ? most : device.shared_bytes;
    }
    if (error == cudaSuccess) {
        error = cudaDeviceGetAttribute(&device.shared_together, cudaDevAttrMaxSharedMemoryPerMultiprocessor, id);
    }
    return error;
}

}  // namespace

cudaError_t launch_fwht_layer(const FwhtLayerParams& params, cudaStream_t stream) {
    if (check_fwht_layer(params) != nullptr) {
        return cudaErrorInvalidValue;
    }
    if (params.batch == 0) {
        return cudaSuccess;
    }
    Device device{};
    cudaError_t error = current_device(device);
    if (error != cudaSuccess) {
        return error;
    }
    const int index = choose_tile(kTiles, params, device);
    if (index < 0) {
        return cudaErrorInvalidValue;
    }
    const TileFacts& tile = kTiles[index];
    const void* kernel = reinterpret_cast<const void*>(find_kernel(index));
    if (tile.shared_bytes > 48 * 1024) {  // more than every block has must be asked for, once per device; it costs little
        error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, tile.shared_bytes);
        if (error != cudaSuccess) {
            return error;
        }
    }
    FwhtLayerParams copy = params;
    void* arguments[] = {&copy};
    const dim3 blocks(static_cast<unsigned>(blocks_of(tile, params)),
                      static_cast<unsigned>(window_blocks_of(tile, params)));
    return cudaLaunchKernel(kernel, blocks, dim3(tile.threads), arguments, tile.shared_bytes, stream);
}

}  // namespace fwht
