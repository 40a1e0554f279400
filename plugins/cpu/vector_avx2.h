// Eight lanes with fused multiply-add, sixteen registers. What each function does is said in vector.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "unroll.h"

namespace fwht {
namespace {

typedef __m256 Vector;
constexpr int kLanes = 8;
constexpr int kRegisters = 16;

FWHT_INLINE Vector load(const float* from) { return _mm256_loadu_ps(from); }
FWHT_INLINE void store(float* to, Vector value) { _mm256_storeu_ps(to, value); }
FWHT_INLINE void stream(float* to, Vector value) { _mm256_stream_ps(to, value); }
FWHT_INLINE void finish_streams() { _mm_sfence(); }
FWHT_INLINE Vector splat(float value) { return _mm256_set1_ps(value); }
FWHT_INLINE Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
FWHT_INLINE Vector lower(Vector a, Vector b) { return _mm256_min_ps(a, b); }
FWHT_INLINE Vector upper(Vector a, Vector b) { return _mm256_max_ps(a, b); }
FWHT_INLINE Vector size_of(Vector a) { return _mm256_andnot_ps(splat(-0.0f), a); }
FWHT_INLINE Vector with_sign_of(Vector size, Vector a) { return _mm256_or_ps(size, _mm256_and_ps(splat(-0.0f), a)); }
FWHT_INLINE Vector where_not_zero(Vector size, Vector value) {
    const __m256i zero = _mm256_cmpeq_epi32(_mm256_castps_si256(size), _mm256_setzero_si256());
    return _mm256_andnot_ps(_mm256_castsi256_ps(zero), value);
}
FWHT_INLINE Vector with_sign_or_zero(Vector size, Vector value, Vector a) {
    const __m256i zero = _mm256_cmpeq_epi32(_mm256_castps_si256(size), _mm256_setzero_si256());
    return _mm256_andnot_ps(_mm256_castsi256_ps(zero), with_sign_of(value, a));
}
FWHT_INLINE Vector with_bits_of(Vector value, Vector mask) { return _mm256_and_ps(value, mask); }
FWHT_INLINE Vector rotate_up(Vector a) {
    return _mm256_permutevar8x32_ps(a, _mm256_setr_epi32(7, 0, 1, 2, 3, 4, 5, 6));
}
FWHT_INLINE Vector rotate_down(Vector a) {
    return _mm256_permutevar8x32_ps(a, _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0));
}
FWHT_INLINE Vector swap_lanes(Vector a, Index<1>) { return _mm256_permute_ps(a, 0xb1); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<2>) { return _mm256_permute_ps(a, 0x4e); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<4>) { return _mm256_permute2f128_ps(a, a, 0x01); }
FWHT_INLINE Vector even_lanes(Vector a, Vector b) {
    const __m256d mixed = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(mixed, 0xd8));
}
template <int kFrom>
FWHT_INLINE Vector slide(Vector a, Vector b) {
    const Vector middle = _mm256_permute2f128_ps(a, b, 0x21);
    if (kFrom == 4) {
        return middle;
    }
    const __m256i low = _mm256_castps_si256(kFrom < 4 ? a : middle);
    const __m256i high = _mm256_castps_si256(kFrom < 4 ? middle : b);
    return _mm256_castsi256_ps(_mm256_alignr_epi8(high, low, kFrom % 4 * 4));
}
FWHT_INLINE Vector subtract_fused(Vector a, Vector b, Vector one) { return _mm256_fnmadd_ps(b, one, a); }
FWHT_INLINE Vector load_bfloat16(const uint16_t* from) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}
FWHT_INLINE void store_bfloat16(uint16_t* to, Vector value) {
    const __m256i all = _mm256_castps_si256(value);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(all, 16), _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(all, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const Vector quiet = _mm256_castsi256_ps(_mm256_or_si256(all, _mm256_set1_epi32(0x400000)));
    const Vector rounded =
        _mm256_blendv_ps(_mm256_castsi256_ps(sum), quiet, _mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    const __m256i upper_halves = _mm256_srli_epi32(_mm256_castps_si256(rounded), 16);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(upper_halves, upper_halves), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(packed));
}

FWHT_INLINE void transpose_quads(Vector (&v)[4]) {
    const Vector a = _mm256_unpacklo_ps(v[0], v[1]);
    const Vector b = _mm256_unpackhi_ps(v[0], v[1]);
    const Vector c = _mm256_unpacklo_ps(v[2], v[3]);
    const Vector d = _mm256_unpackhi_ps(v[2], v[3]);
    v[0] = _mm256_shuffle_ps(a, c, 0x44);
    v[1] = _mm256_shuffle_ps(a, c, 0xee);
    v[2] = _mm256_shuffle_ps(b, d, 0x44);
    v[3] = _mm256_shuffle_ps(b, d, 0xee);
}
FWHT_INLINE void load_quads(const float* from, ptrdiff_t distance, Vector (&v)[4]) {
    repeat<4>([&](auto i) FWHT_UNROLLED {
        const __m128 low = _mm_loadu_ps(from + i * distance);
        v[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(low), _mm_loadu_ps(from + (i + 4) * distance), 1);
    });
    transpose_quads(v);
}
FWHT_INLINE void store_quads(float* to, ptrdiff_t distance, Vector (&v)[4]) {
    transpose_quads(v);
    repeat<4>([&](auto i) FWHT_UNROLLED {
        _mm_storeu_ps(to + i * distance, _mm256_castps256_ps128(v[i]));
        _mm_storeu_ps(to + (i + 4) * distance, _mm256_extractf128_ps(v[i], 1));
    });
}
}  // namespace
}  // namespace fwht
