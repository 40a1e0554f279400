// Layout HWC8: what one block and one thread do. A thread has 8 channels, one vector of memory, and a task is kColumns
// neighbouring outputs of one row. A block has 8 vectors of channels, so that a warp reads 128 bytes in a row, and 16
// lanes, each with tasks of its own. The weights of the block's 64 channels lie in memory as (channel, tap); the block
// first turns them into (tap, channel) in shared memory, where they serve all its tasks.
#pragma once

#include "../vector_access.h"
#include "operators.h"
#include "params.h"
#include "tasks.h"

#if defined(__CUDA_ARCH__)
#define FWHT_ROLLED _Pragma("unroll 1")
#else
#define FWHT_ROLLED
#endif

namespace fwht {

enum : int {
    kMfVector = 8,                             // channels of a thread
    kMfVectors = 8,                            // threads side by side in the channels
    kMfLanes = 16,                             // threads side by side in the tasks
    kMfHwc8Threads = kMfVectors * kMfLanes,    // thread = lane * kMfVectors + vector
    kMfHwc8Channels = kMfVector * kMfVectors,  // channels of a block
    kMfHwc8Blocks = 3,                         // of a multiprocessor at least: up to 168 registers a thread
};

// A row holds one value of each of the block's channels: kSize * kSize rows of weights, then the gain and the bias.
// Channel 8 v + 4 h + i of the block is at[h][v].at[i]: the vectors of 8 threads side by side meet in no memory bank.
template <int kSize>
struct MfHwc8Shared {
    enum : int { kGain = kSize * kSize, kBias, kRows };

    struct Row {
        Pack<float, 4> at[2][kMfVectors];
    };
    Row rows[kRows];

    FWHT_HD float& value(int row, int channel) {
        return rows[row].at[channel / 4 % 2][channel / 8].at[channel % 4];
    }

    FWHT_HD void load(int row, int vector, float (&values)[kMfVector]) const {
        FWHT_UNROLL
        for (int half = 0; half < 2; ++half) {
            const Pack<float, 4> four = rows[row].at[half][vector];
            FWHT_UNROLL
            for (int i = 0; i < 4; ++i) {
                values[half * 4 + i] = four.at[i];
            }
        }
    }
};

// Block b works on the 64 channels from 64 * (b % channel blocks) on and is number b / channel blocks of those who do.
struct MfHwc8Block {
    int first_channel;
    int index;

    FWHT_HD MfHwc8Block(const MfDepthwiseConvParams& p, const MfTasks& tasks, int block) {
        index = static_cast<int>(tasks.last.divide(static_cast<uint32_t>(block)));
        first_channel = (block - index * channel_blocks(p)) * kMfHwc8Channels;
    }

    static FWHT_HD int channel_blocks(const MfDepthwiseConvParams& p) {
        return (p.channels - 1) / kMfHwc8Channels + 1;
    }
};

template <int kColumns>
struct MfHwc8Task {
    int64_t image;
    int64_t line;  // n * out_height + the row in the image
    int row;
    int column;  // the first of kColumns

    FWHT_HD MfHwc8Task(const MfDepthwiseConvParams& p, const MfTasks& tasks, int64_t task) {
        const MfPlace place(tasks, task, strips(p), p.out_height);
        image = place.first;
        line = place.both;
        row = place.second;
        column = place.third * kColumns;
    }

    static FWHT_HD MfTasks number(const MfDepthwiseConvParams& p) {
        const int64_t count = p.batch * p.out_height * strips(p);
        return make_tasks(count, strips(p), p.out_height, MfHwc8Block::channel_blocks(p));
    }

