// How a launch numbers its tasks, and how a thread takes a number apart. A division of 64 bits is some hundred instructions
// and one of 32 bits some twenty: where every number is below 2^31 the host gives multipliers instead, and a quotient is
// the upper half of a product, shifted (Granlund and Montgomery, "Division by invariant integers using multiplication",
// PLDI 1994).
#pragma once

#include "params.h"

namespace fwht {

// n / d for n below 2^31, exactly. With shift s = log2 d, rounded up, the multiplier m is 2^(31 + s) / d, rounded up; what
// that is too large by, m d - 2^(31 + s), is below d <= 2^s, so n times it is below 2^(31 + s), too little for another one.
struct Divisor {
    uint32_t multiplier;
    uint32_t shift;

    FWHT_HD uint32_t divide(uint32_t n) const {
        return static_cast<uint32_t>(1ull * (2 * n) * multiplier >> 32) >> shift;
    }
};

// `d` is 1 to 2^30, as every size is (check.h).
FWHT_HD Divisor make_divisor(int d) {
    Divisor divisor{0, 0};
    while ((int64_t{1} << divisor.shift) < d) {
        ++divisor.shift;
    }
    divisor.multiplier = static_cast<uint32_t>(((1ull << (31 + divisor.shift)) + (d - 1)) / d);
    return divisor;
}

struct MfTasks {
    int64_t count;
    int narrow;     // 1: every number is below 2^31, so divide by the divisors
    Divisor inner;  // NCHW: columns of the output. HWC8: strips of a row
    Divisor outer;  // NCHW: strips of a column. HWC8: rows of the output
    Divisor last;   // NCHW: channels. HWC8: blocks side by side in the channels
};

FWHT_HD MfTasks make_tasks(int64_t count, int inner, int outer, int last) {
    const int narrow = count <= int64_t{1} << 31 ? 1 : 0;
    return {count, narrow, make_divisor(inner), make_divisor(outer), make_divisor(last)};
}

// A number as (first, second, third): third counts up to `inner`, second up to `outer`.
struct MfPlace {
    int64_t first;
    int second;
    int third;
    int64_t both;  // first and second as one number

    FWHT_HD MfPlace(const MfTasks& tasks, int64_t task, int inner, int outer) {
        if (tasks.narrow != 0) {
            const uint32_t number = static_cast<uint32_t>(task);
            const uint32_t quotient = tasks.inner.divide(number);
            const uint32_t image = tasks.outer.divide(quotient);
            third = static_cast<int>(number - quotient * static_cast<uint32_t>(inner));
            second = static_cast<int>(quotient - image * static_cast<uint32_t>(outer));
            first = image;
            both = quotient;
        } else {
            both = task / inner;
            third = static_cast<int>(task - both * inner);
            first = both / outer;
            second = static_cast<int>(both - first * outer);
        }
    }
};

}  // namespace fwht
