// The library from C, Python (ctypes) and the server, beside what ONNX Runtime calls. All functions may be called from
// any thread; sentences are static or belong to the calling thread until its next call.
#pragma once

#include "../fwht_2d/cpu_training.h"
#include "../fwht_2d/params.h"
#include "../fwht_bottleneck/params.h"
#include "../fwht_layer/cpu_gradients.h"
#include "../mf_depthwise_conv/params.h"
#include "team.h"

#define FWHT_API extern "C" __attribute__((visibility("default")))

// Raised when a function or structure here, or the meaning of an op, is no longer that of the version before.
enum : int { kFwhtNativeAbi = 4 };

FWHT_API int fwht_native_abi();
FWHT_API const char* fwht_native_version();

// "avx2"; null where FWHT_CPU names a set that this machine lacks, and fwht_native_refusal says so.
FWHT_API const char* fwht_native_instruction_set();
FWHT_API const char* fwht_native_refusal();

// Every op against stored answers, in about a millisecond. Null where all are right, else what is wrong.
FWHT_API const char* fwht_native_self_check();

// One run on `threads` threads. Null where it was done, else the sentence that says why not.
FWHT_API const char* fwht_native_fwht_layer(const fwht::FwhtLayerParams* params, int threads);
FWHT_API const char* fwht_native_mf_depthwise_conv(const fwht::MfDepthwiseConvParams* params, int threads);
FWHT_API const char* fwht_native_fwht_2d(const fwht::Fwht2dParams* params, int threads);
FWHT_API const char* fwht_native_fwht_bottleneck(const fwht::FwhtBottleneckParams* params, int threads);

// The backward pass of FWHTLayer, for training.
FWHT_API const char* fwht_native_fwht_layer_gradients(const fwht::FwhtLayerGradientsParams* params, int threads);

// FWHT2D in training: forward, or backward where the gradient of Y is given.
FWHT_API const char* fwht_native_fwht_2d_training(const fwht::Fwht2dTrainingParams* params, int threads);

// From now on runs of the whole process take the threads of `team`, null: threads of their own. PyTorch's threads wait
// for more work by turning in a loop, and others beside them would get no core.
FWHT_API void fwht_native_set_team(FwhtTeam* team);
