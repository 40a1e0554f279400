// Sixteen lanes with fused multiply-add, 32 registers. What each function does is said in vector.h.
#pragma once

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
FWHT_INLINE Vector size_of(Vector a) { return _mm512_abs_ps(a); }
FWHT_INLINE Vector with_sign_of(Vector size, Vector a) {
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(bits(size), bits(a), _mm512_set1_epi32(-0x7fffffff - 1), 0xf8));
}
FWHT_INLINE Vector where_not_zero(Vector size, Vector value) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(size, _mm512_setzero_ps(), _CMP_NEQ_UQ), value);
}
FWHT_INLINE Vector subtract_fused(Vector a, Vector b, Vector one) { return _mm512_fnmadd_ps(b, one, a); }

}  // namespace
}  // namespace fwht