    static FWHT_HD int strips(const MfDepthwiseConvParams& p) {
        return (p.out_width - 1) / kColumns + 1;
    }
};

FWHT_HD int64_t padded_channels(const MfDepthwiseConvParams& p) {
    return (static_cast<int64_t>(p.channels) + kMfVector - 1) / kMfVector * kMfVector;
}

// The part of one thread; the block waits for all of them before it reads.
template <int kSize>
FWHT_HD void fill_shared(const MfDepthwiseConvParams& p, int first_channel, int thread, MfHwc8Shared<kSize>& shared) {
    for (int i = thread; i < shared.kRows * kMfHwc8Channels; i += kMfHwc8Threads) {
        const int row = i / kMfHwc8Channels;
        const int channel = first_channel + i % kMfHwc8Channels;
        float value = 0.0f;
        if (channel < p.channels) {
            const float* from = row == shared.kGain ? p.gain + channel
                                : row == shared.kBias
                                    ? p.bias + channel
                                    : p.weight + static_cast<int64_t>(channel) * (kSize * kSize) + row;
            value = read<float, 1>(from).at[0];
        }
        shared.value(row, i % kMfHwc8Channels) = value;
    }
}

// What lies in the channels beyond the last is not trusted when read, and written as 0.
FWHT_HD Pack<Half, kMfVector> finish(const float (&sums)[kMfVector], const float (&gain)[kMfVector],
                                     const float (&bias)[kMfVector], int channels, int activation) {
    Pack<Half, kMfVector> y;
    FWHT_UNROLL
    for (int i = 0; i < kMfVector; ++i) {
        y.at[i] = from_float<Half>(i < channels ? activate(gain[i] * sums[i] + bias[i], activation) : 0.0f);
    }
    return y;
}

template <int kSize, int kOperator, int kColumns>
FWHT_HD void run_hwc8_task(const MfDepthwiseConvParams& p, const MfTasks& tasks, const MfHwc8Shared<kSize>& shared,
                           int first_channel, int vector, int64_t index) {
    const MfHwc8Task<kColumns> task(p, tasks, index);
    const int channel = first_channel + vector * kMfVector;
    const int top = task.row * p.stride_h - p.pad_top;
    const int left = task.column * p.stride_w - p.pad_left;
    const Half* x = static_cast<const Half*>(p.x);
    WindowSum<kOperator> sums[kColumns][kMfVector];
    FWHT_ROLLED  // all rows at once are more than the registers hold: ptxas spilled up to 958 bytes on sm_110
    for (int i = 0; i < kSize; ++i) {
        const int row = top + i;
        const int64_t at = ((task.image * p.height + row) * p.width + left) * padded_channels(p) + channel;
        Pack<Half, kMfVector> vectors[kColumns - 1 + kSize];  // where kColumns > 1 the stride is 1
        FWHT_UNROLL
        for (int j = 0; j < kColumns - 1 + kSize; ++j) {
            const bool inside = row >= 0 && row < p.height && left + j >= 0 && left + j < p.width;
            vectors[j] = Pack<Half, kMfVector>{};
            if (inside) {
                vectors[j] = read<Half, kMfVector>(x + at + j * padded_channels(p));
            }
        }
        FWHT_UNROLL
        for (int j = 0; j < kSize; ++j) {
            float w[kMfVector];
            shared.load(i * kSize + j, vector, w);
            FWHT_UNROLL
            for (int c = 0; c < kColumns; ++c) {
                FWHT_UNROLL
                for (int e = 0; e < kMfVector; ++e) {
                    sums[c][e].add(with_sign(to_float(vectors[j + c].at[e])), with_sign(w[e]));
                }
            }
        }
    }

    float gain[kMfVector];
    float bias[kMfVector];
    shared.load(shared.kGain, vector, gain);
    shared.load(shared.kBias, vector, bias);
    Half* y = static_cast<Half*>(p.y) + (task.line * p.out_width + task.column) * padded_channels(p) + channel;
    FWHT_UNROLL
    for (int c = 0; c < kColumns; ++c) {
        if (task.column + c < p.out_width) {
            float totals[kMfVector];
            FWHT_UNROLL
            for (int e = 0; e < kMfVector; ++e) {
                totals[e] = sums[c][e].total();
            }
            write(y + c * padded_channels(p), finish(totals, gain, bias, p.channels - channel, p.activation));
        }
    }
}

// Every `kMfLanes` * `blocks`-th task of the block's channels: right for any number of blocks that is a multiple of
// channel_blocks.
template <int kSize, int kOperator, int kColumns>
FWHT_HD void run_hwc8_thread(const MfDepthwiseConvParams& p, const MfTasks& tasks, const MfHwc8Shared<kSize>& shared,
                             const MfHwc8Block& own, int blocks, int thread) {
    const int vector = thread % kMfVectors;
    if (own.first_channel + vector * kMfVector >= p.channels) {
        return;
    }
    const int64_t step = static_cast<int64_t>(tasks.last.divide(static_cast<uint32_t>(blocks))) * kMfLanes;
    const int64_t first = static_cast<int64_t>(own.index) * kMfLanes + thread / kMfVectors;
    for (int64_t task = first; task < tasks.count; task += step) {
        run_hwc8_task<kSize, kOperator, kColumns>(p, tasks, shared, own.first_channel, vector, task);
    }
}

}  // namespace fwht
