// The taps of a 3x3 window in vectors: an ordinary convolution (0), and the operators of MFDepthwiseConv. Included per
// instruction set.
#pragma once

#include "../cpu/vector.h"

namespace fwht {
namespace {

constexpr int kTaps = 9;

// 1, 0 or -1; a NaN has either sign.
template <bool kSigned>
FWHT_INLINE Vector sign_of(Vector a) {
    return kSigned ? with_sign_or_zero(size_of(a), splat(1.0f), a) : where_not_zero(size_of(a), splat(1.0f));
}

class WindowSum {
  public:
    FWHT_INLINE Vector total() const { return sum; }
    Vector sum = splat(0.0f);
};

// Operators 2 and 3, which hold the input between two bounds of the weight. kSigned: whether there are negative inputs;
// kVectors: outputs that are made together, more where the taps do not fit the registers; kRowVectors: the same for rows
// below each other, which share what they load.
template <int kOperator, bool kSigned>
class WindowTaps {
  public:
    static constexpr int kVectors = 2;
    static constexpr int kRowVectors = 2;
    typedef WindowSum Sum;

    explicit FWHT_INLINE WindowTaps(const float* weight) {
        repeat<kTaps>([&](auto i) FWHT_UNROLLED {
            const float b = weight[i];
            const float size = __builtin_fabsf(b);
            sign_[i] = splat(b == 0.0f || b != b ? b : __builtin_copysignf(1.0f, b));  // a NaN stays one
            low_[i] = splat(kOperator == 2 ? -size : b < 0.0f ? b : 0.0f);
            high_[i] = splat(kOperator == 2 ? size : b > 0.0f ? b : 0.0f);
        });
    }

    FWHT_INLINE void add(int tap, Vector a, Sum& sum) const {
        sum.sum = multiply_add(sign_[tap], upper(low_[tap], lower(high_[tap], a)), sum.sum);
    }

  private:
    Vector sign_[kTaps];
    Vector low_[kTaps];
    Vector high_[kTaps];
};

template <bool kSigned>
class WindowTaps<0, kSigned> {
  public:
    static constexpr int kVectors = 1;
    static constexpr int kRowVectors = 4;
    typedef WindowSum Sum;

    explicit FWHT_INLINE WindowTaps(const float* weight) {
        repeat<kTaps>([&](auto i) FWHT_UNROLLED { weight_[i] = splat(weight[i]); });
    }

    FWHT_INLINE void add(int tap, Vector a, Sum& sum) const { sum.sum = multiply_add(a, weight_[tap], sum.sum); }

  private:
    Vector weight_[kTaps];
};

template <bool kSigned>
class WindowTaps<1, kSigned> {
  public:
    static constexpr int kVectors = 2;
    static constexpr int kRowVectors = 2;

    class Sum {
      public:
        FWHT_INLINE Vector total() const { return inputs + weights; }
        Vector inputs = splat(0.0f);
        Vector weights = splat(0.0f);
    };

    explicit FWHT_INLINE WindowTaps(const float* weight) {
        repeat<kTaps>([&](auto i) FWHT_UNROLLED {
            weight_[i] = splat(weight[i]);
            sign_[i] = sign_of<true>(weight_[i]);
        });
    }

    // A NaN in the weight comes through the second sum, one in the input through the first.
    FWHT_INLINE void add(int tap, Vector a, Sum& sum) const {
        sum.inputs = multiply_add(sign_[tap], a, sum.inputs);
        sum.weights = multiply_add(sign_of<kSigned>(a), weight_[tap], sum.weights);
    }

  private:
    Vector weight_[kTaps];
    Vector sign_[kTaps];
};

}  // namespace
}  // namespace fwht
