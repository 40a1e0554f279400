// Reading and writing several values with one instruction.
#pragma once

#include "float16.h"

namespace fwht {

// kCount neighbouring values; a pointer to it must be aligned to its size.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
    T at[kCount];
};

#if defined(__CUDA_ARCH__)
// 2, 4, 8 or 16 bytes that no thread writes during the launch, through the read-only cache (Maxwell would bypass its L1
// otherwise), or zeros. A predicated instruction: a branch around each of 32 reads would break them into as many blocks,
// and the compiler would keep the addresses of all of them in registers.
template <int kBytes>
struct ReadIf;

template <>
struct ReadIf<2> {
    unsigned short word;
    __device__ __forceinline__ ReadIf(const void* at, int index, int count) {
        asm("{.reg .pred p; setp.lt.s32 p, %2, %3; mov.u16 %0, 0; @p ld.global.nc.u16 %0, [%1];}"
            : "=h"(word)
            : "l"(at), "r"(index), "r"(count));
    }
};

template <>
struct ReadIf<4> {
    unsigned int word;
    __device__ __forceinline__ ReadIf(const void* at, int index, int count) {
        asm("{.reg .pred p; setp.lt.s32 p, %2, %3; mov.u32 %0, 0; @p ld.global.nc.u32 %0, [%1];}"
            : "=r"(word)
            : "l"(at), "r"(index), "r"(count));
    }
};

template <>
struct ReadIf<8> {
    uint2 word;
    __device__ __forceinline__ ReadIf(const void* at, int index, int count) {
        asm("{.reg .pred p; setp.lt.s32 p, %3, %4; mov.u32 %0, 0; mov.u32 %1, 0; @p ld.global.nc.v2.u32 {%0, %1}, [%2];}"
            : "=r"(word.x), "=r"(word.y)
            : "l"(at), "r"(index), "r"(count));
    }
};

template <>
struct ReadIf<16> {
    uint4 word;
    __device__ __forceinline__ ReadIf(const void* at, int index, int count) {
        asm("{.reg .pred p; setp.lt.s32 p, %5, %6; mov.u32 %0, 0; mov.u32 %1, 0; mov.u32 %2, 0; mov.u32 %3, 0;"
            " @p ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];}"
            : "=r"(word.x), "=r"(word.y), "=r"(word.z), "=r"(word.w)
            : "l"(at), "r"(index), "r"(count));
    }
};
#endif

// The values at an address where index < count, else zeros; then the address may be anything.
template <typename T, int kCount>
FWHT_HD Pack<T, kCount> read_if(const T* at, int index, int count) {
#if defined(__CUDA_ARCH__)
    using Read = ReadIf<sizeof(T) * kCount>;
    union Both {
        Read read;
        Pack<T, kCount> values;
        __device__ __forceinline__ Both(const T* from, int i, int end) : read(from, i, end) {}
    };
    return Both(at, index, count).values;
#else
    return index < count ? *reinterpret_cast<const Pack<T, kCount>*>(at) : Pack<T, kCount>{};
#endif
}

template <typename T, int kCount>
FWHT_HD Pack<T, kCount> read(const T* at) {
    return read_if<T, kCount>(at, 0, 1);
}

template <typename T, int kCount>
FWHT_HD void write(T* at, const Pack<T, kCount>& values) {
    *reinterpret_cast<Pack<T, kCount>*>(at) = values;
}

}  // namespace fwht
