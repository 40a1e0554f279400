// A part of the tiles of one run. Included per instruction set.
#pragma once

#include "cpu_kernel.h"

namespace fwht {
namespace {

FWHT_INLINE const float* floats(const void* tensor) { return static_cast<const float*>(tensor); }
FWHT_INLINE float* floats(void* tensor) { return static_cast<float*>(tensor); }

// Copies the channels of some pixels between an image, where a channel's pixels lie `pixels` apart, and rows of a tile.
FWHT_INLINE void copy_pixels(const float* from, ptrdiff_t from_stride, float* to, ptrdiff_t to_stride, int channels,
                             int count) {
    for (int channel = 0; channel < channels; ++channel) {
        for (int i = 0; i < count; ++i) {
            to[channel * to_stride + i] = from[channel * from_stride + i];
        }
    }
}

// A tile that ends beyond its image goes on in the next one, and the last one is filled up: its pixels are gathered
// into rows beside the coefficients first, and Y goes the same way back.
class GatheredTile {
  public:
    GatheredTile(const FwhtLayerParams& layer, int64_t first, int width, float* memory)
        : layer_(layer),
          first_(first),
          width_(width),
          x_(memory),
          y_(x_ + int64_t{layer.in_channels} * width),
          residual_(y_ + int64_t{layer.out_channels} * width) {}

    const float* x() const { return x_; }
    float* y() const { return y_; }
    const float* residual() const { return layer_.residual == nullptr ? nullptr : residual_; }

    void gather() const {
        for_each_piece([&](int64_t image, int64_t pixel, int at, int count) {
            copy_pixels(floats(layer_.x) + image * layer_.in_channels * layer_.pixels + pixel, layer_.pixels, x_ + at,
                        width_, layer_.in_channels, count);
            if (layer_.residual != nullptr) {
                copy_pixels(floats(layer_.residual) + image * layer_.out_channels * layer_.pixels + pixel,
                            layer_.pixels, residual_ + at, width_, layer_.out_channels, count);
            }
        });
        const int64_t left = layer_.batch * layer_.pixels - first_;
        if (left < width_) {
            fill(x_, layer_.in_channels, static_cast<int>(left));
            if (layer_.residual != nullptr) {
                fill(residual_, layer_.out_channels, static_cast<int>(left));
            }
        }
    }

    void scatter() const {
        for_each_piece([&](int64_t image, int64_t pixel, int at, int count) {
            copy_pixels(y_ + at, width_, floats(layer_.y) + image * layer_.out_channels * layer_.pixels + pixel,
                        layer_.pixels, layer_.out_channels, count);
        });
    }

  private:
    // Pixels of one image each: image, first pixel in it, place in the tile, how many.
    template <typename Body>
    void for_each_piece(Body body) const {
        const int64_t total = layer_.batch * layer_.pixels;
        for (int at = 0; at < width_ && first_ + at < total;) {
            const int64_t image = (first_ + at) / layer_.pixels;
            const int64_t pixel = (first_ + at) % layer_.pixels;
            const int64_t left = layer_.pixels - pixel;
            const int count = left < width_ - at ? static_cast<int>(left) : width_ - at;
            body(image, pixel, at, count);
            at += count;
        }
    }

    void fill(float* rows, int channels, int from) const {
        for (int channel = 0; channel < channels; ++channel) {
            for (int i = from; i < width_; ++i) {
                rows[channel * width_ + i] = 0.0f;
            }
        }
    }

    const FwhtLayerParams& layer_;
    const int64_t first_;
    const int width_;
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
    RunTile* const run = tile_of(p.n, plan.wide != 0);
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
        if (pixel + plan.width <= p.pixels) {
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
