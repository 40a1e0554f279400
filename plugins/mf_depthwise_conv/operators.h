// The three operators that stand in for a product, summed over a window; a is an input value and b a weight:
//
//     1   sgn(ab) (|a| + |b|)     = sgn(b) a + sgn(a) b
//     2   sgn(ab) min(|a|, |b|)   = sgn(b) * (a, held between -|b| and |b|)
//     3   min(|a|, |b|) where sgn a = sgn b, else 0
//                                 = sgn(b) * (a, held between 0 and b)
//
// For example a = -5, b = 2: operator 1 gives 1 * -5 + -1 * 2 = -7, operator 2 gives 1 * -2, operator 3 gives 1 * 0.
// Comparisons and no fmin or fmax, which drop a NaN: one in a or b makes the sum NaN.
#pragma once

#include "../host_device.h"

namespace fwht {

struct Signed {
    float value;
    float sign;  // 1, 0 or -1; NaN for NaN
};

FWHT_HD Signed with_sign(float value) {
    // What is neither above nor below 0 is 0 or NaN, and so is its own sign.
    return Signed{value, value > 0.0f ? 1.0f : value < 0.0f ? -1.0f : value};
}

FWHT_HD float held_between(float value, float low, float high) {
    return value > high ? high : value < low ? low : value;
}

template <int kOperator>
class WindowSum;

// Two sums, one per half of the term: then each is as exact as the sum of an ordinary convolution.
template <>
class WindowSum<1> {
  public:
    FWHT_HD void add(const Signed& a, const Signed& b) {
        inputs_ += b.sign * a.value;
        weights_ += a.sign * b.value;
    }

    FWHT_HD float total() const {
        return inputs_ + weights_;
    }

  private:
    float inputs_ = 0.0f;
    float weights_ = 0.0f;
};

template <>
class WindowSum<2> {
  public:
    FWHT_HD void add(const Signed& a, const Signed& b) {
        const float size = b.sign * b.value;
        sum_ += b.sign * held_between(a.value, -size, size);
    }

    FWHT_HD float total() const {
        return sum_;
    }

  private:
    float sum_ = 0.0f;
};

template <>
class WindowSum<3> {
  public:
    FWHT_HD void add(const Signed& a, const Signed& b) {
        const float low = b.value < 0.0f ? b.value : 0.0f;
        const float high = b.value > 0.0f ? b.value : 0.0f;
        sum_ += b.sign * held_between(a.value, low, high);
    }

    FWHT_HD float total() const {
        return sum_;
    }

  private:
    float sum_ = 0.0f;
};

}  // namespace fwht
