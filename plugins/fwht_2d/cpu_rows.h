// Between maps as they lie in a tensor and square tiles of zero-padded rows. Included per instruction set.
#pragma once

#include <cstring>

#include "../cpu/vector.h"

namespace fwht {
namespace {

// Rows of a tensor that has `left` values from `from` on: a read may reach beyond its row, but not beyond the tensor.
struct RowReader {
    const float* from;
    int64_t left;

    // A row of `width` values and zeros up to kSide * stride. A constant number of bytes is a few moves.
    template <int kSide>
    FWHT_INLINE void copy(int64_t at, int width, float* to, int stride) const {
        const int room = kSide * stride;
        if (stride == 1 && at + kSide <= left) {
            std::memcpy(to, from + at, kSide * sizeof(float));
        } else {
            std::memcpy(to, from + at, static_cast<size_t>(width) * sizeof(float));
        }
        for (int j = width; j < room; ++j) {
            to[j] = 0.0f;
        }
    }

    // to + the row, of which `width` values are there.
    FWHT_INLINE void add(int64_t at, int width, float* to) const {
        int j = 0;
        for (; j + kLanes <= width; j += kLanes) {
            store(to + j, load(to + j) + load(from + at + j));
        }
        for (; j < width; ++j) {
            to[j] += from[at + j];
        }
    }
};

// Sums of two neighbours: `count` of them, a multiple of kLanes or fewer.
FWHT_INLINE void add_neighbours(const float* from, float* to, int count) {
    if (count % kLanes != 0) {
        for (int j = 0; j < count; ++j) {
            to[j] = from[2 * j] + from[2 * j + 1];
        }
        return;
    }
    for (int j = 0; j < count; j += kLanes) {
        const Vector a = load(from + 2 * j);
        const Vector b = load(from + 2 * j + kLanes);
        store(to + j, even_lanes(a, b) + even_lanes(rotate_down(a), rotate_down(b)));
    }
}

}  // namespace
}  // namespace fwht
