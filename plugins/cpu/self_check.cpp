#include "self_check.h"

#include <cmath>
#include <vector>

#include "../fwht_2d/cpu_self_check.h"
#include "../fwht_bottleneck/cpu_self_check.h"
#include "../fwht_layer/check.h"
#include "instruction_sets.h"
#include "scratch.h"
#include "self_check_values.h"

namespace fwht {
namespace {

struct FwhtLayerAnswer {
    int batch, pixels, in_channels, out_channels, n, pool, keep_dc, activation, paths, soft, ones, residual, block;
    double digest;  // from the float64 reference (tests/plugins/test_cpu_self_check.py)
};

constexpr FwhtLayerAnswer kFwhtLayerAnswers[] = {
    {1, 9, 96, 576, 1024, 1, 1, 6, 1, 0, 1, 0, 0, -14.623753},   {2, 16, 576, 96, 1024, 1, 1, 0, 1, 0, 0, 1, 0, 95.319610},
    {1, 5, 320, 1280, 2048, 1, 0, 1, 1, 0, 1, 0, 0, -29.552617}, {1, 3, 4096, 2049, 4096, 1, 1, 0, 1, 0, 0, 0, 0, 99.124723},
    {3, 1, 2, 1, 2, 1, 1, 0, 1, 0, 0, 0, 0, 5.089682},           {2, 7, 5, 8, 16, 1, 0, 6, 3, 1, 0, 1, 0, 4.217529},
    {1, 20, 60, 20, 64, 3, 1, 1, 2, 0, 0, 0, 0, 16.605247},      {1, 35, 130, 250, 256, 1, 1, 0, 3, 1, 0, 0, 0, 107.334885},
    {1, 600, 250, 20, 256, 2, 1, 6, 1, 1, 1, 1, 0, 15.086487},   {1, 9, 24, 144, 16, 1, 0, 6, 1, 0, 0, 1, 16, -38.014208},
    {2, 4, 96, 50, 32, 1, 1, 0, 2, 0, 0, 0, 32, -14.269034},     {1, 20, 64, 30, 8, 2, 0, 0, 1, 0, 1, 0, 8, 32.259031},
    {3, 7, 96, 16, 16, 6, 0, 1, 1, 1, 0, 1, 16, 1.945882},
};

struct MfDepthwiseConvAnswer {
    int batch, channels, height, width, kernel_size, stride, op;
    double digest;
};

constexpr MfDepthwiseConvAnswer kMfDepthwiseConvAnswers[] = {
    {1, 5, 4, 4, 3, 1, 1, 16.703125},   {2, 3, 8, 8, 3, 1, 2, -13.437500}, {1, 3, 7, 9, 3, 2, 3, -5.578125},
    {1, 2, 9, 40, 5, 1, 1, -81.875000}, {1, 2, 8, 8, 5, 2, 2, 23.390625},  {1, 3, 5, 6, 5, 1, 3, 56.859375},
};

std::string check_answer(const MfDepthwiseConvAnswer& a, const CpuKernels& kernels) {
    const std::vector<float> x = pattern(int64_t{a.batch} * a.channels * a.height * a.width, 7);
    const std::vector<float> weight = pattern(int64_t{a.channels} * a.kernel_size * a.kernel_size, 3);
    const std::vector<float> gain = pattern(a.channels, 5);
    const std::vector<float> bias = pattern(a.channels, 13);
    MfDepthwiseConvParams p{};
    p.out_height = (a.height - 1) / a.stride + 1;
    p.out_width = (a.width - 1) / a.stride + 1;
    std::vector<float> y(static_cast<size_t>(a.batch) * a.channels * p.out_height * p.out_width, NAN);
    p.x = x.data();
    p.weight = weight.data();
    p.gain = gain.data();
    p.bias = bias.data();
    p.y = y.data();
    p.batch = a.batch;
    p.channels = a.channels;
    p.height = a.height;
    p.width = a.width;
    p.kernel_size = a.kernel_size;
    p.stride_h = p.stride_w = a.stride;
    p.pad_top = p.pad_left = a.kernel_size / 2;
    p.op = a.op;
    const MfDepthwiseConvCpuPlan plan = plan_mf_depthwise_conv(p, kernels.lanes);
    void* scratch = thread_scratch(static_cast<size_t>(plan.scratch_bytes));
    if (scratch == nullptr) {
        return "out of memory";
    }
    for (int64_t part = 0; part < plan.parts; ++part) {
        kernels.run_mf_depthwise_conv_part(p, plan, part, scratch);
    }
    return compare("MFDepthwiseConv with operator " + text_of(a.op), digest(y), a.digest, kernels);
}

std::string check_answer(const FwhtLayerAnswer& a, const CpuKernels& kernels) {
    const std::vector<float> x = pattern(int64_t{a.batch} * a.in_channels * a.pixels, 7);
    const std::vector<float> thresholds = pattern(int64_t{a.n} * a.paths, 3);
    const std::vector<float> scale =
        a.ones != 0 ? std::vector<float>(thresholds.size(), 1.0f) : pattern(int64_t{a.n} * a.paths, 11);
    const std::vector<float> gain = pattern(a.out_channels, 5);
    const std::vector<float> bias = pattern(a.out_channels, 13);
    std::vector<float> y(static_cast<size_t>(a.batch) * a.out_channels * a.pixels, NAN);
    const std::vector<float> residual = pattern(static_cast<int64_t>(y.size()), 4);
    FwhtLayerParams p{};
    p.x = x.data();
    p.thresholds = thresholds.data();
    p.scale = scale.data();
    p.gain = gain.data();
    p.bias = bias.data();
    p.residual = a.residual != 0 ? residual.data() : nullptr;
    p.y = y.data();
    p.batch = a.batch;
    p.pixels = a.pixels;
    p.in_channels = a.in_channels;
    p.out_channels = a.out_channels;
    p.n = a.n;
    p.pool = a.pool;
    p.keep_dc = a.keep_dc;
    p.activation = a.activation;
    p.paths = a.paths;
    p.soft = a.soft;
    p.block = a.block;
    const FwhtLayerCpuPlan plan = plan_fwht_layer(p, kernels.lanes, kernels.wide_lanes);
    void* scratch = thread_scratch(static_cast<size_t>(plan.scratch_bytes));
    if (scratch == nullptr) {
        return "out of memory";
    }
    for (int64_t part = 0; part < plan.parts; ++part) {
        kernels.run_fwht_layer_part(p, plan, part, scratch);
    }
    return compare("FWHTLayer with " + text_of(a.n) + " thresholds", digest(y), a.digest, kernels);
}

// The backward pass, from the same X, thresholds and scales; the digest is that of all three gradients, in their order.
struct FwhtGradientsAnswer {
    int batch, pixels, in_channels, out_channels, n, pool, keep_dc, paths, soft, nhwc;
    double digest;
};

constexpr FwhtGradientsAnswer kFwhtGradientsAnswers[] = {
    {1, 9, 96, 576, 1024, 1, 1, 1, 0, 0, 28.332346},
    {2, 16, 60, 20, 64, 3, 1, 2, 0, 1, -53.853914},
    {1, 5, 130, 250, 256, 1, 0, 3, 1, 1, -7.166443},
};

std::string check_answer(const FwhtGradientsAnswer& a, const CpuKernels& kernels) {
    const std::vector<float> x = pattern(int64_t{a.batch} * a.in_channels * a.pixels, 7);
    const std::vector<float> dy = pattern(int64_t{a.batch} * a.out_channels * a.pixels, 4);
    const std::vector<float> thresholds = pattern(int64_t{a.n} * a.paths, 3);
    const std::vector<float> scale = pattern(int64_t{a.n} * a.paths, 11);
    std::vector<float> gradients(x.size() + 2 * thresholds.size(), NAN);
    FwhtLayerGradientsParams p{};
    p.layer.x = x.data();
    p.layer.thresholds = thresholds.data();
    p.layer.scale = scale.data();
    p.y_gradient = dy.data();
    p.x_gradient = gradients.data();
    p.thresholds_gradient = gradients.data() + x.size();
    p.scale_gradient = p.thresholds_gradient + thresholds.size();
    p.layer.batch = a.batch;
    p.layer.pixels = a.pixels;
    p.layer.in_channels = a.in_channels;
    p.layer.out_channels = a.out_channels;
    p.layer.n = a.n;
    p.layer.pool = a.pool;
    p.layer.keep_dc = a.keep_dc;
    p.layer.paths = a.paths;
    p.layer.soft = a.soft;
    p.layer.layout = a.nhwc != 0 ? kNHWC : kNCHW;
    const FwhtLayerGradientsPlan plan = plan_fwht_layer_gradients(p, kernels.lanes);
    void* scratch = thread_scratch(static_cast<size_t>(plan.scratch_bytes));
    if (scratch == nullptr) {
        return "out of memory";
    }
    std::vector<float> sums(static_cast<size_t>(plan.parts * plan.sums));
    for (int64_t part = 0; part < plan.parts; ++part) {
        kernels.run_fwht_layer_gradients_part(p, plan, part, scratch, sums.data() + part * plan.sums);
    }
    add_up_gradients(p, plan, sums.data());
    return compare("the gradient of FWHTLayer with " + text_of(a.n) + " thresholds", digest(gradients), a.digest,
                   kernels);
}

// The sentence of the first answer that is wrong.
template <typename Answers>
std::string check_answers(const Answers& answers, const CpuKernels& kernels) {
    for (const auto& answer : answers) {
        const std::string wrong = check_answer(answer, kernels);
        if (!wrong.empty()) {
            return wrong;
        }
    }
    return std::string();
}

}  // namespace

std::string self_check() {
    const KernelChoice& choice = chosen_kernels();
    if (choice.kernels == nullptr) {
        return choice.refusal;
    }
    std::string wrong = check_answers(kFwhtGradientsAnswers, *choice.kernels);
    for (const CpuKernels* kernels : {choice.kernels, choice.kernels->narrow}) {
        if (kernels == nullptr) {
            continue;
        }
        wrong = wrong.empty() ? check_answers(kFwhtLayerAnswers, *kernels) : wrong;
        wrong = wrong.empty() ? check_answers(kMfDepthwiseConvAnswers, *kernels) : wrong;
        wrong = wrong.empty() ? check_fwht_bottleneck_answers(*kernels) : wrong;
    }
    return wrong.empty() ? check_fwht_2d_answers(*choice.kernels) : wrong;
}

}  // namespace fwht
