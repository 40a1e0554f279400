// What one thread does between the barriers of its block. A kernel calls the steps one after the other; the CPU tests
// call each of them for all threads of a block in turn.
#pragma once

#include "butterfly.h"
#include "global_memory.h"
#include "shared_memory.h"
#include "threshold.h"

namespace fwht {

// 1 / sqrt(n), n a power of two, rounded once.
FWHT_HD constexpr float inverse_root(int n) {
    return n == 1 ? 1.0f : n == 2 ? 0.70710678118654752f : 0.5f * inverse_root(n / 4);
}

template <typename T>
struct ThreadSteps {
    using Io = typename T::Io;

    const FwhtLayerParams& params;
    int column;  // which of the threads of its pixels this one is
    SharedMemory<T> shared_memory;
    GlobalMemory<T> global_memory;
    float v[T::kRows][T::kVec];

    // Neighbouring threads have neighbouring pixels in NCHW, and neighbouring channels in HWC8.
    static FWHT_HD int group_of(int thread) {
        return T::kLayout == kNCHW ? thread % T::kGroups : thread / T::kColumns;
    }

    FWHT_HD ThreadSteps(const FwhtLayerParams& p, float* shared, int64_t tile, int thread)
        : params(p),
          column(T::kLayout == kNCHW ? thread / T::kGroups : thread % T::kColumns),
          shared_memory{shared, group_of(thread)},
          global_memory(p, tile * T::kPixels + group_of(thread) * T::kVec) {}

    FWHT_HD void load_columns() {
        global_memory.load(column, v);
        transform<T::kRows>(v);
        if (T::kColumns > 1) {
            shared_memory.put_column(column, v);
        }
    }

    // After a barrier. Each thread writes back the very places it has read, so no barrier is needed in between.
    template <bool kPaths>
    FWHT_HD void threshold_rows() {
        if (T::kColumns > 1) {
            shared_memory.get_rows(column, v);
            transform<T::kColumns>(v);
        }
        if (!kPaths) {
            FWHT_UNROLL
            for (int m = 0; m < T::kRows; m += kChunk) {
                threshold(m);
            }
        } else if (params.soft == 0) {
            threshold_paths<false>();
        } else {
            threshold_paths<true>();
        }
        if (T::kColumns > 1) {
            transform<T::kColumns>(v);
            shared_memory.put_rows(column, v);
        }
    }

    // After a barrier. With pooling the result goes to shared memory once more.
    FWHT_HD void store_columns() {
        if (T::kColumns > 1) {
            shared_memory.get_column(column, v);
        }
        transform<T::kRows>(v);
        if (params.pool == 1) {
            global_memory.store(column, v, inverse_root(T::kN));
        } else {
            shared_memory.put_column(column, v);
        }
    }

    // After a barrier, and only where pool > 1: the threads of a pixel take the output channels in turn.
    FWHT_HD void store_pooled() {
        const float factor = inverse_root(T::kN) / params.pool;
        Pooled<T::kLayout>::store(*this, factor);
    }

private:
    // Thresholds and scales that lie side by side in memory for the rows of one thread.
    static constexpr int kChunk = T::kLayout == kNCHW && T::kRows % 4 == 0 ? 4 : 1;

    FWHT_HD void threshold(int m) {
        const int k = T::channel(column * T::kThreadRows + m / T::kColumns, m % T::kColumns);
        const Pack<float, kChunk> scales = read<float, kChunk>(params.scale + k);
        const Pack<float, kChunk> limits = read<float, kChunk>(params.thresholds + k);
        FWHT_UNROLL
        for (int i = 0; i < kChunk; ++i) {
            const float scale = scales.at[i] * inverse_root(T::kN);
            const bool dc = m + i == 0 && column == 0 && params.keep_dc != 0;
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                float& u = v[m + i][e];
                u = dc ? u * inverse_root(T::kN) : smooth_threshold<Io>(scale * u, limits.at[i]);
            }
        }
    }

    template <bool kSoft>
    FWHT_HD void threshold_paths() {
        FWHT_UNROLL
        for (int m = 0; m < T::kRows; m += kChunk) {
            float sum[kChunk][T::kVec] = {};
            FWHT_NO_UNROLL
            for (int path = 0; path < params.paths; ++path) {
                add_path<kSoft>(path, m, sum);
            }
            FWHT_UNROLL
            for (int i = 0; i < kChunk; ++i) {
                const bool dc = m + i == 0 && column == 0 && params.keep_dc != 0;
                FWHT_UNROLL
                for (int e = 0; e < T::kVec; ++e) {
                    v[m + i][e] = dc ? v[m + i][e] * inverse_root(T::kN) : sum[i][e];
                }
            }
        }
    }

    template <bool kSoft>
    FWHT_HD void add_path(int path, int m, float (&sum)[kChunk][T::kVec]) const {
        const int k = path * T::kN + T::channel(column * T::kThreadRows + m / T::kColumns, m % T::kColumns);
        const Pack<float, kChunk> scales = read<float, kChunk>(params.scale + k);
        const Pack<float, kChunk> limits = read<float, kChunk>(params.thresholds + k);
        FWHT_UNROLL
        for (int i = 0; i < kChunk; ++i) {
            const float scale = scales.at[i] * inverse_root(T::kN);
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                sum[i][e] += threshold_of<Io, kSoft>(scale * v[m + i][e], limits.at[i]);
            }
        }
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
                float z[T::kVec][8] = {};
                for (int i = 0; i < 8 && first + i < steps.params.out_channels; ++i) {
                    float one[T::kVec];
                    steps.sum_of(first + i, one);
                    for (int e = 0; e < T::kVec; ++e) {
                        z[e][i] = one[e];
                    }
                }
                for (int e = 0; e < T::kVec; ++e) {
                    steps.global_memory.store_octet(first, e, z[e], factor);
                }
            }
        }
    };
};

}  // namespace fwht
