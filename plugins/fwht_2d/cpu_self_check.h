// FWHT2D against stored answers, as plugins/cpu/self_check.h does for the other ops.
#pragma once

#include <string>

#include "../cpu/kernels.h"

namespace fwht {

// Empty where all answers are right, else the sentence of the first that is wrong.
std::string check_fwht_2d_answers(const CpuKernels& kernels);

}  // namespace fwht
