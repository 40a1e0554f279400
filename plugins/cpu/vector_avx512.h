// Sixteen lanes with fused multiply-add, 32 registers. What each function does is said in vector.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "unroll.h"

namespace fwht {
namespace {

typedef __m512 Vector;
constexpr int kLanes = 16;
constexpr int kRegisters = 32;

FWHT_INLINE Vector load(const float* from) { return _mm512_loadu_ps(from); }
FWHT_INLINE void store(float* to, Vector value) { _mm512_storeu_ps(to, value); }
FWHT_INLINE void stream(float* to, Vector value) { _mm512_stream_ps(to, value); }
FWHT_INLINE void finish_streams() { _mm_sfence(); }
FWHT_INLINE Vector splat(float value) { return _mm512_set1_ps(value); }
FWHT_INLINE Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
FWHT_INLINE Vector lower(Vector a, Vector b) { return _mm512_min_ps(a, b); }
FWHT_INLINE Vector upper(Vector a, Vector b) { return _mm512_max_ps(a, b); }
FWHT_INLINE __m512i bits(Vector a) { return _mm512_castps_si512(a); }
// Without _mm512_abs_ps, which not every gcc 7 has.
FWHT_INLINE Vector size_of(Vector a) {
    return _mm512_castsi512_ps(_mm512_and_si512(bits(a), _mm512_set1_epi32(0x7fffffff)));
}
FWHT_INLINE Vector with_sign_of(Vector size, Vector a) {
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(bits(size), bits(a), _mm512_set1_epi32(-0x7fffffff - 1), 0xf8));
}
FWHT_INLINE Vector where_not_zero(Vector size, Vector value) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(size, _mm512_setzero_ps(), _CMP_NEQ_UQ), value);
}
FWHT_INLINE Vector with_sign_or_zero(Vector size, Vector value, Vector a) {
    const __mmask16 other = _mm512_cmp_ps_mask(size, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    return _mm512_castsi512_ps(
        _mm512_maskz_ternarylogic_epi32(other, bits(value), bits(a), _mm512_set1_epi32(-0x7fffffff - 1), 0xf8));
}
FWHT_INLINE Vector with_bits_of(Vector value, Vector mask) { return _mm512_and_ps(value, mask); }
FWHT_INLINE Vector rotate_up(Vector a) {
    return _mm512_castsi512_ps(_mm512_alignr_epi32(bits(a), bits(a), 15));
}
FWHT_INLINE Vector rotate_down(Vector a) { return _mm512_castsi512_ps(_mm512_alignr_epi32(bits(a), bits(a), 1)); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<1>) { return _mm512_permute_ps(a, 0xb1); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<2>) { return _mm512_permute_ps(a, 0x4e); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<4>) { return _mm512_shuffle_f32x4(a, a, 0xb1); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<8>) { return _mm512_shuffle_f32x4(a, a, 0x4e); }
FWHT_INLINE Vector even_lanes(Vector a, Vector b) {
    return _mm512_permutex2var_ps(
        a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
}
template <int kFrom>
FWHT_INLINE Vector slide(Vector a, Vector b) {
    return _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(b), _mm512_castps_si512(a), kFrom));
}
FWHT_INLINE Vector subtract_fused(Vector a, Vector b, Vector one) { return _mm512_fnmadd_ps(b, one, a); }
FWHT_INLINE Vector load_bfloat16(const uint16_t* from) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
FWHT_INLINE void store_bfloat16(uint16_t* to, Vector value) {
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits(value), 16), _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(bits(value), _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i rounded = _mm512_mask_or_epi32(sum, _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q), bits(value),
                                                 _mm512_set1_epi32(0x400000));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
}

FWHT_INLINE void transpose_quads(Vector (&v)[4]) {
    const Vector a = _mm512_unpacklo_ps(v[0], v[1]);
    const Vector b = _mm512_unpackhi_ps(v[0], v[1]);
    const Vector c = _mm512_unpacklo_ps(v[2], v[3]);
    const Vector d = _mm512_unpackhi_ps(v[2], v[3]);
    v[0] = _mm512_shuffle_ps(a, c, 0x44);
    v[1] = _mm512_shuffle_ps(a, c, 0xee);
    v[2] = _mm512_shuffle_ps(b, d, 0x44);
    v[3] = _mm512_shuffle_ps(b, d, 0xee);
}
FWHT_INLINE void load_quads(const float* from, ptrdiff_t distance, Vector (&v)[4]) {
    repeat<4>([&](auto i) FWHT_UNROLLED {
        v[i] = _mm512_castps128_ps512(_mm_loadu_ps(from + i * distance));
        v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(from + (i + 4) * distance), 1);
        v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(from + (i + 8) * distance), 2);
        v[i] = _mm512_insertf32x4(v[i], _mm_loadu_ps(from + (i + 12) * distance), 3);
    });
    transpose_quads(v);
}
FWHT_INLINE void store_quads(float* to, ptrdiff_t distance, Vector (&v)[4]) {
    transpose_quads(v);
    repeat<4>([&](auto i) FWHT_UNROLLED {
        _mm_storeu_ps(to + i * distance, _mm512_castps512_ps128(v[i]));
        _mm_storeu_ps(to + (i + 4) * distance, _mm512_extractf32x4_ps(v[i], 1));
        _mm_storeu_ps(to + (i + 8) * distance, _mm512_extractf32x4_ps(v[i], 2));
        _mm_storeu_ps(to + (i + 12) * distance, _mm512_extractf32x4_ps(v[i], 3));
    });
}
}  // namespace
}  // namespace fwht
