// The middle step: a thread finishes the transform of its rows, applies the threshold, and begins the transform back.
//
// Where few columns are live, a row is the transform of those, repeated; and of the transform back only the columns are
// made that hold output. The choice among the widths, powers of two, is the same for all threads.
#pragma once

#include "butterfly.h"
#include "params.h"
#include "row_weights.h"
#include "shared_memory.h"
#include "threshold.h"

namespace fwht {

// 1 / sqrt(n), n a power of two, rounded once.
FWHT_HD constexpr float inverse_root(int n) {
    return n == 1 ? 1.0f : n == 2 ? 0.70710678118654752f : 0.5f * inverse_root(n / 4);
}

template <int kColumns>
struct Live {};

template <typename T, bool kPaths>
struct ThresholdRows {
    using Io = typename T::Io;

    const FwhtLayerParams& params;
    const SharedMemory<T>& shared_memory;
    int thread;  // of its pixels: rows thread * kThreadRows and following
    float (&v)[T::kRows][T::kVec];

    // Between the barriers a thread touches its own rows alone, so none is needed in between.
    FWHT_HD void run(int live_in, int live_out) {
        if (T::kColumns == 1 || !read_rows(Live<T::kColumns>(), live_in)) {
            threshold_all();
            begin_back();
        }
        if (T::kColumns > 1) {
            write_rows(Live<T::kColumns>(), live_out);
        }
    }

private:
    using Weights = RowWeights<T>;
    static constexpr int kChunk = Weights::kChunk;
    static constexpr int kStep = Weights::kStep;

    static constexpr int kHalf = T::kColumns > 1 ? T::kColumns / 2 : 1;

    // The factor of a coefficient that passes the threshold by.
    static constexpr float kPassed = inverse_root(T::kN) * unit<Io>();

    // Reads and transforms; whether the threshold is applied, too.
    template <int kLive>
    FWHT_HD bool read_rows(Live<kLive>, int live) {
        return live <= kLive / 2 ? read_rows(Live<kLive / 2>(), live) : read_live<kLive>();
    }

    FWHT_HD bool read_rows(Live<T::kFewest>, int) {
        return read_live<T::kFewest>();
    }

    template <int kLive>
    FWHT_HD bool read_live() {
        shared_memory.template get_rows<kLive>(thread, v);
        transform<kLive, T::kColumns>(v);
        // From four repetitions on sharing the tanh of a value is worth asking whether the scales allow it.
        if (!kPaths && 4 * kLive <= T::kColumns && has_unit_scale()) {
            threshold_repeated<kLive>();
            begin_back();
            return true;
        }
        repeat<kLive, T::kColumns>(v);
        return false;
    }

    // The stage of the transform back with the largest stride, which each number of live columns needs. Right after the
    // threshold the compiler makes its products and sums with one instruction.
    FWHT_HD void begin_back() {
        Stages<T::kRows, T::kVec, T::kColumns, kHalf, T::kColumns>::run(v);
    }

    template <int kLive>
    FWHT_HD void write_rows(Live<kLive>, int live) {
        if (live <= kLive / 2) {
            write_rows(Live<kLive / 2>(), live);
        } else {
            write_live<kLive>();
        }
    }

    FWHT_HD void write_rows(Live<T::kFewest>, int) {
        write_live<T::kFewest>();
    }

    template <int kLive>
    FWHT_HD void write_live() {
        fold<(kLive < kHalf ? kLive : kHalf), kHalf, T::kColumns>(v);
        transform<(kLive < kHalf ? kLive : kHalf), kLive <= kHalf ? T::kColumns : kHalf>(v);
        shared_memory.template put_rows<kLive>(thread, v);
    }

    FWHT_HD bool is_dc(int m) const {
        return m == 0 && thread == 0 && params.keep_dc != 0;
    }

