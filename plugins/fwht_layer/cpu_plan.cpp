#include "cpu_plan.h"

namespace fwht {
namespace {

// Rows of X lie this far apart where a tile of one vector would touch as many pages and cache sets as it has channels.
constexpr int64_t kWidePixels = 512;
constexpr int kWideN = 256;
// Tiles that a part needs to be worth handing to a thread, and parts beyond which the counting costs more than it evens
// out.
constexpr int64_t kMostParts = 64;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

FwhtLayerCpuPlan plan_fwht_layer(const FwhtLayerParams& p, int lanes, int wide_lanes) {
    FwhtLayerCpuPlan plan{};
    plan.wide = p.pixels >= kWidePixels && p.n >= kWideN;
    plan.width = plan.wide ? wide_lanes : lanes;
    plan.tiles = (p.batch * p.pixels + plan.width - 1) / plan.width;
    plan.parts = plan.tiles < kMostParts ? plan.tiles : kMostParts;
    const int64_t rows =
        int64_t{p.n} + p.in_channels + 2 * int64_t{p.out_channels};  // a tile, and X, R and Y beside it
    plan.scratch_bytes = round_up((rows * plan.width + kMostBlocks * kBlockGap) * int64_t{sizeof(float)}, 64);
    return plan;
}

}  // namespace fwht
