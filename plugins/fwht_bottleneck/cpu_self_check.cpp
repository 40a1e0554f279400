#include "cpu_self_check.h"

#include <cmath>
#include <vector>

#include "../cpu/scratch.h"
#include "../cpu/self_check_values.h"
#include "cpu_run.h"

namespace fwht {
namespace {

struct FwhtBottleneckAnswer {
    int batch, in_channels, hidden, out_channels, n, height, width, stride, op, residual;
    double digest;  // from the float64 reference (tests/plugins/test_cpu_self_check.py)
};

constexpr FwhtBottleneckAnswer kFwhtBottleneckAnswers[] = {
    {2, 7, 33, 7, 64, 5, 3, 1, 0, 1, -13.064942},  {1, 7, 33, 9, 64, 8, 8, 2, 1, 0, 18.454995},
    {1, 16, 96, 20, 128, 4, 4, 1, 0, 0, 27.880624}, {5, 5, 20, 5, 32, 7, 7, 1, 3, 1, 32.419330},
    {1, 3, 24, 8, 32, 8, 8, 1, 2, 0, 9.899131},    {1, 6, 40, 12, 64, 9, 16, 2, 0, 0, -1.147709},
};

std::string check_answer(const FwhtBottleneckAnswer& a, const CpuKernels& kernels) {
    const std::vector<float> x = pattern(int64_t{a.batch} * a.in_channels * a.height * a.width, 7);
    const std::vector<float> thresholds = pattern(a.n, 3);
    const std::vector<float> scale = pattern(a.n, 11);
    const std::vector<float> gain = pattern(a.n, 5);
    const std::vector<float> bias = pattern(a.n, 13);
    const std::vector<float> weight = pattern(int64_t{a.hidden} * 9, 4);
    FwhtBottleneckParams p{};
    p.expand.thresholds = thresholds.data();
    p.expand.scale = scale.data();
    p.expand.gain = p.gain = gain.data();
    p.expand.bias = p.bias = bias.data();
    p.expand.n = a.n;
    p.expand.pool = p.expand.keep_dc = p.expand.paths = 1;
    p.project = p.expand;
    p.expand.x = x.data();
    p.expand.in_channels = a.in_channels;
    p.expand.out_channels = p.project.in_channels = a.hidden;
    p.project.out_channels = a.out_channels;
    p.weight = weight.data();
    p.batch = a.batch;
    p.height = a.height;
    p.width = a.width;
    p.stride = a.stride;
    p.op = a.op;
    p.activation = 6;
    p.residual = a.residual;
    std::vector<float> y(static_cast<size_t>(a.batch) * a.out_channels * bottleneck_out_size(a.height, a.stride) *
                             bottleneck_out_size(a.width, a.stride),
                         NAN);
    p.project.y = y.data();
    FwhtBottleneckRun run(p, kernels, false, false, false, false);
    void* scratch = thread_scratch(run.scratch_bytes());
    if (scratch == nullptr || !run.get_memory()) {
        return "out of memory";
    }
    for (int64_t part = 0; part < run.parts(); ++part) {
        run.run_part(part, scratch);
    }
    return compare("FWHTBottleneck with operator " + text_of(a.op), digest(y), a.digest, kernels);
}

}  // namespace

std::string check_fwht_bottleneck_answers(const CpuKernels& kernels) {
    for (const FwhtBottleneckAnswer& answer : kFwhtBottleneckAnswers) {
        const std::string wrong = check_answer(answer, kernels);
        if (!wrong.empty()) {
            return wrong;
        }
    }
    return std::string();
}

}  // namespace fwht
