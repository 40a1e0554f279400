#include "c_interface.h"

#include <cuda_runtime_api.h>

#include "fwht_2d/kernel.h"
#include "fwht_layer/kernel.h"
#include "mf_depthwise_conv/kernel.h"

namespace {

cudaStream_t stream_of(void* stream) {
    return static_cast<cudaStream_t>(stream);
}

cudaEvent_t event_of(void* event) {
    return static_cast<cudaEvent_t>(event);
}

// CUDA 12 replaced the arguments for a log by flags.
cudaError_t instantiate(cudaGraphExec_t* executable, cudaGraph_t graph) {
#if CUDART_VERSION >= 12000
    return cudaGraphInstantiate(executable, graph, 0);
#else
    return cudaGraphInstantiate(executable, graph, nullptr, nullptr, 0);
#endif
}

}  // namespace

const char* fwht_version() {
    return FWHT_VERSION;
}

const char* fwht_error_string(int error) {
    return cudaGetErrorString(static_cast<cudaError_t>(error));
}

const char* fwht_layer_check(const fwht::FwhtLayerParams* params) {
    return fwht::check_fwht_layer(*params);
}

int fwht_layer_launch(const fwht::FwhtLayerParams* params, void* stream) {
    return fwht::launch_fwht_layer(*params, stream_of(stream));
}

const char* fwht_2d_check(const fwht::Fwht2dParams* params) {
    return fwht::check_fwht_2d(*params);
}

int fwht_2d_launch(const fwht::Fwht2dParams* params, void* stream) {
    return fwht::launch_fwht_2d(*params, stream_of(stream));
}

const char* mf_depthwise_conv_check(const fwht::MfDepthwiseConvParams* params) {
    return fwht::check_mf_depthwise_conv(*params);
}

int mf_depthwise_conv_launch(const fwht::MfDepthwiseConvParams* params, void* stream) {
    return fwht::launch_mf_depthwise_conv(*params, stream_of(stream));
}

int fwht_malloc(void** device, uint64_t bytes) {
    return cudaMalloc(device, bytes);
}

int fwht_free(void* device) {
    return cudaFree(device);
}

// cudaMemcpy knows nothing of our streams, which do not wait for the default one, and on the way in it may return once
// the bytes lie in a staging buffer: hence both wait for the whole device.
int fwht_copy_in(void* device, const void* host, uint64_t bytes) {
    const cudaError_t error = cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice);
    return error != cudaSuccess ? error : cudaDeviceSynchronize();
}

int fwht_copy_out(void* host, const void* device, uint64_t bytes) {
    const cudaError_t error = cudaDeviceSynchronize();
    return error != cudaSuccess ? error : cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost);
}

int fwht_copy_device(void* to, const void* from, uint64_t bytes, void* stream) {
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_of(stream));
}

int fwht_memset(void* device, int byte, uint64_t bytes, void* stream) {
    return cudaMemsetAsync(device, byte, bytes, stream_of(stream));
}

int fwht_stream_create(void** stream) {
    return cudaStreamCreateWithFlags(reinterpret_cast<cudaStream_t*>(stream), cudaStreamNonBlocking);
}

int fwht_stream_destroy(void* stream) {
    return cudaStreamDestroy(stream_of(stream));
}

int fwht_stream_synchronize(void* stream) {
    return cudaStreamSynchronize(stream_of(stream));
}

int fwht_event_create(void** event) {
    return cudaEventCreate(reinterpret_cast<cudaEvent_t*>(event));
}

int fwht_event_destroy(void* event) {
    return cudaEventDestroy(event_of(event));
}

int fwht_event_record(void* event, void* stream) {
    return cudaEventRecord(event_of(event), stream_of(stream));
}

int fwht_event_elapsed_ms(float* ms, void* start, void* stop) {
    const cudaError_t error = cudaEventSynchronize(event_of(stop));
    return error != cudaSuccess ? error : cudaEventElapsedTime(ms, event_of(start), event_of(stop));
}

// Relaxed: the capture is of this stream only, and other threads stay free to allocate.
int fwht_graph_begin(void* stream) {
    return cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeRelaxed);
}

int fwht_graph_end(void* stream, void** graph) {
    cudaGraph_t captured = nullptr;
    cudaError_t error = cudaStreamEndCapture(stream_of(stream), &captured);
    if (error != cudaSuccess) {
        return error;
    }
    error = instantiate(reinterpret_cast<cudaGraphExec_t*>(graph), captured);
    cudaGraphDestroy(captured);
    return error;
}

int fwht_graph_launch(void* graph, void* stream) {
    return cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_of(stream));
}

int fwht_graph_destroy(void* graph) {
    return cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}