    // Whether all scales of this thread's rows are 1, which their thresholds alone then tell apart.
    FWHT_HD bool has_unit_scale() const {
        bool unit = true;
        FWHT_UNROLL
        for (int m = 0; m < T::kRows; ++m) {
            if (Weights::begins_chunk(m)) {
                const typename Weights::Chunk scales = Weights::read(params.scale, thread, m);
                FWHT_UNROLL
                for (int i = 0; i < kChunk; ++i) {
                    unit = unit & (scales.at[i] == 1.0f);
                }
            }
        }
        return unit;
    }

    FWHT_HD void threshold_all() {
        if (!kPaths) {
            FWHT_UNROLL
            for (int m = 0; m < T::kRows; ++m) {
                if (Weights::begins_chunk(m)) {
                    threshold(m);
                }
            }
        } else if (params.soft == 0) {
            threshold_paths<false>();
        } else {
            threshold_paths<true>();
        }
    }

    FWHT_HD void threshold(int m) {
        const typename Weights::Chunk scales = Weights::read(params.scale, thread, m);
        const typename Weights::Chunk limits = Weights::read(params.thresholds, thread, m);
        FWHT_UNROLL
        for (int i = 0; i < kChunk; ++i) {
            const float scale = scales.at[i] * inverse_root(T::kN);
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                float& u = v[m + i * kStep][e];
                u = is_dc(m + i * kStep) ? u * kPassed : threshold_of<Io, false>(scale * u, limits.at[i]);
            }
        }
    }

    // The same of the first kLive columns and all their repetitions, where the scales are 1.
    template <int kLive>
    FWHT_HD void threshold_repeated() {
        FWHT_UNROLL
        for (int m = 0; m < T::kRows; ++m) {
            if (Weights::begins_chunk(m) && m % T::kColumns < kLive) {
                threshold_repeated<kLive>(m);
            }
        }
    }

    template <int kLive>
    FWHT_HD void threshold_repeated(int m) {
        float s[kChunk][T::kVec];
        float tanh[kChunk][T::kVec];
        FWHT_UNROLL
        for (int i = 0; i < kChunk; ++i) {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                s[i][e] = v[m + i * kStep][e] * inverse_root(T::kN);
                tanh[i][e] = smooth_sign<Io>(s[i][e]);
            }
        }
        FWHT_UNROLL
        for (int at = m; at < m + T::kColumns; at += kLive) {
            const typename Weights::Chunk limits = Weights::read(params.thresholds, thread, at);
            FWHT_UNROLL
            for (int i = 0; i < kChunk; ++i) {
                FWHT_UNROLL
                for (int e = 0; e < T::kVec; ++e) {
                    float& u = v[at + i * kStep][e];
                    u = is_dc(at + i * kStep) ? s[i][e] * unit<Io>() : tanh[i][e] * shrink(s[i][e], limits.at[i]);
                }
            }
        }
    }

    template <bool kSoft>
    FWHT_HD void threshold_paths() {
        FWHT_UNROLL
        for (int m = 0; m < T::kRows; ++m) {
            if (Weights::begins_chunk(m)) {
                sum_paths<kSoft>(m);
            }
        }
    }

    template <bool kSoft>
    FWHT_HD void sum_paths(int m) {
        float sum[kChunk][T::kVec] = {};
        FWHT_NO_UNROLL
        for (int path = 0; path < params.paths; ++path) {
            add_path<kSoft>(path * T::kN, m, sum);
        }
        FWHT_UNROLL
        for (int i = 0; i < kChunk; ++i) {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                float& u = v[m + i * kStep][e];
                u = is_dc(m + i * kStep) ? u * kPassed : sum[i][e];
            }
        }
    }

    template <bool kSoft>
    FWHT_HD void add_path(int first, int m, float (&sum)[kChunk][T::kVec]) const {
        const typename Weights::Chunk scales = Weights::read(params.scale + first, thread, m);
        const typename Weights::Chunk limits = Weights::read(params.thresholds + first, thread, m);
        FWHT_UNROLL
        for (int i = 0; i < kChunk; ++i) {
            const float scale = scales.at[i] * inverse_root(T::kN);
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                sum[i][e] += threshold_of<Io, kSoft>(scale * v[m + i * kStep][e], limits.at[i]);
            }
        }
    }
};

}  // namespace fwht
