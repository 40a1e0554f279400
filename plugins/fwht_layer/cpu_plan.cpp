#include "cpu_plan.h"

namespace fwht {
namespace {

// Rows of X lie this far apart where a tile of one vector would touch as many pages and cache sets as it has channels.
constexpr int64_t kWidePixels = 512;
constexpr int kWideN = 256;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

bool is_unscaled(const float* scale, int64_t count) {
    for (int64_t k = 0; k < count; ++k) {
        if (!(scale[k] == 1.0f)) {
            return false;
        }
    }
    return true;
}

FwhtLayerCpuPlan plan_fwht_layer(const FwhtLayerParams& p, int lanes, int wide_lanes) {
    return plan_fwht_layer(p, lanes, wide_lanes, is_unscaled(p.scale, int64_t{p.paths} * p.n));
}

FwhtLayerCpuPlan plan_fwht_layer(const FwhtLayerParams& p, int lanes, int wide_lanes, bool unscaled) {
    FwhtLayerCpuPlan plan{};
    plan.unscaled = unscaled;
    plan.wide = p.layout == kNCHW && p.pixels >= kWidePixels && p.n >= kWideN;
    plan.width = plan.wide ? wide_lanes : lanes;
    plan.tiles = (p.batch * p.pixels + plan.width - 1) / plan.width;
    plan.parts = plan.tiles < kMostParts ? plan.tiles : kMostParts;
    const int64_t rows =
        int64_t{p.n} + p.in_channels + 2 * int64_t{p.out_channels};  // a tile, and X, R and Y beside it
    plan.scratch_bytes = round_up((rows * plan.width + kMostBlocks * kBlockGap) * int64_t{sizeof(float)}, 64);
    return plan;
}

}  // namespace fwht
