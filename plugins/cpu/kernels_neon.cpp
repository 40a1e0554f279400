#define FWHT_VECTOR "vector_neon.h"
#include "../fwht_2d/cpu_kernel.h"
#include "../fwht_2d/cpu_training_part.h"
#include "../fwht_bottleneck/cpu_kernel.h"
#include "../fwht_layer/cpu_gradients_part.h"
#include "../fwht_layer/cpu_part.h"
#include "../mf_depthwise_conv/cpu_kernel.h"
#include "kernels.h"

namespace fwht {

const CpuKernels kNeonKernels = {
    "neon", kLanes, kWideLanes, run_fwht_layer_part, run_mf_depthwise_conv_part,
    run_fwht_layer_gradients_part, run_fwht_bottleneck_step, run_fwht_2d_part, run_fwht_2d_training_part, nullptr};

}  // namespace fwht
