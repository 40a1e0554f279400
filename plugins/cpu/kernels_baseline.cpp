#define FWHT_VECTOR "vector_baseline.h"
#include "../fwht_layer/cpu_part.h"
#include "kernels.h"

namespace fwht {

const CpuKernels kBaselineKernels = {"baseline", kLanes, kWideLanes, run_fwht_layer_part};

}  // namespace fwht
