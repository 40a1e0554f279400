#include "cpu_self_check.h"

#include <vector>

#include "../cpu/scratch.h"
#include "../cpu/self_check_values.h"

namespace fwht {
namespace {

struct Fwht2dAnswer {
    int batch, channels, height, width, n, stride, keep_dc, activation, paths, soft;
    double digest;  // from the float64 reference (tests/plugins/test_cpu_self_check.py)
};

constexpr Fwht2dAnswer kFwht2dAnswers[] = {
    {2, 9, 8, 8, 8, 1, 0, 0, 1, 0, 53.565403},
    {1, 3, 7, 7, 8, 1, 0, 6, 1, 0, 4.579007},
    {1, 5, 16, 16, 16, 1, 1, 0, 3, 1, 60.956238},
    {2, 33, 4, 4, 4, 1, 0, 1, 1, 1, -22.035522},
    {1, 3, 2, 1, 2, 1, 0, 0, 2, 0, 4.031833},
    {1, 2, 32, 32, 32, 1, 0, 6, 1, 0, 0.486417},
    {1, 2, 14, 13, 16, 2, 1, 0, 1, 0, 8.050400},
    {1, 1, 56, 56, 64, 1, 0, 0, 1, 1, -78.569223},
    {1, 1, 100, 128, 128, 4, 0, 0, 2, 0, 0.735281},
};

std::string check_answer(const Fwht2dAnswer& a, const CpuKernels& kernels) {
    const std::vector<float> x = pattern(int64_t{a.batch} * a.channels * a.height * a.width, 7);
    const std::vector<float> thresholds = pattern(int64_t{a.n} * a.n * a.paths, 3);
    const std::vector<float> scale = pattern(int64_t{a.n} * a.n * a.paths, 11);
    const std::vector<float> gain = pattern(a.channels, 5);
    const std::vector<float> bias = pattern(a.channels, 13);
    Fwht2dParams p{};
    p.height = a.height;
    p.width = a.width;
    p.stride = a.stride;
    std::vector<float> y(static_cast<size_t>(a.batch) * a.channels * out_height_of(p) * out_width_of(p), NAN);
    p.x = x.data();
    p.thresholds = thresholds.data();
    p.scale = scale.data();
    p.gain = gain.data();
    p.bias = bias.data();
    p.y = y.data();
    p.batch = a.batch;
    p.channels = a.channels;
    p.n = a.n;
    p.keep_dc = a.keep_dc;
    p.activation = a.activation;
    p.paths = a.paths;
    p.soft = a.soft;
    const Fwht2dCpuPlan plan = plan_fwht_2d(p, kernels.lanes);
    void* scratch = thread_scratch(static_cast<size_t>(plan.scratch_bytes));
    if (scratch == nullptr) {
        return "out of memory";
    }
    for (int64_t part = 0; part < plan.parts; ++part) {
        kernels.run_fwht_2d_part(p, plan, part, scratch);
    }
    return compare("FWHT2D with n = " + text_of(a.n), digest(y), a.digest, kernels);
}

// In training, of both directions: the digest is that of Y, of the gradient of X, of those of the thresholds and of the
// scales, in this order.
struct Fwht2dTrainingAnswer {
    int batch, channels, height, width, n, stride, keep_dc, paths, soft, apart;
    double digest;
};

constexpr Fwht2dTrainingAnswer kFwht2dTrainingAnswers[] = {
    {2, 21, 8, 8, 8, 1, 0, 1, 1, 0, 104.095459},
    {1, 5, 14, 13, 16, 2, 1, 2, 0, 0, 14.586196},
    {1, 3, 32, 32, 32, 1, 0, 3, 1, 1, -596.333221},
    {3, 7, 2, 1, 2, 1, 0, 2, 0, 1, -9.708920},
};

bool run_training(Fwht2dTrainingParams& p, const CpuKernels& kernels) {
    const Fwht2dTrainingPlan plan = plan_fwht_2d_training(p, kernels.lanes);
    void* scratch = thread_scratch(static_cast<size_t>(plan.scratch_bytes));
    if (scratch == nullptr) {
        return false;
    }
    std::vector<float> sums(static_cast<size_t>(plan.parts * plan.sums));
    for (int64_t part = 0; part < plan.parts; ++part) {
        kernels.run_fwht_2d_training_part(p, plan, part, scratch, sums.data() + part * plan.sums);
    }
    if (p.y_gradient != nullptr) {
        add_up_fwht_2d_gradients(p, plan, sums.data());
    }
    return true;
}

std::string check_answer(const Fwht2dTrainingAnswer& a, const CpuKernels& kernels) {
    const int64_t maps = int64_t{a.batch} * a.channels;
    const std::vector<float> x = pattern(maps * (a.apart != 0 ? a.paths : 1) * a.height * a.width, 7);
    const int64_t out = int64_t{(a.height + a.stride - 1) / a.stride} * ((a.width + a.stride - 1) / a.stride);
    const std::vector<float> dy = pattern(maps * out, 4);
    const std::vector<float> thresholds = pattern(int64_t{a.n} * a.n * a.paths, 3);
    const std::vector<float> scale = pattern(int64_t{a.n} * a.n * a.paths, 11);
    std::vector<float> found(dy.size() + x.size() + 2 * scale.size(), NAN);
    Fwht2dTrainingParams p{};
    p.x = x.data();
    p.thresholds = thresholds.data();
    p.scale = scale.data();
    p.y = found.data();
    p.batch = a.batch;
    p.channels = a.channels;
    p.height = a.height;
    p.width = a.width;
    p.n = a.n;
    p.stride = a.stride;
    p.keep_dc = a.keep_dc;
    p.paths = a.paths;
    p.soft = a.soft;
    p.apart = a.apart;
    const bool forward = run_training(p, kernels);
    float* const dx = found.data() + dy.size();
    p.y_gradient = dy.data();
    p.x_gradient = dx;
    p.thresholds_gradient = dx + x.size();
    p.scale_gradient = p.thresholds_gradient + scale.size();
    if (!forward || !run_training(p, kernels)) {
        return "out of memory";
    }
    return compare("FWHT2D in training with n = " + text_of(a.n), digest(found), a.digest, kernels);
}

}  // namespace

std::string check_fwht_2d_answers(const CpuKernels& kernels) {
    for (const Fwht2dTrainingAnswer& answer : kFwht2dTrainingAnswers) {
        const std::string wrong = check_answer(answer, kernels);
        if (!wrong.empty()) {
            return wrong;
        }
    }
    for (const Fwht2dAnswer& answer : kFwht2dAnswers) {
        const std::string wrong = check_answer(answer, kernels);
        if (!wrong.empty()) {
            return wrong;
        }
    }
    return std::string();
}

}  // namespace fwht
