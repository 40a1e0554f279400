// The extents of a tensor, as far as they are known, and the sentences for those that do not fit. No TensorRT here.
#pragma once

#include <cstdint>
#include <limits>

#include "refuse.h"

namespace fwht {

constexpr int kMaxRank = 8;
constexpr int64_t kUnknown = -1;

struct Shape {
    int64_t rank;  // kUnknown: nothing is known
    int64_t extents[kMaxRank];

    int64_t at(int axis) const { return axis < rank ? extents[axis] : kUnknown; }
};

inline void require_rank(const char* tensor, const Shape& shape, int rank, const char* meaning) {
    if (shape.rank != kUnknown && shape.rank != rank) {
        refuse(tensor, " has ", shape.rank, " dimensions; it is ", meaning);
    }
}

// An extent that must equal another one of known meaning; either may be unknown yet.
inline void require_extent(const char* tensor, const Shape& shape, int axis, int64_t expected, const char* meaning) {
    const int64_t actual = shape.at(axis);
    if (actual >= 0 && expected >= 0 && actual != expected) {
        refuse("dimension ", axis, " of ", tensor, " is ", actual, "; it must be ", meaning, ", ", expected);
    }
}

// The kernels count channels, rows and columns in int; TensorRT from 10 on counts them in int64_t.
inline int narrow(const char* what, int64_t extent) {
    if (extent < 0 || extent > std::numeric_limits<int>::max()) {
        refuse(what, " is ", extent, "; it must lie between 0 and 2^31 - 1");
    }
    return static_cast<int>(extent);
}

}  // namespace fwht
