// A part of the tiles of one run. Included per instruction set.
#pragma once

#include "cpu_kernel.h"
#include "cpu_pixels.h"
#include "cpu_windows.h"

namespace fwht {
namespace {

// Where the values of a run lie in layout NCHW: channel c of image i of X begins at x + i * x_image + c * x_channel, and
// so on. Where x_tile is not 0, tiles of an image of X lie that far apart, instead of as their pixels do; so for Y.
struct CpuPlanes {
    const float* x;
    int64_t x_image;
    int64_t x_channel;
    const float* residual;  // lies as y does; null where there is none
    float* y;
    int64_t y_image;
    int64_t y_channel;
    int64_t x_tile;
    int64_t y_tile;
};

CpuPlanes planes_of(const FwhtLayerParams& p) {
    return CpuPlanes{floats(p.x), p.in_channels * p.pixels,  p.pixels, floats(p.residual),
                     floats(p.y), p.out_channels * p.pixels, p.pixels, 0, 0};
}

// A tile that is gathered into rows beside the coefficients first; Y goes the same way back.
class GatheredTile {
  public:
    GatheredTile(const FwhtLayerParams& layer, const CpuPlanes& planes, int64_t first, int width, float* memory)
        : layer_(layer),
          planes_(planes),
          pixels_(layer, first, width),
          x_(memory),
          y_(x_ + int64_t{layer.in_channels} * width),
          residual_(y_ + int64_t{layer.out_channels} * width) {}

    const float* x() const { return x_; }
    float* y() const { return y_; }
    const float* residual() const { return planes_.residual == nullptr ? nullptr : residual_; }

    void gather() const {
        pixels_.gather(planes_.x, layer_.in_channels, planes_.x_image, planes_.x_channel, x_);
        if (planes_.residual != nullptr) {
            pixels_.gather(planes_.residual, layer_.out_channels, planes_.y_image, planes_.y_channel, residual_);
        }
    }

    void scatter() const { 
        pixels_.scatter(y_, layer_.out_channels, planes_.y, planes_.y_image, planes_.y_channel);
    }

  private:
    const FwhtLayerParams& layer_;
    const CpuPlanes& planes_;
    const TilePixels pixels_;
    float* const x_;
    float* const y_;
    float* const residual_;
};

Bend bend_of(const FwhtLayerParams& p, const FwhtLayerCpuPlan& plan) {
    return p.soft != 0 ? Bend::kSoft : p.paths == 1 && plan.unscaled ? Bend::kShared : Bend::kSmooth;
}

// Whether Y, all of it, is so large that it leaves the caches before anyone reads it, and every tile of it begins at a
// line.
bool is_streamed(const FwhtLayerParams& p, const FwhtLayerCpuPlan& plan) {
    constexpr int64_t kLarge = 16 << 20;
    constexpr int64_t kLine = 64;
    const int64_t row = p.pixels * int64_t{sizeof(float)};
    return plan.wide != 0 && p.batch * p.out_channels * row >= kLarge && row % kLine == 0 &&
           reinterpret_cast<uintptr_t>(p.y) % kLine == 0;
}

// The tiles from `begin` on, below `end`.
void run_tiles(const FwhtLayerParams& p, const CpuPlanes& planes, const FwhtLayerCpuPlan& plan, int64_t begin,
               int64_t end, void* scratch, bool streamed) {
    TransformTile* const transform =
        plan.wide != 0 ? large_tile_of<CpuTransform, kWideLanes>(p.n) : tile_of<CpuTransform>(p.n);
    const Bend bend = bend_of(p, plan);
    float* const rows = static_cast<float*>(scratch);
    float* const beside = rows + int64_t{p.n} * plan.width + kMostBlocks * kBlockGap;
    const CpuWindows windows(p, transform, bend, plan.width, beside + gathered_rows(p) * plan.width);
    const auto run = [&](const CpuTile& tile) {
        if (p.block == 0) {
            transform(tile, bend);
        } else {
            windows.run(tile);
        }
    };
    const float normalisation = 1.0f / __builtin_sqrtf(static_cast<float>(p.n));
    for (int64_t tile = begin; tile < end; ++tile) {
        const int64_t first = tile * plan.width;
        const int64_t image = first / p.pixels;
        const int64_t pixel = first % p.pixels;
        if (p.layout == kNCHW && pixel + plan.width <= p.pixels) {
            const int64_t number = pixel / plan.width;
            const int64_t x = image * planes.x_image + (planes.x_tile != 0 ? number * planes.x_tile : pixel);
            const int64_t y = image * planes.y_image + (planes.y_tile != 0 ? number * planes.y_tile : pixel);
            run({p, planes.x + x, planes.x_channel,
                 planes.residual == nullptr ? nullptr : planes.residual + y, planes.y + y, planes.y_channel, rows,
                 normalisation, streamed});
        } else {
            const GatheredTile gathered(p, planes, first, plan.width, beside);
            gathered.gather();
            run({p, gathered.x(), plan.width, gathered.residual(), gathered.y(), plan.width, rows, normalisation,
                 false});
            gathered.scatter();
        }
    }
    if (streamed) {
        finish_streams();
    }
}

void run_fwht_layer_part(const FwhtLayerParams& p, const FwhtLayerCpuPlan& plan, int64_t part, void* scratch) {
    run_tiles(p, planes_of(p), plan, part * plan.tiles / plan.parts, (part + 1) * plan.tiles / plan.parts, scratch,
              is_streamed(p, plan));
}

}  // namespace
}  // namespace fwht
