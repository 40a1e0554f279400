// What one thread does between the barriers of its block. A kernel calls the steps one after the other; the CPU tests
// call each of them for all threads of a block in turn.
#pragma once

#include "global_memory_hwc8.h"
#include "global_memory_nchw.h"
#include "threshold_rows.h"

namespace fwht {

template <typename T>
struct ThreadSteps {
    const FwhtLayerParams& params;
    int column;  // which of the threads of its pixels this one is
    SharedMemory<T> shared_memory;
    GlobalMemory<T> global_memory;
    float v[T::kRows][T::kVec];

    FWHT_HD ThreadSteps(const FwhtLayerParams& p, float* shared, int64_t tile, int thread)
        : params(p),
          column(T::column_of(thread)),
          shared_memory{shared, T::group_of(thread)},
          global_memory(p, tile * T::kPixels + T::group_of(thread) * T::kVec) {}

    FWHT_HD void load_columns() {
        if (column < live_in()) {
            global_memory.load(column, v);
            transform<T::kRows, T::kRows>(v);
            if (T::kColumns > 1) {
                shared_memory.put_column(column, v);
            }
        } else if (column < columns_read()) {
            shared_memory.put_zeros(column);
        }
    }

    // After a barrier.
    template <bool kPaths>
    FWHT_HD void threshold_rows() {
        ThresholdRows<T, kPaths>{params, shared_memory, column, v}.run(live_in(), live_out());
    }

    // After a barrier. With pooling the result goes to shared memory once more.
    FWHT_HD void store_columns() {
        if (column >= live_out()) {
            return;
        }
        if (T::kColumns > 1) {
            shared_memory.get_column(column, v);
        }
        transform<T::kRows, T::kRows>(v);
        if (params.pool == 1) {
            global_memory.store(column, v, kFactor);
        } else {
            shared_memory.put_column(column, v);
        }
    }

    // After a barrier, and only where pool > 1: the threads of a pixel take the output channels in turn.
    FWHT_HD void store_pooled() {
        const float factor = kFactor / params.pool;
        Pooled<T::kLayout>::store(*this, factor);
    }

private:
    static constexpr float kFactor = inverse_root(T::kN) / unit<typename T::Io>();

    FWHT_HD int live_in() const {
        return T::live_columns(params.in_channels);
    }

    FWHT_HD int live_out() const {
        return T::live_columns(params.out_channels * params.pool);
    }

    // The columns that the middle step reads: a power of two, the next from the live ones on.
    FWHT_HD int columns_read() const {
        int columns = T::kFewest;
        FWHT_UNROLL
        for (int width = T::kFewest; width < T::kColumns; width *= 2) {
            columns = live_in() > width ? 2 * width : columns;
        }
        return columns;
    }

    // The sum of the `pool` neighbouring channels that make output `channel`.
    FWHT_HD void sum_of(int channel, float (&z)[T::kVec]) const {
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            z[e] = 0.0f;
        }
        for (int i = 0; i < params.pool; ++i) {
            float one[T::kVec];
            const int c = channel * params.pool + i;
            shared_memory.get(T::slot(T::row_of_channel(c), T::column_of_channel(c)), one);
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                z[e] += one[e];
            }
        }
    }

    template <Layout kLayout, int kUnused = 0>
    struct Pooled {
        static FWHT_HD void store(const ThreadSteps& steps, float factor) {
            for (int channel = steps.column; channel < steps.params.out_channels; channel += T::kColumns) {
                float z[T::kVec];
                steps.sum_of(channel, z);
                steps.global_memory.store_channel(channel, z, factor);
            }
        }
    };

    template <int kUnused>
    struct Pooled<kHWC8, kUnused> {
        static FWHT_HD void store(const ThreadSteps& steps, float factor) {
            for (int first = 8 * steps.column; first < steps.params.out_channels; first += 8 * T::kColumns) {
                float z[8][T::kVec] = {};
                FWHT_UNROLL
                for (int i = 0; i < 8; ++i) {
                    if (first + i < steps.params.out_channels) {
                        steps.sum_of(first + i, z[i]);
                    }
                }
                steps.global_memory.store_octet(first, z, factor);
            }
        }
    };
};

}  // namespace fwht
