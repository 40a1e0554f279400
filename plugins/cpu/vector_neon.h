// Four lanes with fused multiply-add, 32 registers: every arm64. What each function does is said in vector.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

#include "unroll.h"

namespace fwht {
namespace {

typedef float32x4_t Vector;
constexpr int kLanes = 4;
constexpr int kRegisters = 32;

FWHT_INLINE Vector load(const float* from) { return vld1q_f32(from); }
FWHT_INLINE void store(float* to, Vector value) { vst1q_f32(to, value); }
FWHT_INLINE void stream(float* to, Vector value) { store(to, value); }
FWHT_INLINE void finish_streams() {}
FWHT_INLINE Vector splat(float value) { return vdupq_n_f32(value); }
FWHT_INLINE Vector multiply_add(Vector a, Vector b, Vector c) { return vfmaq_f32(c, a, b); }
FWHT_INLINE Vector lower(Vector a, Vector b) { return vminq_f32(a, b); }
FWHT_INLINE Vector upper(Vector a, Vector b) { return vmaxq_f32(a, b); }
FWHT_INLINE Vector size_of(Vector a) { return vabsq_f32(a); }
FWHT_INLINE Vector with_sign_of(Vector size, Vector a) { return vbslq_f32(vdupq_n_u32(0x80000000u), a, size); }
FWHT_INLINE Vector where_not_zero(Vector size, Vector value) {
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(value), vceqzq_f32(size)));
}
FWHT_INLINE Vector with_sign_or_zero(Vector size, Vector value, Vector a) {
    return where_not_zero(size, with_sign_of(value, a));
}
FWHT_INLINE Vector with_bits_of(Vector value, Vector mask) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(value), vreinterpretq_u32_f32(mask)));
}
FWHT_INLINE Vector rotate_up(Vector a) { return vextq_f32(a, a, 3); }
FWHT_INLINE Vector rotate_down(Vector a) { return vextq_f32(a, a, 1); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<1>) { return vrev64q_f32(a); }
FWHT_INLINE Vector swap_lanes(Vector a, Index<2>) { return vextq_f32(a, a, 2); }
FWHT_INLINE Vector even_lanes(Vector a, Vector b) { return vuzp1q_f32(a, b); }
template <int kFrom>
FWHT_INLINE Vector slide(Vector a, Vector b) {
    return vextq_f32(a, b, kFrom);
}
FWHT_INLINE Vector subtract_fused(Vector a, Vector b, Vector) { return a - b; }
FWHT_INLINE Vector load_bfloat16(const uint16_t* from) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(from), 16));
}
FWHT_INLINE void store_bfloat16(uint16_t* to, Vector value) {
    const uint32x4_t all = vreinterpretq_u32_f32(value);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(all, 16), vdupq_n_u32(1));
    const uint32x4_t sum = vaddq_u32(all, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    const uint32x4_t quiet = vorrq_u32(all, vdupq_n_u32(0x400000));
    vst1_u16(to, vshrn_n_u32(vbslq_u32(vceqq_f32(value, value), sum, quiet), 16));
}

FWHT_INLINE float64x2_t pairs(float32x4_t value) { return vreinterpretq_f64_f32(value); }
FWHT_INLINE void transpose_quads(Vector (&v)[4]) {
    const float64x2_t a = pairs(vtrn1q_f32(v[0], v[1]));
    const float64x2_t b = pairs(vtrn2q_f32(v[0], v[1]));
    const float64x2_t c = pairs(vtrn1q_f32(v[2], v[3]));
    const float64x2_t d = pairs(vtrn2q_f32(v[2], v[3]));
    v[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
    v[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
    v[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
    v[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
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
