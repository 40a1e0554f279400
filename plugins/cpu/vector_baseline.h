// Four lanes without fused multiply-add: SSE2 on x86-64, and whatever the compiler makes of its own vectors elsewhere.
// What each function does is said in vector.h.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "unroll.h"

namespace fwht {
namespace {

typedef float Vector __attribute__((vector_size(16)));
typedef int IntVector __attribute__((vector_size(16)));
typedef Vector VectorInMemory __attribute__((aligned(4), may_alias));
constexpr int kLanes = 4;
constexpr int kRegisters = 16;

FWHT_INLINE Vector load(const float* from) { return *reinterpret_cast<const VectorInMemory*>(from); }
FWHT_INLINE void store(float* to, Vector value) { *reinterpret_cast<VectorInMemory*>(to) = value; }
FWHT_INLINE void stream(float* to, Vector value) { store(to, value); }
FWHT_INLINE void finish_streams() {}
FWHT_INLINE Vector splat(float value) { return Vector{value, value, value, value}; }
FWHT_INLINE IntVector splat_bits(int value) { return IntVector{value, value, value, value}; }
FWHT_INLINE Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
#if defined(__SSE2__)
FWHT_INLINE Vector lower(Vector a, Vector b) { return _mm_min_ps(a, b); }
FWHT_INLINE Vector upper(Vector a, Vector b) { return _mm_max_ps(a, b); }
#else
FWHT_INLINE Vector lower(Vector a, Vector b) {
    const IntVector mask = a < b;
    return reinterpret_cast<Vector>((reinterpret_cast<IntVector>(a) & mask) | (reinterpret_cast<IntVector>(b) & ~mask));
}
FWHT_INLINE Vector upper(Vector a, Vector b) {
    const IntVector mask = a > b;
    return reinterpret_cast<Vector>((reinterpret_cast<IntVector>(a) & mask) | (reinterpret_cast<IntVector>(b) & ~mask));
}
#endif
FWHT_INLINE Vector size_of(Vector a) {
    return reinterpret_cast<Vector>(reinterpret_cast<IntVector>(a) & splat_bits(0x7fffffff));
}
FWHT_INLINE Vector with_sign_of(Vector size, Vector a) {
    const IntVector sign = reinterpret_cast<IntVector>(a) & splat_bits(-0x7fffffff - 1);
    return reinterpret_cast<Vector>(reinterpret_cast<IntVector>(size) | sign);
}
FWHT_INLINE Vector where_not_zero(Vector size, Vector value) {
    const IntVector mask = size != splat(0.0f);
    return reinterpret_cast<Vector>(mask & reinterpret_cast<IntVector>(value));
}
FWHT_INLINE Vector with_sign_or_zero(Vector size, Vector value, Vector a) {
    return where_not_zero(size, with_sign_of(value, a));
}
FWHT_INLINE Vector with_bits_of(Vector value, Vector mask) {
    return reinterpret_cast<Vector>(reinterpret_cast<IntVector>(value) & reinterpret_cast<IntVector>(mask));
}
FWHT_INLINE Vector rotate_up(Vector a) { return Vector{a[3], a[0], a[1], a[2]}; }
FWHT_INLINE Vector rotate_down(Vector a) { return Vector{a[1], a[2], a[3], a[0]}; }
#if defined(__SSE2__)
FWHT_INLINE Vector swap_lanes(Vector a, Index<1>) { return _mm_shuffle_ps(a, a, 0xb1); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<2>) { return _mm_shuffle_ps(a, a, 0x4e); }
#else
FWHT_INLINE Vector swap_lanes(Vector a, Index<1>) { return Vector{a[1], a[0], a[3], a[2]}; }
FWHT_INLINE Vector swap_lanes(Vector a, Index<2>) { return Vector{a[2], a[3], a[0], a[1]}; }
#endif
FWHT_INLINE Vector even_lanes(Vector a, Vector b) { return Vector{a[0], a[2], b[0], b[2]}; }
template <int kFrom>
FWHT_INLINE Vector slide(Vector a, Vector b) {
    return kFrom == 1 ? Vector{a[1], a[2], a[3], b[0]}
           : kFrom == 2 ? Vector{a[2], a[3], b[0], b[1]}
                        : Vector{a[3], b[0], b[1], b[2]};
}
FWHT_INLINE Vector subtract_fused(Vector a, Vector b, Vector) { return a - b; }
FWHT_INLINE Vector load_bfloat16(const uint16_t* from) {
    typedef uint32_t Words __attribute__((vector_size(16)));
    return reinterpret_cast<Vector>(Words{from[0], from[1], from[2], from[3]} << 16);
}
FWHT_INLINE void store_bfloat16(uint16_t* to, Vector value) {
    typedef uint32_t Words __attribute__((vector_size(16)));
    const Words all = reinterpret_cast<Words>(value);
    const Words same = reinterpret_cast<Words>(value == value);  // all ones but for a NaN
    const Words rounded = ((all + (all >> 16 & 1u) + 0x7fffu) & same) | ((all | 0x400000u) & ~same);
    for (int i = 0; i < kLanes; ++i) {
        to[i] = static_cast<uint16_t>(rounded[i] >> 16);
    }
}

FWHT_INLINE void transpose_quads(Vector (&v)[4]) {
#if defined(__SSE2__)
    _MM_TRANSPOSE4_PS(v[0], v[1], v[2], v[3]);
#else
    const Vector rows[4] = {v[0], v[1], v[2], v[3]};
    repeat<4>([&](auto index) FWHT_UNROLLED {
        constexpr int i = decltype(index)::kIndex;  // gcc finds no conversion of an Index here
        v[i] = Vector{rows[0][i], rows[1][i], rows[2][i], rows[3][i]};
    });
#endif
}
FWHT_INLINE void load_quads(const float* from, ptrdiff_t distance, Vector (&v)[4]) {
    repeat<4>([&](auto i) FWHT_UNROLLED { v[i] = load(from + i * distance); });
    transpose_quads(v);
}
FWHT_INLINE void store_quads(float* to, ptrdiff_t distance, Vector (&v)[4]) {
    transpose_quads(v);
    repeat<4>([&](auto i) FWHT_UNROLLED { store(to + i * distance, v[i]); });
}
}  // namespace
}  // namespace fwht
