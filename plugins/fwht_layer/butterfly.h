// The Walsh-Hadamard transform of values in registers, natural order, without a factor, and what is left of it where most
// values are 0 or not wanted. Every index is known when this is compiled, or the values would not stay in registers.
#pragma once

#include "../host_device.h"

namespace fwht {

// The stages with strides kFrom, 2 kFrom, ... kTo / 2 over the first kTo values of every kPeriod, on each of kVec pixels.
template <int kRows, int kVec, int kPeriod, int kFrom, int kTo>
struct Stages {
    static_assert(kTo <= kPeriod && kRows % kPeriod == 0, "a transform cannot be longer than its values");

    static FWHT_HD void run(float (&v)[kRows][kVec]) {
        FWHT_UNROLL
        for (int begin = 0; begin < kRows; begin += kPeriod) {
            FWHT_UNROLL
            for (int first = begin; first < begin + kTo; first += 2 * kFrom) {
                FWHT_UNROLL
                for (int i = first; i < first + kFrom; ++i) {
                    FWHT_UNROLL
                    for (int e = 0; e < kVec; ++e) {
                        const float a = v[i][e];
                        const float b = v[i + kFrom][e];
                        v[i][e] = a + b;
                        v[i + kFrom][e] = a - b;
                    }
                }
            }
        }
        Stages<kRows, kVec, kPeriod, 2 * kFrom, kTo>::run(v);
    }
};

template <int kRows, int kVec, int kPeriod, int kTo>
struct Stages<kRows, kVec, kPeriod, kTo, kTo> {
    static FWHT_HD void run(float (&)[kRows][kVec]) {}
};

// Transforms of the first kLive values of every kPeriod. With zeros behind them the transform of length kPeriod is this
// one, repeated: repeat() makes it so.
template <int kLive, int kPeriod, int kRows, int kVec>
FWHT_HD void transform(float (&v)[kRows][kVec]) {
    Stages<kRows, kVec, kPeriod, 1, kLive>::run(v);
}

// Of every kPeriod values the first kLive, again and again.
template <int kLive, int kPeriod, int kRows, int kVec>
FWHT_HD void repeat(float (&v)[kRows][kVec]) {
    FWHT_UNROLL
    for (int i = 0; i < kRows; ++i) {
        FWHT_UNROLL
        for (int e = 0; e < kVec; ++e) {
            v[i][e] = v[i / kPeriod * kPeriod + i % kLive][e];
        }
    }
}

// Adds up, of the first kFrom of every kPeriod values, those that are kLive apart. What is left to do for the first kLive
// values of the transform of length kFrom is the one of length kLive.
template <int kLive, int kFrom, int kPeriod, int kRows, int kVec>
FWHT_HD void fold(float (&v)[kRows][kVec]) {
    FWHT_UNROLL
    for (int stride = kFrom / 2; stride >= kLive; stride /= 2) {
        FWHT_UNROLL
        for (int i = 0; i < kRows; ++i) {
            FWHT_UNROLL
            for (int e = 0; e < kVec; ++e) {
                if (i % kPeriod < stride) {
                    v[i][e] += v[i + stride][e];
                }
            }
        }
    }
}

}  // namespace fwht
