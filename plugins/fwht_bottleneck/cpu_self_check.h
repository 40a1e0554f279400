// Whether bottlenecks give their stored answers (see ../cpu/self_check.h).
#pragma once

#include <string>

#include "../cpu/kernels.h"

namespace fwht {

// Empty, or the sentence of the first answer that is wrong.
std::string check_fwht_bottleneck_answers(const CpuKernels& kernels);

}  // namespace fwht
