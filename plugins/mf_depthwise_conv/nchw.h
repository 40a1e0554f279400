// Layout NCHW: what one thread does. A task is kRows neighbouring outputs of one column; neighbouring threads take
// neighbouring columns, so that a warp reads and writes whole rows of memory. An input row is read once for all the
// outputs whose windows it lies in: with k = 3 and kRows = 4, 18 values instead of 36.
#pragma once

#include "../vector_access.h"
#include "operators.h"
#include "params.h"
#include "tasks.h"

namespace fwht {

enum : int {
    kMfNchwThreads = 128,
    kMfNchwBlocks = 3,  // of a multiprocessor at least: up to 168 registers a thread
};

// One channel of one image, and the task's place in it.
template <int kRows>
struct MfNchwTask {
    int64_t plane;  // n * C + c
    int channel;
    int row;  // the first of kRows
    int column;

    FWHT_HD MfNchwTask(const MfDepthwiseConvParams& p, const MfTasks& tasks, int64_t task) {
        const MfPlace place(tasks, task, p.out_width, strips(p));
        plane = place.first;
        row = place.second * kRows;
        column = place.third;
        if (tasks.narrow != 0) {
            const uint32_t number = static_cast<uint32_t>(plane);
            channel = static_cast<int>(number - tasks.last.divide(number) * static_cast<uint32_t>(p.channels));
        } else {
            channel = static_cast<int>(plane % p.channels);
        }
    }

    static FWHT_HD MfTasks number(const MfDepthwiseConvParams& p) {
        return make_tasks(p.batch * p.channels * strips(p) * p.out_width, p.out_width, strips(p), p.channels);
    }

    static FWHT_HD int strips(const MfDepthwiseConvParams& p) {
        return (p.out_height - 1) / kRows + 1;
    }
};

template <int kSize>
FWHT_HD void load_weights(const float* weight, Signed (&w)[kSize][kSize]) {
    FWHT_UNROLL
    for (int i = 0; i < kSize; ++i) {
        FWHT_UNROLL
        for (int j = 0; j < kSize; ++j) {
            w[i][j] = with_sign(read<float, 1>(weight + i * kSize + j).at[0]);
        }
    }
}

// kSize values of one input row from column `left` on; 0 outside of the image. Without a branch: a column left of the image
// counts as one right of it, and a row above or below it has no columns, so that each read needs one comparison.
template <typename T, int kSize>
FWHT_HD void load_row(const MfDepthwiseConvParams& p, const T* plane, int row, int left, Signed (&a)[kSize]) {
    const int64_t at = static_cast<int64_t>(row) * p.width + left;
    const int width = row >= 0 && row < p.height ? p.width : 0;
    FWHT_UNROLL
    for (int j = 0; j < kSize; ++j) {
        const int column = left + j >= 0 ? left + j : p.width;
        a[j] = with_sign(to_float(read_if<T, 1>(plane + at + j, column, width).at[0]));
    }
}

template <typename T, int kSize, int kOperator, int kRows>
FWHT_HD void run_nchw_task(const MfDepthwiseConvParams& p, const MfTasks& tasks, int64_t index) {
    const MfNchwTask<kRows> task(p, tasks, index);
    const int channel = task.channel;
    Signed w[kSize][kSize];
    load_weights(p.weight + static_cast<int64_t>(channel) * (kSize * kSize), w);

    const T* x = static_cast<const T*>(p.x) + task.plane * p.height * p.width;
    const int top = task.row * p.stride_h - p.pad_top;
    const int left = task.column * p.stride_w - p.pad_left;
    WindowSum<kOperator> sums[kRows];
    FWHT_UNROLL
    for (int i = 0; i < kRows - 1 + kSize; ++i) {  // where kRows > 1 the stride is 1
        Signed a[kSize];
        load_row(p, x, top + i, left, a);
        FWHT_UNROLL
        for (int r = 0; r < kRows; ++r) {
            if (i >= r && i - r < kSize) {
                FWHT_UNROLL
                for (int j = 0; j < kSize; ++j) {
                    sums[r].add(a[j], w[i - r][j]);
                }
            }
        }
    }

    const float gain = read<float, 1>(p.gain + channel).at[0];
    const float bias = read<float, 1>(p.bias + channel).at[0];
    T* y = static_cast<T*>(p.y) + (task.plane * p.out_height + task.row) * p.out_width + task.column;
    FWHT_UNROLL
    for (int r = 0; r < kRows; ++r) {
        if (task.row + r < p.out_height) {
            const float value = activate(gain * sums[r].total() + bias, p.activation);
            y[static_cast<int64_t>(r) * p.out_width] = from_float<T>(value);
        }
    }
}

// Every `threads`-th task from `first` on: right for any grid.
template <typename T, int kSize, int kOperator, int kRows>
FWHT_HD void run_nchw_thread(const MfDepthwiseConvParams& p, const MfTasks& tasks, int64_t first, int64_t threads) {
    for (int64_t task = first; task < tasks.count; task += threads) {
        run_nchw_task<T, kSize, kOperator, kRows>(p, tasks, task);
    }
}

}  // namespace fwht
