#include "cpu_plan.h"

#include <cstddef>

namespace fwht {
namespace {

constexpr int64_t kMostParts = 32;
constexpr int64_t kBandFloats = 4096;  // of a padded map: with signs and outputs about a first-level cache
constexpr int64_t kFewestRows = 4;     // of a band: with fewer, most rows would be brought in again for the next one

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

}  // namespace

MfDepthwiseConvCpuPlan plan_mf_depthwise_conv(const MfDepthwiseConvParams& p, int lanes) {
    MfDepthwiseConvCpuPlan plan{};
    const int64_t k = p.kernel_size;
    plan.step_h = static_cast<int32_t>(smaller(p.stride_h, k));
    plan.step_w = static_cast<int32_t>(smaller(p.stride_w, k));
    plan.pitch = (p.out_width - 1) * int64_t{plan.step_w} + k;
    if (plan.step_w == p.stride_w) {
        plan.pitch = larger(plan.pitch, int64_t{p.pad_left} + p.width);  // whole rows come in
    }
    const int64_t fitting = (kBandFloats / (plan.pitch * lanes) - k) / plan.step_h + 1;
    plan.band = static_cast<int32_t>(smaller(larger(fitting, kFewestRows), p.out_height));
    plan.rows = (plan.band - 1) * plan.step_h + p.kernel_size;
    plan.items = (p.channels + int64_t{lanes} - 1) / lanes * p.batch;
    plan.parts = smaller(plan.items, kMostParts);
    plan.outputs = (int64_t{plan.band} * p.out_width + kMfOutputs - 1) / kMfOutputs * kMfOutputs;
    const int64_t vectors = 2 * plan.pitch * plan.rows + plan.outputs;  // values and signs
    plan.scratch_bytes = vectors * lanes * int64_t{sizeof(float)} + plan.outputs * int64_t{sizeof(ptrdiff_t)};
    return plan;
}

}  // namespace fwht
