#include "cpu_run.h"

#include <thread>

#include "../cpu/scratch.h"

namespace fwht {
namespace {

constexpr int kSpins = 2000;  // looks at a counter before the core is offered to others: some microseconds

void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace

FwhtBottleneckRun::FwhtBottleneckRun(const FwhtBottleneckParams& params, const CpuKernels& kernels, bool timed,
                                     bool expand_unscaled, bool project_unscaled)
    : params_(params),
      kernels_(kernels),
      timed_(timed),
      plan_(plan_fwht_bottleneck(params, kernels.lanes, kernels.wide_lanes, expand_unscaled, project_unscaled)) {
    for (int step = 0; step < kBottleneckSteps; ++step) {
        done_[step] = 0;
        nanoseconds_[step] = 0;
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

// Every part takes items until there are none left. Whoever waits for a step waits for items that were taken before its
// own, by threads that run: so the parts end however few threads there are.
void FwhtBottleneckRun::run_shared(void* scratch) {
    const int64_t values = plan_.expanded_floats + plan_.filtered_floats;
    int step = 0;
    int64_t before = 0;  // items of the steps before this one
    for (int64_t taken = next_++;; taken = next_++) {
        while (step < kBottleneckSteps && taken >= before + items_of(step)) {
            before += items_of(step++);
        }
        if (step == kBottleneckSteps) {
            return;
        }
        if (step > 0) {
            wait_for(step - 1);
        }
        const int64_t index = (taken - before) / plan_.items[step];
        float* const expanded = shared_ + index * values;
        run_step(unit_of(params_, plan_, index), step, (taken - before) % plan_.items[step], plan_.items[step],
                 FwhtBottleneckMemory{scratch, expanded, expanded + plan_.expanded_floats});
        done_[step].fetch_add(1, std::memory_order_release);
    }
}

void FwhtBottleneckRun::wait_for(int step) const {
    for (int spins = 0; done_[step].load(std::memory_order_acquire) < items_of(step); ++spins) {
        if (spins < kSpins) {
            pause_briefly();
        } else {
            std::this_thread::yield();
        }
    }
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
