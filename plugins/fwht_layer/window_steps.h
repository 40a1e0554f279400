// What one thread does between the barriers of its block in a layer with blocks: its pixels' windows one after the other,
// each as ThreadSteps has it of all channels. The CPU tests call each step for all threads of a block in turn.
#pragma once

#include "threshold_rows.h"
#include "window_memory.h"
#include "windows.h"

namespace fwht {

template <typename T>
struct WindowSteps {
    using Memory = WindowMemory<T>;
    using Carried = float[Memory::kOutputs][T::kVec];  // of a group of pools that reaches into the next window

    const FwhtLayerParams& params;
    Carried& carried;
    int column;
    SharedMemory<T> shared_memory;
    Memory memory;
    float v[T::kRows][T::kVec];

    FWHT_HD WindowSteps(const FwhtLayerParams& p, Carried& c, float* shared, int64_t tile, int thread)
        : params(p),
          carried(c),
          column(T::column_of(thread)),
          shared_memory{shared, T::group_of(thread)},
          memory(p, tile * T::kPixels + T::group_of(thread) * T::kVec) {}

    // Before the first: the windows of block `block` are first(block) to first(block + 1).
    static FWHT_HD int first_window(const FwhtLayerParams& p, int block) {
        const int first = block * count_windows_together(p, Memory::kOutputs);
        const int used = count_used_windows(p);
        return first < used ? first : used;
    }

    FWHT_HD void load_columns(int window) {
        memory.load(first_channel(params, window), column, v);
        transform<T::kRows, T::kRows>(v);
        if (T::kColumns > 1) {
            shared_memory.put_column(column, v);
        }
    }

    // After a barrier.
    FWHT_HD void threshold_rows() {
        ThresholdRows<T, true>{params, shared_memory, column, v}.run(T::kColumns, T::kColumns);
    }

    // After a barrier. With pooling the result goes to shared memory once more.
    FWHT_HD void store_columns(int window) {
        if (T::kColumns > 1) {
            shared_memory.get_column(column, v);
        }
        transform<T::kRows, T::kRows>(v);
        if (params.pool == 1) {
            memory.store(window * T::kN, column, v, kFactor);
        } else {
            shared_memory.put_column(column, v);
        }
    }

    // After a barrier, and only where pool > 1; another barrier before the next window. The threads of a pixel take the
    // groups of pools in turn, by their number: so a thread goes on with what it began in the window before.
    FWHT_HD void add_pools(int window) {
        const int begin = window * T::kN;
        const int end = begin + T::kN;
        const int group = Memory::kOutputs * params.pool;
        const int channels = params.out_channels * params.pool;
        const int number = begin / group;
        for (int g = number + (column + T::kColumns - number % T::kColumns) % T::kColumns;
             g * group < (end < channels ? end : channels); g += T::kColumns) {
            add_group(g, begin, end);
            const int last = (g + 1) * group;
            if ((last < channels ? last : channels) <= end) {
                memory.store_group(g * Memory::kOutputs, carried, kFactor / params.pool);
            }
        }
    }

private:
    static constexpr float kFactor = inverse_root(T::kN) / unit<typename T::Io>();

    // What lies between channels `begin` and `end`, which shared memory holds, of group g.
    FWHT_HD void add_group(int g, int begin, int end) {
        const bool begins = g * Memory::kOutputs * params.pool >= begin;
        FWHT_UNROLL
        for (int i = 0; i < Memory::kOutputs; ++i) {
            const int output = g * Memory::kOutputs + i;
            const int from = output * params.pool;
            const int to = output < params.out_channels ? from + params.pool : from;
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                carried[i][e] = begins ? 0.0f : carried[i][e];
            }
            for (int c = from < begin ? begin : from; c < (to < end ? to : end); ++c) {
                float one[T::kVec];
                const int place = c - begin;
                shared_memory.get(T::slot(T::row_of_channel(place), T::column_of_channel(place)), one);
                FWHT_UNROLL
                for (int e = 0; e < T::kVec; ++e) {
                    carried[i][e] += one[e];
                }
            }
        }
    }
};

}  // namespace fwht
