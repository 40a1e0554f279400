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

// The kernels for a depthwise convolution: with fewer lanes where the channels lie a multiple of 4 KiB apart. Sixteen of
// them at once are then sixteen lines in one set of the first-level cache, which holds eight.
const CpuKernels& kernels_of(const CpuKernels& chosen, const MfDepthwiseConvParams& params);

// The kernels for a bottleneck: with fewer lanes where the output would be a single tile, which is one thread's, and
// several threads take parts, as far as is known (`helped`).
const CpuKernels& kernels_of(const CpuKernels& chosen, const FwhtBottleneckParams& params, bool helped);

}  // namespace fwht
