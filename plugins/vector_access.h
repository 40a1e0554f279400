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
// The words of 2, 4, 8 and 16 bytes that one instruction reads, kOffset bytes behind an address, if index < count, else
// zeros; no thread writes them during the launch, so they come through the read-only cache (Maxwell would bypass its L1
// otherwise). A predicated instruction: a branch around each of 32 reads would break them into as many blocks, and the
// compiler would keep the addresses of all of them in registers. The offset is part of the instruction, and costs none.
template <int kBytes, int kOffset>
struct ReadIf;

template <int kOffset>
struct ReadIf<2, kOffset> {
    unsigned short word;
    __device__ __forceinline__ ReadIf(const void* at, int index, int count) {
        asm("{.reg .pred p; setp.lt.s32 p, %2, %3; mov.u16 %0, 0; @p ld.global.nc.u16 %0, [%1+%4];}"
            : "=h"(word)
            : "l"(at), "r"(index), "r"(count), "n"(kOffset));
    }
};

template <int kOffset>
struct ReadIf<4, kOffset> {
    unsigned int word;
    __device__ __forceinline__ ReadIf(const void* at, int index, int count) {
        asm("{.reg .pred p; setp.lt.s32 p, %2, %3; mov.u32 %0, 0; @p ld.global.nc.u32 %0, [%1+%4];}"
            : "=r"(word)
            : "l"(at), "r"(index), "r"(count), "n"(kOffset));
    }
};

template <int kOffset>
struct ReadIf<8, kOffset> {
    uint2 word;
    __device__ __forceinline__ ReadIf(const void* at, int index, int count) {
        asm("{.reg .pred p; setp.lt.s32 p, %3, %4; mov.u32 %0, 0; mov.u32 %1, 0;"
            " @p ld.global.nc.v2.u32 {%0, %1}, [%2+%5];}"
            : "=r"(word.x), "=r"(word.y)
            : "l"(at), "r"(index), "r"(count), "n"(kOffset));
    }
};

template <int kOffset>
struct ReadIf<16, kOffset> {
    uint4 word;
    __device__ __forceinline__ ReadIf(const void* at, int index, int count) {
        asm("{.reg .pred p; setp.lt.s32 p, %5, %6; mov.u32 %0, 0; mov.u32 %1, 0; mov.u32 %2, 0; mov.u32 %3, 0;"
            " @p ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4+%7];}"
            : "=r"(word.x), "=r"(word.y), "=r"(word.z), "=r"(word.w)
            : "l"(at), "r"(index), "r"(count), "n"(kOffset));
    }
};

// A float kOffset bytes behind an address if index < count, else anything: what is not used needs no zero.
template <int kOffset>
__device__ __forceinline__ float read_float_if(const float* at, int index, int count) {
    float value;
    asm("{.reg .pred p; setp.lt.s32 p, %2, %3; @p ld.global.nc.f32 %0, [%1+%4];}"
        : "=f"(value)
        : "l"(at), "r"(index), "r"(count), "n"(kOffset));
    return value;
}

// Writes a word if index < count, without a branch.
__device__ __forceinline__ void write_word_if(void* at, int index, int count, unsigned short word) {
    asm volatile("{.reg .pred p; setp.lt.s32 p, %1, %2; @p st.global.u16 [%0], %3;}"
                 :
                 : "l"(at), "r"(index), "r"(count), "h"(word));
}

__device__ __forceinline__ void write_word_if(void* at, int index, int count, unsigned int word) {
    asm volatile("{.reg .pred p; setp.lt.s32 p, %1, %2; @p st.global.u32 [%0], %3;}"
                 :
                 : "l"(at), "r"(index), "r"(count), "r"(word));
}

__device__ __forceinline__ void write_word_if(void* at, int index, int count, uint2 word) {
    asm volatile("{.reg .pred p; setp.lt.s32 p, %1, %2; @p st.global.v2.u32 [%0], {%3, %4};}"
                 :
                 : "l"(at), "r"(index), "r"(count), "r"(word.x), "r"(word.y));
}

template <int kBytes>
struct Read;

template <>
struct Read<2> {
    unsigned short word;
    __device__ __forceinline__ explicit Read(const void* at) : word(__ldg(static_cast<const unsigned short*>(at))) {}
};

