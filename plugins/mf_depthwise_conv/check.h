// Which parameters the kernels take. Host code without CUDA.
#pragma once

#include "params.h"

namespace fwht {

namespace mf_check {

constexpr int kLargestSize = 1 << 30;  // so that a position in the padded image is an int

inline bool is_size(int64_t size) {
    return size >= 1 && size <= kLargestSize;
}

inline bool is_aligned(const void* pointer, int bytes) {
    return reinterpret_cast<uintptr_t>(pointer) % static_cast<uintptr_t>(bytes) == 0;
}

// The padding after the image that this output needs at least is (out - 1) * stride + k - size - before.
inline bool is_output_size(int out, int size, int kernel, int stride, int before) {
    const int64_t without = static_cast<int64_t>(size) + before - kernel;  // with no padding after the image
    const int64_t smallest = without < 0 ? 1 : without / stride + 1;
    const int64_t with = without + kernel - 1;
    return with >= 0 && out >= smallest && out <= with / stride + 1;
}

inline const char* pointers(const MfDepthwiseConvParams& p) {
    if (p.x == nullptr || p.y == nullptr) {
        return "x or y is null: give the device addresses of input and output";
    }
    if (p.weight == nullptr || p.gain == nullptr || p.bias == nullptr) {
        return "weight, gain or bias is null: give device arrays of C * k * k, C and C float32 values (gain ones and "
               "bias zeros where the model has none)";
    }
    if (p.x == p.y) {
        return "x and y are one buffer: a window is read after parts of it would be overwritten, so give y its own";
    }
    const int bytes = p.layout == kHWC8 ? 16 : p.type == kFloat16 ? 2 : 4;
    if (!is_aligned(p.x, bytes) || !is_aligned(p.y, bytes)) {
        return "x or y is not aligned: its address must be a multiple of 16 in layout HWC8, otherwise of the size of "
               "one value";
    }
    if (!is_aligned(p.weight, 4) || !is_aligned(p.gain, 4) || !is_aligned(p.bias, 4)) {
        return "weight, gain or bias is not aligned: the address of a float32 array is a multiple of 4";
    }
    return nullptr;
}

inline const char* choices(const MfDepthwiseConvParams& p) {
    if (p.kernel_size != 3 && p.kernel_size != 5) {
        return "kernel_size is neither 3 nor 5, the two there are kernels for";
    }
    if (p.op < 1 || p.op > 3) {
        return "the operator is not 1, 2 or 3";
    }
    if (p.activation != 0 && p.activation != 1 && p.activation != 6) {
        return "the activation is not 0 (none), 1 (ReLU) or 6 (ReLU6)";
    }
    if (p.type != kFloat32 && p.type != kFloat16) {
        return "the type is neither 0 (float32) nor 1 (float16)";
    }
    if (p.layout != kNCHW && p.layout != kHWC8) {
        return "the layout is neither 0 (NCHW) nor 1 (HWC8)";
    }
    if (p.layout == kHWC8 && p.type != kFloat16) {
        return "layout HWC8 is there for float16 only: take NCHW for float32";
    }
    return nullptr;
}

inline const char* sizes(const MfDepthwiseConvParams& p) {
    if (p.batch < 1 || !is_size(p.channels) || !is_size(p.height) || !is_size(p.width)) {
        return "batch, channels, height or width is out of range: each is at least 1, the last three at most 2^30";
    }
    if (!is_size(p.out_height) || !is_size(p.out_width)) {
        return "out_height or out_width is out of range: each is at least 1 and at most 2^30";
    }
    const double inputs = static_cast<double>(p.height) * p.width * (p.channels + 7.0) * static_cast<double>(p.batch);
    const double outputs =
        static_cast<double>(p.out_height) * p.out_width * (p.channels + 7.0) * static_cast<double>(p.batch);
    if (inputs > 1e18 || outputs > 1e18) {
        return "the tensor has more than 10^18 values, more than an index counts: split the batch";
    }
    if (p.stride_h < 1 || p.stride_w < 1) {
        return "a stride is below 1";
    }
    if (p.pad_top < 0 || p.pad_left < 0 || p.pad_top >= p.kernel_size || p.pad_left >= p.kernel_size) {
        return "pad_top or pad_left is out of range: each is 0 to kernel_size - 1 (a window beyond sees no image)";
    }
    return nullptr;
}

inline const char* output_sizes(const MfDepthwiseConvParams& p) {
    if (!is_output_size(p.out_height, p.height, p.kernel_size, p.stride_h, p.pad_top)) {
        return "out_height does not follow from height: it is (height + pad_top + pad_bottom - kernel_size) / stride_h "
               "+ 1, rounded down, with a pad_bottom of 0 to kernel_size - 1";
    }
    if (!is_output_size(p.out_width, p.width, p.kernel_size, p.stride_w, p.pad_left)) {
        return "out_width does not follow from width: it is (width + pad_left + pad_right - kernel_size) / stride_w "
               "+ 1, rounded down, with a pad_right of 0 to kernel_size - 1";
    }
    return nullptr;
}

}  // namespace mf_check

// nullptr where the kernels take these parameters, otherwise the sentence that says why not. The string is static.
inline const char* check_mf_depthwise_conv(const MfDepthwiseConvParams& params) {
    const char* (*const checks[])(const MfDepthwiseConvParams&) = {
        mf_check::choices, mf_check::sizes, mf_check::output_sizes, mf_check::pointers};
    for (const auto check : checks) {
        const char* reason = check(params);
        if (reason != nullptr) {
            return reason;
        }
    }
    return nullptr;
}

}  // namespace fwht
