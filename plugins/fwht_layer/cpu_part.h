// A part of the tiles of one run. Included per instruction set.
#pragma once

#include "cpu_kernel.h"
#include "cpu_pixels.h"

namespace fwht {
namespace {

// A tile that is gathered into rows beside the coefficients first; Y goes the same way back.
class GatheredTile {
  public:
    GatheredTile(const FwhtLayerParams& layer, int64_t first, int width, float* memory)
        : layer_(layer),
          pixels_(layer, first, width),
          x_(memory),
          y_(x_ + int64_t{layer.in_channels} * width),
          residual_(y_ + int64_t{layer.out_channels} * width) {}

    const float* x() const { return x_; }
    float* y() const { return y_; }
    const float* residual() const { return layer_.residual == nullptr ? nullptr : residual_; }

    void gather() const {
        pixels_.gather(floats(layer_.x), layer_.in_channels, x_);
        if (layer_.residual != nullptr) {
            pixels_.gather(floats(layer_.residual), layer_.out_channels, residual_);
        }
    }

    void scatter() const { pixels_.scatter(y_, layer_.out_channels, floats(layer_.y)); }

  private:
    const FwhtLayerParams& layer_;
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

void run_fwht_layer_part(const FwhtLayerParams& p, const FwhtLayerCpuPlan& plan, int64_t part, void* scratch) {
    const auto run = plan.wide != 0 ? large_tile_of<CpuTransform, kWideLanes>(p.n) : tile_of<CpuTransform>(p.n);
    const Bend bend = bend_of(p, plan);
    const bool streamed = is_streamed(p, plan);
    float* const rows = static_cast<float*>(scratch);
    float* const beside = rows + int64_t{p.n} * plan.width + kMostBlocks * kBlockGap;
    const float normalisation = 1.0f / __builtin_sqrtf(static_cast<float>(p.n));
    const int64_t last = (part + 1) * plan.tiles / plan.parts;
    for (int64_t tile = part * plan.tiles / plan.parts; tile < last; ++tile) {
        const int64_t first = tile * plan.width;
        const int64_t image = first / p.pixels;
        const int64_t pixel = first % p.pixels;
        if (p.layout == kNCHW && pixel + plan.width <= p.pixels) {
            const int64_t y = image * p.out_channels * p.pixels + pixel;
            run({p, floats(p.x) + image * p.in_channels * p.pixels + pixel, p.pixels,
                 p.residual == nullptr ? nullptr : floats(p.residual) + y, floats(p.y) + y, p.pixels, rows,
                 normalisation, streamed},
                bend);
        } else {
            const GatheredTile gathered(p, first, plan.width, beside);
            gathered.gather();
            run({p, gathered.x(), plan.width, gathered.residual(), gathered.y(), plan.width, rows, normalisation,
                 false},
                bend);
            gathered.scatter();
        }
    }
    if (streamed) {
        finish_streams();
    }
}

}  // namespace
}  // namespace fwht
