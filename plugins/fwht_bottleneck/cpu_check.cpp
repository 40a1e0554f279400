#include "cpu_check.h"

#include "../fwht_layer/check.h"

namespace fwht {
namespace {

std::string check_layer(const char* which, FwhtLayerParams layer, int64_t batch, int64_t pixels) {
    layer.batch = batch;
    layer.pixels = pixels;
    if (const char* wrong = check_fwht_layer_sizes(layer)) {
        return std::string(which) + ": " + wrong;
    }
    if (layer.type != kFloat32 || layer.layout != kNCHW) {
        return std::string(which) + ": the CPU kernel takes float32 in layout NCHW";
    }
    return std::string();
}

}  // namespace

std::string check_fwht_bottleneck(const FwhtBottleneckParams& p) {
    if (p.height < 1 || p.width < 1) {
        return "H and W must be at least 1";
    }
    if (p.stride != 1 && p.stride != 2) {
        return "stride must be 1 or 2";
    }
    if (p.op < 0 || p.op > 3) {
        return "operator must be 0 (a convolution), 1, 2 or 3";
    }
    if (p.activation != 0 && p.activation != 1 && p.activation != 6) {
        return "activation must be 0 (none), 1 (ReLU) or 6 (ReLU6)";
    }
    const int64_t pixels = int64_t{p.height} * p.width;
    const int64_t out_pixels =
        int64_t{bottleneck_out_size(p.height, p.stride)} * bottleneck_out_size(p.width, p.stride);
    const std::string wrong = check_layer("expand", p.expand, p.batch, pixels);
    if (!wrong.empty()) {
        return wrong;
    }
    if (p.project.in_channels != p.expand.out_channels) {
        return "project must take as many channels as expand gives";
    }
    if (p.expand.pool != 1 || p.project.pool != 1) {
        return "a layer that pools is not taken into a bottleneck";
    }
    if (p.expand.block != 0 || p.project.block != 0) {
        return "a layer with blocks is not taken into a bottleneck";
    }
    if (p.residual != 0 && (p.stride != 1 || p.expand.in_channels != p.project.out_channels)) {
        return "a residual needs stride 1 and as many channels of output as of X";
    }
    return check_layer("project", p.project, p.batch, out_pixels);
}

}  // namespace fwht
