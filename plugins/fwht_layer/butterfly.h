// The Walsh-Hadamard transform of values in registers, natural order, without a factor.
#pragma once

#include "../host_device.h"

namespace fwht {

// H_kTo / H_kFrom over the first index: the stages with strides kFrom, 2 kFrom, ... kTo / 2, on each of kVec pixels.
// Every index is known when this is compiled, or the values would not stay in registers.
template <int kRows, int kVec, int kFrom, int kTo>
struct Stages {
    static_assert(kTo <= kRows, "a transform cannot be longer than its values");

    static FWHT_HD void run(float (&v)[kRows][kVec]) {
        FWHT_UNROLL
        for (int first = 0; first < kRows; first += 2 * kFrom) {
            FWHT_UNROLL
            for (int i = 0; i < kFrom; ++i) {
                FWHT_UNROLL
                for (int e = 0; e < kVec; ++e) {
                    const float a = v[first + i][e];
                    const float b = v[first + i + kFrom][e];
                    v[first + i][e] = a + b;
                    v[first + i + kFrom][e] = a - b;
                }
            }
        }
        Stages<kRows, kVec, 2 * kFrom, kTo>::run(v);
    }
};

template <int kRows, int kVec, int kTo>
struct Stages<kRows, kVec, kTo, kTo> {
    static FWHT_HD void run(float (&)[kRows][kVec]) {}
};

// Transforms of length kLength over the first index: one of all rows, or several side by side where kLength < kRows.
template <int kLength, int kRows, int kVec>
FWHT_HD void transform(float (&v)[kRows][kVec]) {
    Stages<kRows, kVec, 1, kLength>::run(v);
}

}  // namespace fwht
