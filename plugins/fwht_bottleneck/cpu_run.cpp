#include "cpu_run.h"

#include "../cpu/instruction_sets.h"
#include "../cpu/scratch.h"

namespace fwht {

FwhtBottleneckRun::FwhtBottleneckRun(const FwhtBottleneckParams& params, const CpuKernels& chosen, bool timed,
                                     bool expand_unscaled, bool project_unscaled, bool helped)
    : params_(params),
      kernels_(kernels_of(chosen, params, helped)),
      timed_(timed),
      plan_(plan_fwht_bottleneck(params, kernels_.lanes, kernels_.wide_lanes, expand_unscaled, project_unscaled)),
      steps_(plan_.units, plan_.items) {
    for (std::atomic<int64_t>& nanoseconds : nanoseconds_) {
        nanoseconds = 0;
    }
}

bool FwhtBottleneckRun::get_memory() {
    if (plan_.shared) {
        shared_ = static_cast<float*>(thread_sums(static_cast<size_t>(plan_.shared_bytes)));
    }
    return shared_ != nullptr || !plan_.shared;
}

void FwhtBottleneckRun::run_part(int64_t part, void* scratch) {
    if (plan_.shared) {
        run_shared(scratch);
    } else {
        run_units(part * plan_.units / plan_.parts, (part + 1) * plan_.units / plan_.parts, scratch);
    }
}

void FwhtBottleneckRun::run_units(int64_t begin, int64_t end, void* scratch) {
    float* const expanded = static_cast<float*>(scratch) + plan_.own_floats;
    const FwhtBottleneckMemory memory{scratch, expanded, expanded + plan_.expanded_floats};
    for (int64_t index = begin; index < end; ++index) {
        const FwhtBottleneckUnit unit = unit_of(params_, plan_, index);
        for (int step = 0; step < kBottleneckSteps; ++step) {
            run_step(unit, step, 0, 1, memory);
        }
    }
}

void FwhtBottleneckRun::run_shared(void* scratch) {
    const int64_t values = plan_.expanded_floats + plan_.filtered_floats;
    steps_.run([&](int step, int64_t item) {
        const int64_t index = item / plan_.items[step];
        float* const expanded = shared_ + index * values;
        run_step(unit_of(params_, plan_, index), step, item % plan_.items[step], plan_.items[step],
                 FwhtBottleneckMemory{scratch, expanded, expanded + plan_.expanded_floats});
    });
}

void FwhtBottleneckRun::run_step(const FwhtBottleneckUnit& unit, int step, int64_t item, int64_t items,
                                 const FwhtBottleneckMemory& memory) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = timed_ ? Clock::now() : Clock::time_point();
    kernels_.run_fwht_bottleneck_step(params_, plan_, unit, step, item, items, memory);
    if (timed_) {
        nanoseconds_[step] += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
    }
}

}  // namespace fwht
