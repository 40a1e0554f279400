// A part of the tiles of one backward run. Included per instruction set.
#pragma once

#include "cpu_gradients.h"
#include "cpu_gradients_middle.h"
#include "cpu_part.h"

namespace fwht {
namespace {

// n = kRadix * kA * kB, as in CpuTransform.
template <int kRadix, int kA, int kB, int kWidth>
struct CpuGradients {
    static constexpr int kBlock = kA * kB;
    static constexpr ptrdiff_t kDistance = kBlock * kWidth + kBlockGap;

    static void run(const GradientTile& tile) {
        const int in = (tile.x.layer.in_channels + kBlock - 1) / kBlock;
        const int used = (tile.dy.layer.in_channels + kBlock - 1) / kBlock;
        for (int block = 0; block < in; ++block) {
            transform_in<kA, kB, kWidth>(tile.x, block, kDistance);
        }
        for (int block = 0; block < used; ++block) {
            transform_in<kA, kB, kWidth>(tile.dy, block, kDistance);
        }
        const auto middle =
            tile.x.layer.soft != 0 ? differentiate_middle<kRadix, true> : differentiate_middle<kRadix, false>;
        middle(tile, kBlock, kDistance, in, used);
        for (int block = 0; block < in; ++block) {
            transform_out<kA, kB, kWidth>(tile.dx, block, kDistance);
        }
    }
};

// A part's scratch, and how its tiles come and go.
class GradientsPart {
  public:
    GradientsPart(const FwhtLayerGradientsParams& params, const FwhtLayerGradientsPlan& plan, void* scratch)
        : params_(params), layer_(params.layer), width_(plan.width), dy_layer_(params.layer), dx_layer_(params.layer) {
        const ptrdiff_t rows = ptrdiff_t{layer_.n} * width_ + kMostBlocks * kBlockGap;
        x_rows_ = static_cast<float*>(scratch);
        dy_rows_ = x_rows_ + rows;
        sums_ = dy_rows_ + rows;
        x_ = sums_ + plan.sums * width_;
        dy_ = x_ + ptrdiff_t{layer_.in_channels} * width_;
        dy_layer_.in_channels = layer_.out_channels * layer_.pool;
        float* const gain = dy_ + ptrdiff_t{dy_layer_.in_channels} * width_;
        fill(gain, layer_.n, 1.0f);
        fill(gain + layer_.n, layer_.n, 0.0f);
        fill(sums_, plan.sums * width_, 0.0f);
        dx_layer_.out_channels = layer_.in_channels;
        dx_layer_.gain = gain;
        dx_layer_.bias = gain + layer_.n;
        dx_layer_.pool = 1;
        dx_layer_.activation = 0;
    }

    void run_tile(int64_t first, bool shared) const {
        const int64_t image = first / layer_.pixels;
        const int64_t pixel = first % layer_.pixels;
        const bool lies = layer_.layout == kNCHW && pixel + width_ <= layer_.pixels;  // a row of one image
        const TilePixels pixels(layer_, first, width_);
        if (!lies) {
            pixels.gather(floats(layer_.x), layer_.in_channels, x_);
        }
        if (!lies || layer_.pool > 1) {
            pixels.gather(params_.y_gradient, layer_.out_channels, dy_);
            spread_means();
        }
        const ptrdiff_t stride = lies ? static_cast<ptrdiff_t>(layer_.pixels) : width_;
        const int64_t x = image * layer_.in_channels * layer_.pixels + pixel;
        const int64_t dy = image * layer_.out_channels * layer_.pixels + pixel;
        const float normalisation = 1.0f / __builtin_sqrtf(static_cast<float>(layer_.n));
        const bool direct = lies && layer_.pool == 1;
        const CpuTile way_in = {layer_, lies ? floats(layer_.x) + x : x_, stride, nullptr, nullptr, 0, x_rows_,
                                normalisation, false};
        const CpuTile gradient = {dy_layer_, direct ? params_.y_gradient + dy : dy_, direct ? stride : width_, nullptr,
                                  nullptr, 0, dy_rows_, normalisation, false};
        const CpuTile way_out = {dx_layer_, nullptr, 0, nullptr, lies ? params_.x_gradient + x : x_, stride, x_rows_,
                                 normalisation, false};
        tile_of<CpuGradients>(layer_.n)({way_in, gradient, way_out, sums_, params_.scale_gradient != nullptr, shared});
        if (!lies) {
            pixels.scatter(x_, layer_.in_channels, params_.x_gradient);
        }
    }

    // The lanes of every sum, in the order of the weights.
    void write_sums(float* partial) const {
        const int radix = radix_of(layer_.n);
        const int stride = layer_.n / radix;
        const int64_t count = sums_count();
        for (int64_t at = 0; at < count; ++at) {
            const int64_t weight = at / layer_.n * layer_.n + at % layer_.n % radix * stride + at % layer_.n / radix;
            float sum = 0.0f;
            for (int lane = 0; lane < kLanes; ++lane) {
                sum += sums_[at * kLanes + lane];
            }
            partial[weight] = sum;
        }
    }

  private:
    int64_t sums_count() const {
        return int64_t{layer_.paths} * layer_.n * (params_.scale_gradient == nullptr ? 1 : 2);
    }

    static void fill(float* values, int64_t count, float value) {
        for (int64_t i = 0; i < count; ++i) {
            values[i] = value;
        }
    }

    // From the gradient of a mean to those of the channels it was taken of, in place, from the last one on.
    void spread_means() const {
        const int pool = layer_.pool;
        const float share = 1.0f / static_cast<float>(pool);
        for (int channel = dy_layer_.in_channels - 1; pool > 1 && channel >= 0; --channel) {
            for (int i = 0; i < width_; ++i) {
                dy_[ptrdiff_t{channel} * width_ + i] = dy_[ptrdiff_t{channel / pool} * width_ + i] * share;
            }
        }
    }

    const FwhtLayerGradientsParams& params_;
    const FwhtLayerParams& layer_;
    const int width_;
    FwhtLayerParams dy_layer_;  // the gradient of Y as the input of a transform
    FwhtLayerParams dx_layer_;  // the gradient of X as the output of one
    float* x_rows_;
    float* dy_rows_;
    float* sums_;
    float* x_;
    float* dy_;
};

// `partial`: plan.sums floats of this part's own.
void run_fwht_layer_gradients_part(const FwhtLayerGradientsParams& params, const FwhtLayerGradientsPlan& plan,
                                   int64_t part, void* scratch, float* partial) {
    const GradientsPart run(params, plan, scratch);
    const int64_t last = (part + 1) * plan.tiles / plan.parts;
    for (int64_t tile = part * plan.tiles / plan.parts; tile < last; ++tile) {
        run.run_tile(tile * plan.width, plan.shared);
    }
    run.write_sums(partial);
}

}  // namespace
}  // namespace fwht
