// float16 as its bits, so that the same code compiles with and without CUDA; arithmetic is always in float32.
#pragma once

#include "host_device.h"

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#include <cuda_fp16.h>
#endif
#if !defined(__CUDACC_RTC__)
#include <cstring>
#endif

namespace fwht {

struct Half {
    uint16_t bits;
};

#if !defined(__CUDA_ARCH__) && !defined(__CUDACC_RTC__)
namespace host {

inline float bits_to_float(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline uint32_t float_to_bits(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

inline float half_to_float(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
    const uint32_t rest = half & 0x7fffu;
    if (rest >= 0x7c00u) {  // infinity and NaN
        return bits_to_float(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    }
    // A float32 with the same fields is 2^-112 times the value, subnormal numbers included.
    return bits_to_float(sign | float_to_bits(bits_to_float(rest << 13) * 5.192296858534828e33f));
}

// Round to nearest, ties to even; beyond 65504 infinity.
inline uint16_t float_to_half(float value) {
    const uint32_t bits = float_to_bits(value);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t rest = bits & 0x7fffffffu;
    if (rest > 0x7f800000u) {
        return static_cast<uint16_t>(sign | 0x7e00u);
    }
    if (rest >= 0x477ff000u) {  // 65520, from where on the nearest is infinity
        return static_cast<uint16_t>(sign | 0x7c00u);
    }
    if (rest < 0x38800000u) {  // below 2^-14: adding 0.5 aligns the last bit kept, and the addition rounds
        return static_cast<uint16_t>(sign | (float_to_bits(bits_to_float(rest) + 0.5f) - 0x3f000000u));
    }
    return static_cast<uint16_t>(sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1u)) >> 13);
}

}  // namespace host
#endif

FWHT_HD float to_float(float value) {
    return value;
}

FWHT_HD float to_float(Half value) {
#if defined(__CUDA_ARCH__)
    return __half2float(__ushort_as_half(value.bits));
#elif !defined(__CUDACC_RTC__)
    return host::half_to_float(value.bits);
#else
    return 0.0f;  // NVRTC's host pass, which makes no code
#endif
}

template <typename T>
FWHT_HD T from_float(float value);

template <>
FWHT_HD float from_float<float>(float value) {
    return value;
}

template <>
FWHT_HD Half from_float<Half>(float value) {
#if defined(__CUDA_ARCH__)
    return Half{__half_as_ushort(__float2half_rn(value))};
#elif !defined(__CUDACC_RTC__)
    return Half{host::float_to_half(value)};
#else
    return Half{0};
#endif
}

}  // namespace fwht
