// What host and device code share: the same functions run in a kernel and, compiled by g++ alone, in the CPU tests.
// No host header under NVRTC, which has none. C++14 at most, as CUDA 10.2 and gcc 7.5 take it.
#pragma once

#if defined(__CUDACC_RTC__)
typedef long long int64_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
#else
#include <cstdint>
#endif

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define FWHT_HD __host__ __device__ __forceinline__
#else
#define FWHT_HD inline
#endif

#if defined(__CUDA_ARCH__)  // nvcc's pass for the host knows no such pragma
#define FWHT_UNROLL _Pragma("unroll")
#define FWHT_NO_UNROLL _Pragma("unroll 1")
#else
#define FWHT_UNROLL
#define FWHT_NO_UNROLL
#endif

namespace fwht {

enum DataType : int { kFloat32 = 0, kFloat16 = 1 };

// kNCHW: (N, C, H, W). kHWC8: (N, H, W, C rounded up to a multiple of 8), float16 only. kNHWC: (N, H, W, C), float32,
// in training on the CPU only.
enum Layout : int { kNCHW = 0, kHWC8 = 1, kNHWC = 2 };

// The activation fused into a layer: 0 none, 1 ReLU, 6 ReLU6. Written with comparisons, which keep a NaN; fmax drops it.
FWHT_HD float activate(float y, int activation) {
    if (activation != 0 && y < 0.0f) {
        y = 0.0f;
    }
    return activation == 6 && y > 6.0f ? 6.0f : y;
}

}  // namespace fwht
