// Four lanes with fused multiply-add, 32 registers: every arm64. What each function does is said in vector.h.
#pragma once

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
FWHT_INLINE Vector subtract_fused(Vector a, Vector b, Vector) { return a - b; }

}  // namespace
}  // namespace fwht
