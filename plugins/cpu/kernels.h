// The kernels of one instruction set. Each set is a translation unit of its own, compiled with its own flags.
#pragma once

#include "../fwht_2d/cpu_plan.h"
#include "../fwht_2d/cpu_training.h"
#include "../fwht_bottleneck/cpu_plan.h"
#include "../fwht_layer/cpu_gradients.h"
#include "../fwht_layer/cpu_plan.h"
#include "../mf_depthwise_conv/cpu_plan.h"

namespace fwht {

struct CpuKernels {
    const char* name;  // as in FWHT_CPU
    int lanes;
    int wide_lanes;
    void (*run_fwht_layer_part)(const FwhtLayerParams&, const FwhtLayerCpuPlan&, int64_t part, void* scratch);
    void (*run_mf_depthwise_conv_part)(const MfDepthwiseConvParams&, const MfDepthwiseConvCpuPlan&, int64_t part,
                                       void* scratch);
    // For training; `partial`: what this part sums up (cpu_gradients.h).
    void (*run_fwht_layer_gradients_part)(const FwhtLayerGradientsParams&, const FwhtLayerGradientsPlan&, int64_t part,
                                          void* scratch, float* partial);
    // Item `item` of `items` that a step of a unit is cut into.
    void (*run_fwht_bottleneck_step)(const FwhtBottleneckParams&, const FwhtBottleneckCpuPlan&,
                                     const FwhtBottleneckUnit&, int step, int64_t item, int64_t items,
                                     const FwhtBottleneckMemory&);
    void (*run_fwht_2d_part)(const Fwht2dParams&, const Fwht2dCpuPlan&, int64_t part, void* scratch);
    // For training; `partial`: what this part of a backward run sums up (cpu_training.h).
    void (*run_fwht_2d_training_part)(const Fwht2dTrainingParams&, const Fwht2dTrainingPlan&, int64_t part,
                                      void* scratch, float* partial);
    const CpuKernels* narrow;  // those with half as many lanes, which give the same bits, or null
};

extern const CpuKernels kBaselineKernels;
#if defined(__x86_64__)
extern const CpuKernels kAvx2Kernels;
extern const CpuKernels kAvx512Kernels;
#elif defined(__aarch64__)
extern const CpuKernels kNeonKernels;
#endif

}  // namespace fwht
