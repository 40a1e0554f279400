// One run of a bottleneck: what each of its parts does, on whichever threads there are.
#pragma once

#include <atomic>
#include <chrono>

#include "../cpu/kernels.h"
#include "../cpu/shared_steps.h"

namespace fwht {

class FwhtBottleneckRun {
  public:
    // timed: take the time of the steps; unscaled: whether all scales of the layer are 1; helped: whether several
    // threads take parts, as far as is known. The parameters must outlive the run.
    FwhtBottleneckRun(const FwhtBottleneckParams& params, const CpuKernels& chosen, bool timed, bool expand_unscaled,
                      bool project_unscaled, bool helped);

    int64_t parts() const { return plan_.parts; }
    size_t scratch_bytes() const { return static_cast<size_t>(plan_.scratch_bytes); }

    // Gets memory that all parts share where they share steps: of the calling thread's own, kept like its scratch.
    // False where there is none.
    bool get_memory();

    // Parts may run at once or one after the other, in any order. scratch: the thread's own.
    void run_part(int64_t part, void* scratch);

    // Seconds of a step in all threads together, when all parts are done.
    float seconds(int step) const { return static_cast<float>(nanoseconds_[step].load()) * 1e-9f; }

  private:
    void run_units(int64_t begin, int64_t end, void* scratch);
    void run_shared(void* scratch);
    void run_step(const FwhtBottleneckUnit& unit, int step, int64_t item, int64_t items,
                  const FwhtBottleneckMemory& memory);

    const FwhtBottleneckParams& params_;
    const CpuKernels& kernels_;
    const bool timed_;
    const FwhtBottleneckCpuPlan plan_;
    float* shared_ = nullptr;
    SharedSteps<kBottleneckSteps> steps_;
    std::atomic<int64_t> nanoseconds_[kBottleneckSteps];
};

}  // namespace fwht
