#include "cpu_gradients.h"

#include "cpu_plan.h"

namespace fwht {
namespace {

void add_up(const float* partial, int64_t parts, int64_t stride, int64_t count, float* total) {
    for (int64_t i = 0; i < count; ++i) {
        total[i] = 0.0f;
    }
    for (int64_t part = 0; part < parts; ++part) {
        for (int64_t i = 0; i < count; ++i) {
            total[i] += partial[part * stride + i];
        }
    }
}

}  // namespace

FwhtLayerGradientsPlan plan_fwht_layer_gradients(const FwhtLayerGradientsParams& params, int lanes) {
    const FwhtLayerParams& p = params.layer;
    const int64_t weights = int64_t{p.paths} * p.n;
    FwhtLayerGradientsPlan plan{};
    plan.width = lanes;
    plan.tiles = (p.batch * p.pixels + lanes - 1) / lanes;
    plan.parts = plan.tiles < kMostParts ? plan.tiles : kMostParts;
    plan.shared = p.soft == 0 && p.paths == 1 && is_unscaled(p.scale, p.n);
    plan.sums = params.scale_gradient == nullptr ? weights : 2 * weights;
    // coefficients of X and of Y's gradient; both gathered; the sums, lane by lane; a gain of ones and a bias of zeros
    const int64_t rows = 2 * int64_t{p.n} + p.in_channels + int64_t{p.out_channels} * p.pool + plan.sums;
    plan.scratch_bytes = (rows * lanes + 2 * kMostBlocks * kBlockGap + 2 * int64_t{p.n}) * int64_t{sizeof(float)};
    return plan;
}

void add_up_gradients(const FwhtLayerGradientsParams& params, const FwhtLayerGradientsPlan& plan,
                      const float* partial) {
    const int64_t weights = int64_t{params.layer.paths} * params.layer.n;
    add_up(partial, plan.parts, plan.sums, weights, params.thresholds_gradient);
    if (params.scale_gradient != nullptr) {
        add_up(partial + weights, plan.parts, plan.sums, weights, params.scale_gradient);
    }
}

}  // namespace fwht
