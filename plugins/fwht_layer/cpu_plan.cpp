#include "cpu_plan.h"

#include "windows.h"

namespace fwht {
namespace {

// Rows of X lie this far apart where a tile of one vector would touch as many pages and cache sets as it has channels.
constexpr int64_t kWidePixels = 512;
constexpr int kWideChannels = 256;
constexpr int kSmallestWideBlock = 32;

bool is_wide(const FwhtLayerParams& p) {
    const int32_t channels = p.in_channels > p.out_channels ? p.in_channels : p.out_channels;
    const bool many = p.block == 0 ? p.n >= kWideChannels : p.n >= kSmallestWideBlock && channels >= kWideChannels;
    return p.layout == kNCHW && p.pixels >= kWidePixels && many;
}

// A line of the cache holds so many pixels of a channel. Two threads that write one line pass it to and fro, for each
// row of Y: where a layer has more rows to write than to read, that costs more than a second thread saves.
constexpr int64_t kLinePixels = 64 / sizeof(float);

int64_t count_parts(const FwhtLayerParams& p, int64_t tiles) {
    const int64_t lines = (p.batch * p.pixels + kLinePixels - 1) / kLinePixels;
    const int64_t parts = p.out_channels > p.in_channels && lines < tiles ? lines : tiles;
    return parts < kMostParts ? parts : kMostParts;
}

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// The results of all windows where pools reach across them, and a gain of ones and a bias of zeros (cpu_windows.h).
int64_t pooled_floats(const FwhtLayerParams& p, int64_t width) {
    return p.block == 0 || pools_lie_inside(p) ? 0 : count_used_windows(p) * p.n * width + 2 * int64_t{p.n};
}

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
    plan.wide = is_wide(p);
    plan.width = plan.wide ? wide_lanes : lanes;
    plan.tiles = (p.batch * p.pixels + plan.width - 1) / plan.width;
    plan.parts = count_parts(p, plan.tiles);
    const int64_t rows = int64_t{p.n} + gathered_rows(p);
    const int64_t floats = rows * plan.width + kMostBlocks * kBlockGap + pooled_floats(p, plan.width);
    plan.scratch_bytes = round_up(floats * int64_t{sizeof(float)}, 64);
    return plan;
}

}  // namespace fwht
