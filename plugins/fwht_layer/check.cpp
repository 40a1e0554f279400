// What the kernel takes. The same rules as in contract.json.
#include "check.h"

namespace fwht {
namespace {

bool aligned(const void* address) {
    return reinterpret_cast<uintptr_t>(address) % 16 == 0;
}

// Of the channels, where there are blocks.
const char* check_blocks(const FwhtLayerParams& p) {
    if (p.block != p.n) {
        return "FWHTLayer: block must be 0 or n, the number of thresholds of a path";
    }
    if (p.in_channels < p.block || p.in_channels > kMostBlockChannels) {
        return "FWHTLayer: with blocks X must have from `block` to 65536 channels: take a smaller block, or block = 0";
    }
    if (p.out_channels < 1 || p.out_channels > kLargestN) {
        return "FWHTLayer: out_channels must be from 1 to 4096";
    }
    if (p.out_channels > p.in_channels && p.out_channels % p.block != 0) {
        return "FWHTLayer: out_channels must be a multiple of block where it is more than the channels of X";
    }
    if (p.out_channels <= p.in_channels && p.in_channels % p.block != 0) {
        return "FWHTLayer: X must have a multiple of `block` channels where out_channels is not more of them";
    }
    return nullptr;
}

const char* check_channels(const FwhtLayerParams& p) {
    if (p.block != 0) {
        return check_blocks(p);
    }
    if (p.in_channels < 1 || p.in_channels > p.n) {
        return "FWHTLayer: X must have from 1 to n channels, n being the number of thresholds";
    }
    if (p.out_channels < 1 || p.out_channels > p.n) {
        return "FWHTLayer: out_channels must be from 1 to n, n being the number of thresholds";
    }
    return nullptr;
}

}  // namespace

const char* check_fwht_layer(const FwhtLayerParams& p) {
    if (p.x == nullptr || p.y == nullptr) {
        return "FWHTLayer: x or y is null: give the addresses of device memory";
    }
    if (p.thresholds == nullptr || p.scale == nullptr || p.gain == nullptr || p.bias == nullptr) {
        return "FWHTLayer: thresholds, scale, gain or bias is null: give the addresses of device memory";
    }
    if (!aligned(p.x) || !aligned(p.y) || !aligned(p.residual) || !aligned(p.thresholds) || !aligned(p.scale)) {
        return "FWHTLayer: an address is no multiple of 16 bytes: begin each tensor where cudaMalloc would";
    }
    return check_fwht_layer_sizes(p);
}

const char* check_fwht_layer_sizes(const FwhtLayerParams& p) {
    if (p.n < kSmallestN || p.n > kLargestN || (p.n & (p.n - 1)) != 0) {
        return "FWHTLayer: the number of thresholds of a path must be a power of two from 2 to 4096";
    }
    if (const char* wrong = check_channels(p)) {
        return wrong;
    }
    if (p.pool < 1 || (p.pool > 1 && p.out_channels > p.in_channels / p.pool)) {
        return "FWHTLayer: pool must be at least 1, and out_channels at most C_in / pool where it is more";
    }
    if (p.keep_dc != 0 && p.keep_dc != 1) {
        return "FWHTLayer: keep_dc must be 0 or 1";
    }
    if (p.activation != 0 && p.activation != 1 && p.activation != 6) {
        return "FWHTLayer: activation must be 0 (none), 1 (ReLU) or 6 (ReLU6)";
    }
    if (p.paths < 1 || p.paths > kMostPaths) {
        return "FWHTLayer: paths must be from 1 to 8";
    }
    if (p.soft != 0 && p.soft != 1) {
        return "FWHTLayer: soft must be 0 (smooth) or 1 (soft)";
    }
    if (p.type != kFloat32 && p.type != kFloat16) {
        return "FWHTLayer: the type must be float32 or float16";
    }
    if (p.layout != kNCHW && !(p.layout == kHWC8 && p.type == kFloat16 && p.n >= kSmallestHwc8N)) {
        return "FWHTLayer: the layout must be NCHW, or HWC8 for float16 and 8 or more thresholds";
    }
    const int64_t limit = 2147483647;
    if (p.batch < 0 || p.pixels < 1 || p.pixels > limit || p.batch > limit / p.pixels) {
        return "FWHTLayer: N * H * W must be below 2^31: run fewer images at once";
    }
    return nullptr;
}

}  // namespace fwht
