// Thresholds and scales of a thread's rows, as they are read together.
#pragma once

#include "../vector_access.h"
#include "tile.h"

namespace fwht {

template <typename T>
struct RowWeights {
    // Elements m, m + kStep, ... of a thread's rows, counted row by row, whose weights lie side by side in memory: in NCHW
    // columns of a row, in HWC8 rows of a column. A thread that has one row in HWC8 takes columns all the same, whose weights
    // lie kApart: a loop over paths for each of them alone would cost more than the reads.
    static constexpr bool kByRows = T::kLayout == kHWC8 && T::kThreadRows > 1;
    static constexpr int kTogether = kByRows || T::kColumns == 1 ? T::kThreadRows : T::kFewest;
    static constexpr int kChunk = kTogether < 4 ? kTogether : 4;
    static constexpr int kStep = kByRows ? T::kColumns : 1;
    static constexpr int kApart = T::kLayout == kHWC8 && !kByRows ? 8 : 1;

    using Chunk = Pack<float, kChunk>;

    static FWHT_HD constexpr bool begins_chunk(int m) {
        return m / kStep % kChunk == 0;
    }

    // Of one path: the chunk that begins at element m. What depends on the thread comes first, and the rest is an
    // instruction's offset.
    static FWHT_HD Chunk read(const float* weights, int thread, int m) {
        const float* at = weights + T::channel(thread * T::kThreadRows, 0) + T::channel(m / T::kColumns, m % T::kColumns);
        if (kApart == 1) {
            return fwht::read<float, kChunk>(at);
        }
        Chunk chunk;
        FWHT_UNROLL
        for (int i = 0; i < kChunk; ++i) {
            chunk.at[i] = fwht::read<float, 1>(at + i * kApart).at[0];
        }
        return chunk;
    }
};

}  // namespace fwht
