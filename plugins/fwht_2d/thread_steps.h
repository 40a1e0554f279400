// What one thread does between the barriers of its block. A kernel calls the steps one after the other; the CPU tests
// call each of them for all threads of a block in turn.
#pragma once

#include "../fwht_layer/butterfly.h"
#include "../fwht_layer/threshold.h"
#include "map_memory.h"

namespace fwht {

template <typename T>
struct MapSteps {
    using Io = typename T::Io;
    static constexpr int kSide = T::kSide;
    static constexpr int kTogether = T::kStride == 1 && kSide >= 4 ? 4 : 1;  // weights of neighbouring coefficients

    const Fwht2dParams& params;
    float* shared;
    int map;   // of the block
    int line;  // the thread's column, and its row
    MapMemory<T> memory;
    float v[kSide];

    FWHT_HD MapSteps(const Fwht2dParams& p, float* memory_of_block, int64_t block, int thread)
        : params(p),
          shared(memory_of_block),
          map(T::map_of(thread)),
          line(T::line_of(thread)),
          memory(p, block * T::kMaps + T::map_of(thread)) {}

    FWHT_HD void load_column() {
        memory.load(line, v);
        transform_line();
        if (kSide > 1) {
            FWHT_UNROLL
            for (int i = 0; i < kSide; ++i) {
                shared[T::slot(map, i, line)] = v[i];
            }
        }
    }

    // After a barrier; it is this thread alone that reads and writes its row.
    FWHT_HD void threshold_row() {
        if (kSide > 1) {
            FWHT_UNROLL
            for (int j = 0; j < kSide; ++j) {
                v[j] = shared[T::slot(map, line, j)];
            }
        }
        transform_line();
        if (params.soft != 0) {
            bend<true>();
        } else {
            bend<false>();
        }
        transform_line();
        if (kSide > 1) {
            FWHT_UNROLL
            for (int j = 0; j < kSide; ++j) {
                shared[T::slot(map, line, j)] = v[j];
            }
        }
    }

    // After a barrier.
    FWHT_HD void store_column() {
        if (kSide > 1) {
            FWHT_UNROLL
            for (int i = 0; i < kSide; ++i) {
                v[i] = shared[T::slot(map, i, line)];
            }
        }
        transform_line();
        memory.store(line, v, factor() / unit<Io>());
    }

private:
    // 1 / n, a power of two.
    FWHT_HD float factor() const { return 1.0f / static_cast<float>(params.n); }

    FWHT_HD void transform_line() {
        float values[kSide][1];
        FWHT_UNROLL
        for (int i = 0; i < kSide; ++i) {
            values[i][0] = v[i];
        }
        transform<kSide, kSide>(values);
        FWHT_UNROLL
        for (int i = 0; i < kSide; ++i) {
            v[i] = values[i][0];
        }
    }

    // `unit` times the sum of the paths.
    template <bool kSoft>
    FWHT_HD void bend() {
        const float normed = factor();
        const int64_t row = static_cast<int64_t>(line) * T::kStride * params.n;
        const float dc = v[0] * normed * unit<Io>();
        float u[kSide];
        FWHT_UNROLL
        for (int j = 0; j < kSide; ++j) {
            u[j] = v[j] * normed;
            v[j] = 0.0f;
        }
        FWHT_NO_UNROLL
        for (int path = 0; path < params.paths; ++path) {
            const int64_t first = static_cast<int64_t>(path) * params.n * params.n + row;
            add_path<kSoft>(params.thresholds + first, params.scale + first, u);
        }
        if (params.keep_dc != 0 && line == 0) {
            v[0] = dc;
        }
    }

    template <bool kSoft>
    FWHT_HD void add_path(const float* thresholds, const float* scale, const float (&u)[kSide]) {
        FWHT_UNROLL
        for (int j = 0; j < kSide; j += kTogether) {
            const auto limits = read<float, kTogether>(thresholds + j * T::kStride);
            const auto factors = read<float, kTogether>(scale + j * T::kStride);
            FWHT_UNROLL
            for (int i = 0; i < kTogether; ++i) {
                v[j + i] += threshold_of<Io, kSoft>(u[j + i] * factors.at[i], limits.at[i]);
            }
        }
    }
};

}  // namespace fwht