template <>
struct Read<4> {
    unsigned int word;
    __device__ __forceinline__ explicit Read(const void* at) : word(__ldg(static_cast<const unsigned int*>(at))) {}
};

template <>
struct Read<8> {
    uint2 word;
    __device__ __forceinline__ explicit Read(const void* at) : word(__ldg(static_cast<const uint2*>(at))) {}
};

template <>
struct Read<16> {
    uint4 word;
    __device__ __forceinline__ explicit Read(const void* at) : word(__ldg(static_cast<const uint4*>(at))) {}
};
#endif

// The values kOffset values behind an address where index < count, else zeros; then the address may be anything.
template <typename T, int kCount, int kOffset = 0>
FWHT_HD Pack<T, kCount> read_if(const T* at, int index, int count) {
#if defined(__CUDA_ARCH__)
    using Words = ReadIf<sizeof(T) * kCount, kOffset * static_cast<int>(sizeof(T))>;
    union Both {
        Words words;
        Pack<T, kCount> values;
        __device__ __forceinline__ Both(const T* from, int i, int end) : words(from, i, end) {}
    };
    return Both(at, index, count).values;
#else
    return index < count ? *reinterpret_cast<const Pack<T, kCount>*>(at + kOffset) : Pack<T, kCount>{};
#endif
}

template <typename T, int kCount>
FWHT_HD Pack<T, kCount> read(const T* at) {
#if defined(__CUDA_ARCH__)
    union Both {
        Read<sizeof(T) * kCount> words;
        Pack<T, kCount> values;
        __device__ __forceinline__ explicit Both(const T* from) : words(from) {}
    };
    return Both(at).values;
#else
    return *reinterpret_cast<const Pack<T, kCount>*>(at);
#endif
}

// Vectors that lie kStep values apart, from the one kFirst values behind `at` on; zeros for those that do not begin before
// the first `count` values. By recursion, since an instruction's offset must be a constant of the language.
template <int kReads, int kStep, int kFirst = 0>
struct ReadEach {
    template <typename T, int kCount>
    static FWHT_HD void run(const T* at, int count, Pack<T, kCount>* vectors) {
        vectors[0] = read_if<T, kCount, kFirst>(at, kFirst, count);
        ReadEach<kReads - 1, kStep, kFirst + kStep>::run(at, count, vectors + 1);
    }
};

template <int kStep, int kFirst>
struct ReadEach<0, kStep, kFirst> {
    template <typename T, int kCount>
    static FWHT_HD void run(const T*, int, Pack<T, kCount>*) {}
};

// Floats that lie kStep apart, from the one kFirst behind `at` on; anything for those not before the first `count`.
template <int kReads, int kStep, int kFirst>
struct ReadFloats {
    static FWHT_HD void run(const float* at, int count, float* values) {
#if defined(__CUDA_ARCH__)
        values[0] = read_float_if<kFirst * static_cast<int>(sizeof(float))>(at, kFirst, count);
#else
        values[0] = kFirst < count ? at[kFirst] : 0.0f;
#endif
        ReadFloats<kReads - 1, kStep, kFirst + kStep>::run(at, count, values + 1);
    }
};

template <int kStep, int kFirst>
struct ReadFloats<0, kStep, kFirst> {
    static FWHT_HD void run(const float*, int, float*) {}
};

template <typename T, int kCount>
FWHT_HD void write(T* at, const Pack<T, kCount>& values) {
    *reinterpret_cast<Pack<T, kCount>*>(at) = values;
}

// Up to 8 bytes, if index < count.
template <typename T, int kCount>
FWHT_HD void write_if(T* at, int index, int count, const Pack<T, kCount>& values) {
#if defined(__CUDA_ARCH__)
    union Both {
        Pack<T, kCount> values;
        decltype(Read<sizeof(T) * kCount>::word) word;
        __device__ __forceinline__ explicit Both(const Pack<T, kCount>& from) : values(from) {}
    };
    write_word_if(at, index, count, Both(values).word);
#else
    if (index < count) {
        write(at, values);
    }
#endif
}

}  // namespace fwht
