#include "cpu_plan.h"

namespace fwht {
namespace {

constexpr int64_t kMostParts = 32;     // each divides some dozen times before it begins
constexpr int64_t kBandFloats = 4096;  // of one phase: planes, signs and outputs together stay below half a megabyte

int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

MfDepthwiseConvCpuPlan plan_mf_depthwise_conv(const MfDepthwiseConvParams& p, int lanes) {
    MfDepthwiseConvCpuPlan plan{};
    const int32_t last = p.kernel_size - 1;
    plan.phases_h = smaller(p.stride_h, p.kernel_size);
    plan.phases_w = smaller(p.stride_w, p.kernel_size);
    plan.pitch = p.out_width + last / p.stride_w;
    const int64_t rows = kBandFloats / plan.pitch;
    plan.band = rows < 1 ? 1 : rows < p.out_height ? static_cast<int32_t>(rows) : p.out_height;
    const int64_t step = int64_t{kMfVectors} * lanes;
    // The last vectors of the last row reach beyond it.
    plan.phase = round_up(int64_t{plan.band + last / p.stride_h} * plan.pitch + step, 16);
    plan.planes = p.batch * p.channels;
    plan.parts = plan.planes < kMostParts ? plan.planes : kMostParts;
    const int64_t outputs = round_up(int64_t{plan.band} * plan.pitch + step, 16);
    const int64_t floats = 4 * plan.phase * plan.phases_h * plan.phases_w + outputs;  // values and signs, twice
    plan.scratch_bytes = floats * int64_t{sizeof(float)};
    return plan;
}

}  // namespace fwht
