// The rules a launch of the two-dimensional FWHT layer must keep, the same as in contract.json. Host code without CUDA.
#pragma once

#include "params.h"

namespace fwht {

namespace fwht_2d_check {

inline bool is_aligned(const void* address, int bytes) {
    return reinterpret_cast<uintptr_t>(address) % static_cast<uintptr_t>(bytes) == 0;
}

inline const char* choices(const Fwht2dParams& p) {
    if (p.stride != 1 && p.stride != 2 && p.stride != 4) {
        return "FWHT2D: stride must be 1, 2 or 4";
    }
    if (p.keep_dc != 0 && p.keep_dc != 1) {
        return "FWHT2D: keep_dc must be 0 or 1";
    }
    if (p.activation != 0 && p.activation != 1 && p.activation != 6) {
        return "FWHT2D: activation must be 0 (none), 1 (ReLU) or 6 (ReLU6)";
    }
    if (p.paths < 1 || p.paths > kMost2dPaths) {
        return "FWHT2D: paths must be from 1 to 8";
    }
    if (p.soft != 0 && p.soft != 1) {
        return "FWHT2D: soft must be 0 (smooth) or 1 (soft)";
    }
    if (p.type != kFloat32 && p.type != kFloat16) {
        return "FWHT2D: the type must be float32 or float16";
    }
    if (p.layout != kNCHW && !(p.layout == kHWC8 && p.type == kFloat16)) {
        return "FWHT2D: the layout must be NCHW, or HWC8 for float16";
    }
    return nullptr;
}

inline const char* sizes(const Fwht2dParams& p) {
    if (p.n < kSmallestSide || p.n > kLargestSide || (p.n & (p.n - 1)) != 0) {
        return "FWHT2D: a path must have n * n thresholds, n a power of two from 2 to 128: larger maps than 128x128 "
               "are beyond this layer";
    }
    if (p.n < p.stride) {
        return "FWHT2D: n, the root of the number of thresholds of a path, must be at least the stride";
    }
    if (p.height < 1 || p.height > p.n || p.width < 1 || p.width > p.n) {
        return "FWHT2D: the height and width of X must be from 1 to n, the root of the number of thresholds of a path";
    }
    const int64_t limit = 2147483647;
    const int64_t stored = p.layout == kHWC8 ? (int64_t{p.channels} + 7) / 8 * 8 : p.channels;
    if (p.channels < 1 || p.batch < 0 || p.batch > limit / stored) {
        return "FWHT2D: X must have at least one channel, and N * C (in HWC8 a multiple of 8) below 2^31: run fewer images "
               "at once";
    }
    return nullptr;
}

inline const char* addresses(const Fwht2dParams& p) {
    if (p.x == nullptr || p.y == nullptr) {
        return "FWHT2D: x or y is null: give the addresses of device memory";
    }
    if (p.thresholds == nullptr || p.scale == nullptr || p.gain == nullptr || p.bias == nullptr) {
        return "FWHT2D: thresholds, scale, gain or bias is null: give the addresses of device memory";
    }
    if (p.x == p.y) {
        return "FWHT2D: x and y are one buffer: give y its own";
    }
    if (!is_aligned(p.x, 16) || !is_aligned(p.y, 16) || !is_aligned(p.thresholds, 16) || !is_aligned(p.scale, 16)) {
        return "FWHT2D: an address is no multiple of 16 bytes: begin each tensor where cudaMalloc would";
    }
    return nullptr;
}

}  // namespace fwht_2d_check

// Null where nothing is wrong, else a sentence that says what is; without the addresses. An empty batch is valid.
inline const char* check_fwht_2d_sizes(const Fwht2dParams& params) {
    const char* wrong = fwht_2d_check::choices(params);
    return wrong != nullptr ? wrong : fwht_2d_check::sizes(params);
}

// The same for the CUDA kernels, in which a thread holds a row.
inline const char* check_fwht_2d_on_gpu(const Fwht2dParams& params) {
    const char* wrong = check_fwht_2d_sizes(params);
    if (wrong == nullptr && side_of(params) > kLargestGpuSide) {
        return "FWHT2D: n / stride must be at most 64 on a GPU: halve the map before this layer, or let it stride";
    }
    return wrong;
}

// That, and the addresses.
inline const char* check_fwht_2d(const Fwht2dParams& params) {
    const char* wrong = fwht_2d_check::addresses(params);
    return wrong != nullptr ? wrong : check_fwht_2d_on_gpu(params);
}

}  // namespace fwht
