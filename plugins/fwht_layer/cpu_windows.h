// A tile of a layer with blocks: its windows one after the other, each as a tile of a layer with n channels. Included per
// instruction set.
#pragma once

#include <climits>

#include "cpu_kernel.h"
#include "windows.h"

namespace fwht {
namespace {

typedef void TransformTile(const CpuTile&, Bend);

class CpuWindows {
  public:
    // `memory` is what cpu_plan.cpp counts as that of the pools, `width` the pixels of a tile.
    CpuWindows(const FwhtLayerParams& layer, TransformTile* transform, Bend bend, int width, float* memory)
        : layer_(layer),
          transform_(transform),
          bend_(bend),
          width_(width),
          one_(memory),
          zero_(one_ + layer.n),
          rows_(zero_ + layer.n),
          pools_inside_(layer.block == 0 || pools_lie_inside(layer)) {
        for (int i = 0; !pools_inside_ && i < layer.n; ++i) {
            one_[i] = 1.0f;
            zero_[i] = 0.0f;
        }
    }

    void run(const CpuTile& tile) const {
        if (pools_inside_) {
            run_apart(tile);
        } else {
            run_together(tile);
        }
    }

  private:
    // Each window to its own channels of Y.
    void run_apart(const CpuTile& tile) const {
        FwhtLayerParams window = layer_;
        window.in_channels = layer_.n;
        const int made = layer_.n / layer_.pool;
        for (int first = 0, w = 0; first < layer_.out_channels; first += made, ++w) {
            const ptrdiff_t y = first * tile.y_stride;
            window.out_channels = layer_.out_channels - first < made ? layer_.out_channels - first : made;
            window.gain = layer_.gain + first;
            window.bias = layer_.bias + first;
            transform_({window, tile.x + first_channel(layer_, w) * tile.x_stride, tile.x_stride,
                        tile.residual == nullptr ? nullptr : tile.residual + y, tile.y + y, tile.y_stride, tile.rows,
                        tile.normalisation, tile.stream},
                       bend_);
        }
    }

    // All windows to rows beside, and the means from there, as pools reach from one window into the next.
    void run_together(const CpuTile& tile) const {
        FwhtLayerParams window = layer_;
        window.in_channels = window.out_channels = layer_.n;
        window.gain = one_;
        window.bias = zero_;
        window.pool = 1;
        window.activation = 0;
        for (int w = 0; w < count_used_windows(layer_); ++w) {
            transform_({window, tile.x + first_channel(layer_, w) * tile.x_stride, tile.x_stride, nullptr,
                        rows_ + ptrdiff_t{w} * layer_.n * width_, width_, tile.rows, tile.normalisation, false},
                       bend_);
        }
        const CpuTile pooled = {layer_, nullptr, 0, tile.residual, tile.y, tile.y_stride, rows_, 1.0f, tile.stream};
        if (width_ == kLanes) {
            pool_rows<kLanes>(pooled, INT_MAX, 0);
        } else {
            pool_rows<kWideLanes>(pooled, INT_MAX, 0);
        }
    }

    const FwhtLayerParams& layer_;
    TransformTile* const transform_;
    const Bend bend_;
    const int width_;
    float* const one_;
    float* const zero_;
    float* const rows_;
    const bool pools_inside_;
};

}  // namespace
}  // namespace fwht
