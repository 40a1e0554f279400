#include "instruction_sets.h"

#include <cstdlib>
#include <cstring>
#include <string>

namespace fwht {
namespace {

struct InstructionSet {
    const CpuKernels* kernels;
    bool there;
};

#if defined(__x86_64__)
// __builtin_cpu_supports asks the system, too, whether it saves the wide registers.
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

KernelChoice choose() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const InstructionSet sets[] = {
        {&kAvx512Kernels, has_avx512()}, {&kAvx2Kernels, has_avx2()}, {&kBaselineKernels, true}};
#elif defined(__aarch64__)
    const InstructionSet sets[] = {{&kNeonKernels, true}, {&kBaselineKernels, true}};
#else
    const InstructionSet sets[] = {{&kBaselineKernels, true}};
#endif
    const char* wanted = std::getenv("FWHT_CPU");
    std::string names;
    for (const InstructionSet& set : sets) {
        if (set.there && (wanted == nullptr || *wanted == '\0' || std::strcmp(wanted, set.kernels->name) == 0)) {
            return KernelChoice{set.kernels, nullptr};
        }
        if (set.there) {
            names += names.empty() ? set.kernels->name : std::string(", ") + set.kernels->name;
        }
    }
    static std::string refusal;
    refusal = std::string("FWHT_CPU is ") + wanted + ", which this machine does not have: it has " + names +
              "; leave FWHT_CPU unset for the first of them";
    return KernelChoice{nullptr, refusal.c_str()};
}

}  // namespace

const KernelChoice& chosen_kernels() {
    static const KernelChoice choice = choose();
    return choice;
}

const CpuKernels& kernels_of(const CpuKernels& chosen, const MfDepthwiseConvParams& params) {
    constexpr int64_t kPage = 4096;
    const int64_t bytes = int64_t{params.height} * params.width * int64_t{sizeof(float)};
    return chosen.narrow != nullptr && bytes % kPage == 0 ? *chosen.narrow : chosen;
}

const CpuKernels& kernels_of(const CpuKernels& chosen, const FwhtBottleneckParams& params, bool helped) {
    const int64_t pixels =
        int64_t{bottleneck_out_size(params.height, params.stride)} * bottleneck_out_size(params.width, params.stride);
    const bool single = params.batch * pixels <= chosen.lanes && 2 * pixels > chosen.lanes;
    return helped && chosen.narrow != nullptr && single ? *chosen.narrow : chosen;
}

}  // namespace fwht
