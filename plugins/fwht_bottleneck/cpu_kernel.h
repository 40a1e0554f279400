// The three steps of a bottleneck on the CPU. Included per instruction set.
#pragma once

#include "../fwht_layer/cpu_part.h"
#include "cpu_depthwise.h"
#include "cpu_tiled_depthwise.h"

namespace fwht {
namespace {

// Zeros between the channels: the rows above the first one and below the last.
void clear_margins(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, const FwhtBottleneckUnit& unit,
                   float* expanded) {
    const ptrdiff_t pixels = ptrdiff_t{unit.input_rows} * p.width;
    const int64_t planes = int64_t{unit.images} * p.expand.out_channels;
    for (ptrdiff_t at = 0; at < plan.lead; ++at) {
        expanded[at] = 0.0f;
    }
    for (int64_t plane = 0; plane < planes; ++plane) {
        float* const margin = expanded + plan.lead + plane * plan.expanded_stride + pixels;
        const ptrdiff_t count = plan.expanded_stride - pixels;
        ptrdiff_t at = 0;
        for (; at + kLanes <= count; at += kLanes) {
            store(margin + at, splat(0.0f));
        }
        for (; at < count; ++at) {
            margin[at] = 0.0f;
        }
    }
}

void run_expand(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, const FwhtBottleneckUnit& unit,
                int64_t item, int64_t items, const FwhtBottleneckMemory& memory) {
    if (item == 0 && !plan.tiled) {
        clear_margins(p, plan, unit, memory.expanded);
    }
    const FwhtLayerParams layer = expand_of(p, unit);
    const FwhtLayerCpuPlan tiles = plan_fwht_layer(layer, kLanes, kWideLanes, plan.expand_unscaled);
    const int64_t channel = int64_t{p.height} * p.width;
    const int64_t image = channel * layer.in_channels;
    const CpuPlanes planes{floats(p.expand.x) + unit.image * image + int64_t{unit.input_row} * p.width,
                           image,
                           channel,
                           nullptr,
                           memory.expanded + (plan.tiled ? 0 : plan.lead),
                           plan.tiled ? plan.tiles * plan.tile_floats : layer.out_channels * plan.expanded_stride,
                           plan.tiled ? kLanes : plan.expanded_stride,
                           0,
                           plan.tiled ? plan.tile_floats : 0};
    run_tiles(layer, planes, tiles, item * tiles.tiles / items, (item + 1) * tiles.tiles / items, memory.scratch,
              false);
}

template <int kOperator, bool kSigned>
void run_depthwise(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, const FwhtBottleneckUnit& unit,
                   int64_t item, int64_t items, const FwhtBottleneckMemory& memory) {
    float* const mask = static_cast<float*>(memory.scratch) + plan.layer_floats;
    const ColumnMasks masks{mask, mask + plan.mask_floats};
    const int64_t planes = int64_t{unit.images} * p.expand.out_channels;
    if (plan.tiled) {
        constexpr int64_t kTogether = 16 / kLanes;  // planes that share a line of the cache
        const int64_t pairs = (planes + kTogether - 1) / kTogether;
        const int64_t end = (item + 1) * pairs / items * kTogether;
        CpuTiledDepthwise<kOperator, kSigned>(p, plan, masks)
            .run(item * pairs / items * kTogether, end < planes ? end : planes, memory.expanded);
        return;
    }
    CpuDepthwise<kOperator, kSigned>(p, plan, unit, masks)
        .run(item * planes / items, (item + 1) * planes / items, memory.expanded, memory.filtered);
}

typedef void RunStep(const FwhtBottleneckParams&, const FwhtBottleneckCpuPlan&, const FwhtBottleneckUnit&,
                     int64_t item, int64_t items, const FwhtBottleneckMemory&);

RunStep* depthwise_of(int op, bool is_signed) {
    switch (op) {
        case 0: return run_depthwise<0, true>;
        case 1: return is_signed ? run_depthwise<1, true> : run_depthwise<1, false>;
        case 2: return run_depthwise<2, true>;
        default: return run_depthwise<3, true>;
    }
}

// Writes into every line of the cache that these tiles were read from. A line that another thread has written and this
// one has only read takes its writer 8 ns to write again, and the next one waits; one that this thread has written
// since, 1 ns.
void take_over(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, int64_t begin, int64_t end,
               int64_t tiles, float* values) {
    constexpr int kLine = 16;  // floats
    for (int64_t tile = begin; tile < end; ++tile) {
        float* const first = values + (tile / tiles * plan.tiles + tile % tiles) * plan.tile_floats;
        for (int64_t at = 0; at < int64_t{p.expand.out_channels} * kLanes; at += kLine) {
            first[at] = 0.0f;
        }
    }
}

void run_project(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, const FwhtBottleneckUnit& unit,
                 int64_t item, int64_t items, const FwhtBottleneckMemory& memory) {
    const FwhtLayerParams layer = project_of(p, unit);
    const FwhtLayerCpuPlan tiles = plan_fwht_layer(layer, kLanes, kWideLanes, plan.project_unscaled);
    const int64_t out_width = bottleneck_out_size(p.width, p.stride);
    const int64_t channel = bottleneck_out_size(p.height, p.stride) * out_width;
    const int64_t first = unit.image * layer.out_channels * channel + unit.row * out_width;
    const CpuPlanes planes{plan.tiled ? memory.expanded : memory.filtered,
                           plan.tiled ? plan.tiles * plan.tile_floats : layer.in_channels * plan.filtered_stride,
                           plan.tiled ? kLanes : plan.filtered_stride,
                           p.residual != 0 ? floats(p.expand.x) + first : nullptr,
                           floats(p.project.y) + first,
                           layer.out_channels * channel,
                           channel,
                           plan.tiled ? plan.tile_floats : 0,
                           0};
    const int64_t begin = item * tiles.tiles / items;
    const int64_t end = (item + 1) * tiles.tiles / items;
    run_tiles(layer, planes, tiles, begin, end, memory.scratch, false);
    if (plan.tiled && plan.shared) {
        take_over(p, plan, begin, end, channel / kLanes, memory.expanded);
    }
}

void run_fwht_bottleneck_step(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan,
                              const FwhtBottleneckUnit& unit, int step, int64_t item, int64_t items,
                              const FwhtBottleneckMemory& memory) {
    switch (step) {
        case kExpandStep: return run_expand(p, plan, unit, item, items, memory);
        case kDepthwiseStep: return depthwise_of(p.op, p.expand.activation == 0)(p, plan, unit, item, items, memory);
        default: return run_project(p, plan, unit, item, items, memory);
    }
}

}  // namespace
}  // namespace fwht
