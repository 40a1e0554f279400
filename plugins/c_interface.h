// C functions of both libraries: the kernels for callers without TensorRT (Python's ctypes, benchmarks, tests), and as
// much of the CUDA runtime as they need beside them. A result of type int is a cudaError_t: 0 is success.
#pragma once

#include <stdint.h>

#include "fwht_2d/params.h"
#include "fwht_layer/params.h"
#include "mf_depthwise_conv/params.h"

#define FWHT_API __attribute__((visibility("default")))

extern "C" {

FWHT_API const char* fwht_version();
FWHT_API const char* fwht_error_string(int error);

// One asynchronous launch on `stream`. The check returns NULL, or a sentence that says what is wrong; the
// launch then returns cudaErrorInvalidValue (1).
FWHT_API const char* fwht_layer_check(const fwht::FwhtLayerParams* params);
FWHT_API int fwht_layer_launch(const fwht::FwhtLayerParams* params, void* stream);
FWHT_API const char* fwht_2d_check(const fwht::Fwht2dParams* params);
FWHT_API int fwht_2d_launch(const fwht::Fwht2dParams* params, void* stream);
FWHT_API const char* mf_depthwise_conv_check(const fwht::MfDepthwiseConvParams* params);
FWHT_API int mf_depthwise_conv_launch(const fwht::MfDepthwiseConvParams* params, void* stream);

// Memory. copy_in (to the device) and copy_out (from it) wait until they are done, the other two do not.
FWHT_API int fwht_malloc(void** device, uint64_t bytes);
FWHT_API int fwht_free(void* device);
FWHT_API int fwht_copy_in(void* device, const void* host, uint64_t bytes);
FWHT_API int fwht_copy_out(void* host, const void* device, uint64_t bytes);
FWHT_API int fwht_copy_device(void* to, const void* from, uint64_t bytes, void* stream);
FWHT_API int fwht_memset(void* device, int byte, uint64_t bytes, void* stream);

// Streams and events. elapsed_ms waits for `stop`.
FWHT_API int fwht_stream_create(void** stream);
FWHT_API int fwht_stream_destroy(void* stream);
FWHT_API int fwht_stream_synchronize(void* stream);
FWHT_API int fwht_event_create(void** event);
FWHT_API int fwht_event_destroy(void* event);
FWHT_API int fwht_event_record(void* event, void* stream);
FWHT_API int fwht_event_elapsed_ms(float* ms, void* start, void* stop);

// Graphs: what is launched on `stream` between begin and end is recorded instead, to be launched again as a whole, so
// that a time does not hold the gaps between single launches. `stream` must be one of fwht_stream_create.
FWHT_API int fwht_graph_begin(void* stream);
FWHT_API int fwht_graph_end(void* stream, void** graph);
FWHT_API int fwht_graph_launch(void* graph, void* stream);
FWHT_API int fwht_graph_destroy(void* graph);

}  // extern "C"
