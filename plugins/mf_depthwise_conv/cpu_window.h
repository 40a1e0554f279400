// The three operators of operators.h, summed over a window, for a vector of channels. Included per instruction set.
#pragma once

#include "../cpu/vector.h"

namespace fwht {
namespace {

// One weight b of each of kLanes channels as the sums below want it.
struct CpuTap {
    float sign[kLanes];  // 1, 0 or -1; NaN for NaN
    float low[kLanes];   // operators 2 and 3: what a is held between; operator 1: b
    float high[kLanes];

    void set(int lane, float b, int op) {
        // A sign is as likely as not, so it is no branch; a weight of 0 or NaN is rare.
        float sign_of_b = __builtin_copysignf(1.0f, b);
        if (b == 0.0f || b != b) {
            sign_of_b = b;
        }
        const float size = sign_of_b * b;
        sign[lane] = sign_of_b;
        low[lane] = op == 1 ? b : op == 2 ? -size : b < 0.0f ? b : 0.0f;
        high[lane] = op == 2 ? size : b > 0.0f ? b : 0.0f;
    }
};

// Products with a sign are exact, so a fused multiply-add rounds as an addition does. A NaN in a or b makes the sum
// NaN.
template <int kOperator>
class CpuWindowSum {
  public:
    FWHT_INLINE explicit CpuWindowSum(const CpuTap& b) : sign_(load(b.sign)), low_(load(b.low)), high_(load(b.high)) {}

    struct Sum {
        Vector all = splat(0.0f);
        FWHT_INLINE Vector total() const { return all; }
    };
    FWHT_INLINE void add(const float* a, const float*, Sum& sum) const {
        sum.all = multiply_add(sign_, upper(low_, lower(high_, load(a))), sum.all);
    }

  private:
    const Vector sign_;
    const Vector low_;
    const Vector high_;
};

template <>
class CpuWindowSum<1> {
  public:
    FWHT_INLINE explicit CpuWindowSum(const CpuTap& b) : sign_(load(b.sign)), value_(load(b.low)) {}

    struct Sum {
        Vector inputs = splat(0.0f);
        Vector weights = splat(0.0f);
        FWHT_INLINE Vector total() const { return inputs + weights; }
    };
    FWHT_INLINE void add(const float* a, const float* sign_of_a, Sum& sum) const {
        sum.inputs = multiply_add(sign_, load(a), sum.inputs);
        sum.weights = multiply_add(load(sign_of_a), value_, sum.weights);
    }

  private:
    const Vector sign_;
    const Vector value_;
};

}  // namespace
}  // namespace fwht
