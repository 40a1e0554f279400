// The three operators of operators.h, summed over a window, for a vector of outputs. Included per instruction set.
#pragma once

#include "../cpu/vector.h"

namespace fwht {
namespace {

// One weight b as the sums below want it.
struct CpuTap {
    float sign;   // 1, 0 or -1; NaN for NaN
    float value;  // operator 1: b
    float low;    // operators 2 and 3: what a is held between
    float high;
};

CpuTap tap_of(float b, int op) {
    // A sign is as likely as not, so it is no branch; a weight of 0 or NaN is rare.
    float sign = __builtin_copysignf(1.0f, b);
    if (b == 0.0f || b != b) {
        sign = b;
    }
    const float size = sign * b;
    const float low = op == 2 ? -size : b < 0.0f ? b : 0.0f;
    const float high = op == 2 ? size : b > 0.0f ? b : 0.0f;
    return CpuTap{sign, b, low, high};
}

// Products with a sign are exact, so a fused multiply-add rounds as an addition does. A NaN in a or b makes the sum
// NaN.
template <int kOperator>
class CpuWindowSum {
  public:
    FWHT_INLINE void add(const float* a, const float*, const CpuTap& b) {
        const Vector held = upper(splat(b.low), lower(splat(b.high), load(a)));
        sum_ = multiply_add(splat(b.sign), held, sum_);
    }
    FWHT_INLINE Vector total() const { return sum_; }

  private:
    Vector sum_ = splat(0.0f);
};

template <>
class CpuWindowSum<1> {
  public:
    FWHT_INLINE void add(const float* a, const float* sign_of_a, const CpuTap& b) {
        inputs_ = multiply_add(splat(b.sign), load(a), inputs_);
        weights_ = multiply_add(load(sign_of_a), splat(b.value), weights_);
    }
    FWHT_INLINE Vector total() const { return inputs_ + weights_; }

  private:
    Vector inputs_ = splat(0.0f);
    Vector weights_ = splat(0.0f);
};

}  // namespace
}  // namespace fwht
