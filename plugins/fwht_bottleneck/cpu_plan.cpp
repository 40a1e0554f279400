#include "cpu_plan.h"

#include "../cpu/shared_steps.h"
#include "../fwht_layer/cpu_plan.h"

namespace fwht {
namespace {

constexpr int64_t kStoreBytes = 1 << 20;   // of a unit's expanded values: more is cut into bands of rows
constexpr int64_t kGroupBytes = 1 << 18;   // images are taken together up to this, which leaves the cache some room
constexpr int kFewestRows = 4;             // of a band: two of its rows of input are computed again by the next one
constexpr int64_t kFewUnits = 4;           // below: threads share the steps of a unit

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t channel_floats(const FwhtBottleneckParams& p, int64_t input_rows) {
    return round_up(input_rows * p.width + p.width + 1, 8);
}

// Images whose pixels fill tiles best, both ways: the fewest that do.
int32_t choose_images(const FwhtBottleneckParams& p, int lanes) {
    const int64_t bytes = channel_floats(p, p.height) * p.expand.out_channels * int64_t{sizeof(float)};
    const int64_t most = smaller(smaller(kGroupBytes / bytes, p.batch / (2 * kFewUnits)), lanes);
    const int64_t pixels = int64_t{p.height} * p.width;
    const int64_t out_pixels =
        int64_t{bottleneck_out_size(p.height, p.stride)} * bottleneck_out_size(p.width, p.stride);
    int64_t best = 1;
    int64_t best_tiles = 0;
    for (int64_t images = 1; images <= most; ++images) {
        const int64_t tiles = divide_up(images * pixels, lanes) + divide_up(images * out_pixels, lanes);
        if (images == 1 || tiles * best < best_tiles * images) {
            best = images;
            best_tiles = tiles;
        }
    }
    return static_cast<int32_t>(best);
}

void choose_units(const FwhtBottleneckParams& p, int lanes, FwhtBottleneckCpuPlan& plan) {
    const int32_t out_height = bottleneck_out_size(p.height, p.stride);
    const int64_t row_bytes = int64_t{p.width} * p.expand.out_channels * int64_t{sizeof(float)};
    plan.images = 1;
    plan.rows = out_height;
    if (row_bytes * p.height > kStoreBytes) {
        const int64_t rows = larger(kStoreBytes / row_bytes / p.stride - 2, kFewestRows);
        plan.bands = static_cast<int32_t>(divide_up(out_height, smaller(rows, out_height)));
        plan.rows = static_cast<int32_t>(divide_up(out_height, plan.bands));
    } else {
        plan.images = p.batch < kFewUnits ? static_cast<int32_t>(p.batch) : choose_images(p, lanes);
    }
    plan.bands = static_cast<int32_t>(divide_up(out_height, plan.rows));
    plan.units = divide_up(p.batch, plan.images) * plan.bands;
    plan.shared = plan.units < kFewUnits;
}

// Where a vector is one, two or four whole rows and images are whole vectors, before and behind the convolution.
bool can_be_tiled(const FwhtBottleneckParams& p, int lanes, const FwhtBottleneckCpuPlan& plan) {
    const int rows = lanes % p.width == 0 ? lanes / p.width : 0;
    if (plan.bands > 1) {
        return false;
    }
    if (p.stride == 2) {
        return rows == 1 && p.height % 4 == 0;
    }
    return (rows == 1 || rows == 2 || rows == 4) && p.height % rows == 0;
}

void place_tiles(const FwhtBottleneckParams& p, int lanes, FwhtBottleneckCpuPlan& plan) {
    plan.tiles = static_cast<int32_t>(int64_t{p.height} * p.width / lanes);
    // On lines of their own, not by whole pages, and in no more memory with half as many lanes: a session that turns to
    // those allocates nothing.
    const int64_t channels = round_up(p.expand.out_channels, larger(2, 16 / lanes));
    plan.tile_floats = channels * lanes + larger(16, 2 * lanes);
    plan.expanded_floats = int64_t{plan.images} * plan.tiles * plan.tile_floats;
    plan.mask_floats = round_up(lanes, 16);
}

void place_values(const FwhtBottleneckParams& p, FwhtBottleneckCpuPlan& plan) {
    const int64_t planes = int64_t{plan.images} * p.expand.out_channels;
    const int64_t input_rows = smaller(p.height, (plan.rows - 1) * int64_t{p.stride} + 3);
    const int64_t out_width = bottleneck_out_size(p.width, p.stride);
    plan.lead = round_up(p.width + 1, 16);
    plan.expanded_stride = channel_floats(p, input_rows);
    plan.expanded_floats = round_up(plan.lead + planes * plan.expanded_stride + p.width + 1 + kSpareFloats, 16);
    plan.filtered_stride = round_up(plan.rows * out_width + (p.stride == 1 ? 0 : 15), 16);
    plan.filtered_floats = planes * plan.filtered_stride + 16;
    plan.mask_floats = round_up((p.stride == 1 ? plan.rows : 1) * int64_t{p.width} + kSpareFloats, 16);
}

}  // namespace

FwhtLayerParams expand_of(const FwhtBottleneckParams& p, const FwhtBottleneckUnit& unit) {
    FwhtLayerParams layer = p.expand;
    layer.batch = unit.images;
    layer.pixels = int64_t{unit.input_rows} * p.width;
    layer.residual = nullptr;
    return layer;
}

FwhtLayerParams project_of(const FwhtBottleneckParams& p, const FwhtBottleneckUnit& unit) {
    FwhtLayerParams layer = p.project;
    layer.batch = unit.images;
    layer.pixels = int64_t{unit.rows} * bottleneck_out_size(p.width, p.stride);
    return layer;
}

FwhtBottleneckUnit unit_of(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, int64_t index) {
    FwhtBottleneckUnit unit{};
    unit.image = index / plan.bands * plan.images;
    unit.images = static_cast<int>(smaller(plan.images, p.batch - unit.image));
    const int out_height = bottleneck_out_size(p.height, p.stride);
    unit.row = static_cast<int>(index % plan.bands) * plan.rows;
    unit.rows = static_cast<int>(smaller(plan.rows, out_height - unit.row));
    unit.input_row = static_cast<int>(larger(int64_t{unit.row} * p.stride - 1, 0));
    const int64_t behind = smaller((unit.row + unit.rows - 1) * int64_t{p.stride} + 2, p.height);
    unit.input_rows = static_cast<int>(behind - unit.input_row);
    return unit;
}

FwhtBottleneckCpuPlan plan_fwht_bottleneck(const FwhtBottleneckParams& p, int lanes, int wide_lanes,
                                           bool expand_unscaled, bool project_unscaled) {
    FwhtBottleneckCpuPlan plan{};
    plan.expand_unscaled = expand_unscaled;
    plan.project_unscaled = project_unscaled;
    choose_units(p, lanes, plan);
    const FwhtBottleneckUnit unit = unit_of(p, plan, plan.bands > 1 ? 1 : 0);  // none has more rows of input
    const FwhtLayerCpuPlan expand = plan_fwht_layer(expand_of(p, unit), lanes, wide_lanes, expand_unscaled);
    const FwhtLayerCpuPlan project = plan_fwht_layer(project_of(p, unit), lanes, wide_lanes, project_unscaled);
    plan.tiled = can_be_tiled(p, lanes, plan) && expand.wide == 0 && project.wide == 0;
    if (plan.tiled) {
        place_tiles(p, lanes, plan);
    } else {
        place_values(p, plan);
    }
    const int64_t most = most_shared_items();
    plan.items[kExpandStep] = smaller(expand.tiles, most);
    plan.items[kDepthwiseStep] = smaller(int64_t{plan.images} * p.expand.out_channels, most);
    plan.items[kProjectStep] = smaller(project.tiles, most);
    const FwhtBottleneckUnit first = unit_of(p, plan, 0);  // its output may have more rows, and so may a wide tile
    const FwhtLayerCpuPlan first_expand = plan_fwht_layer(expand_of(p, first), lanes, wide_lanes, expand_unscaled);
    const FwhtLayerCpuPlan first_project = plan_fwht_layer(project_of(p, first), lanes, wide_lanes, project_unscaled);
    const int64_t layer_bytes = larger(larger(expand.scratch_bytes, project.scratch_bytes),
                                       larger(first_expand.scratch_bytes, first_project.scratch_bytes));
    plan.layer_floats = layer_bytes / int64_t{sizeof(float)};
    plan.own_floats = plan.layer_floats + 2 * plan.mask_floats;
    const int64_t values = plan.expanded_floats + plan.filtered_floats;
    plan.parts = plan.shared ? most / 2 : smaller(plan.units, kMostParts);
    plan.shared_bytes = plan.shared ? plan.units * values * int64_t{sizeof(float)} : 0;
    plan.scratch_bytes = (plan.own_floats + (plan.shared ? 0 : values)) * int64_t{sizeof(float)};
    return plan;
}

}  // namespace fwht
