// Which kernels this process runs: those of the best instruction set that the processor and the system have, or of the
// one that the environment variable FWHT_CPU names. Decided once, when it is first asked for.
#pragma once

#include "kernels.h"

namespace fwht {

struct KernelChoice {
    const CpuKernels* kernels;  // null where FWHT_CPU names a set that is not there
    const char* refusal;        // then the sentence that says so, else null
};

const KernelChoice& chosen_kernels();

}  // namespace fwht
