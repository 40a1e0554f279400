// The device functions of the multiplication-free depthwise convolution, run by loops over blocks and threads.
#include <algorithm>

#include "../../plugins/mf_depthwise_conv/check.h"
#include "../../plugins/mf_depthwise_conv/dispatch.h"

namespace {

using fwht::Half;
using fwht::MfDepthwiseConvParams;
using fwht::MfTasks;

// A launch with at most `most` blocks (HWC8: rounded to what it needs at least), to see the threads take further tasks.
struct AllBlocks {
    int64_t most;
    bool wide;  // divisions in 64 bits, as of a launch with more than 2^31 tasks

    template <typename T, int kSize, int kOperator, int kRows>
    void nchw(const MfDepthwiseConvParams& p, MfTasks tasks, int64_t blocks) const {
        tasks.narrow = wide ? 0 : tasks.narrow;
        const int64_t threads = std::min(blocks, most) * fwht::kMfNchwThreads;
        for (int64_t thread = 0; thread < threads; ++thread) {
            fwht::run_nchw_thread<T, kSize, kOperator, kRows>(p, tasks, thread, threads);
        }
    }

    template <int kSize, int kOperator, int kColumns>
    void hwc8(const MfDepthwiseConvParams& p, MfTasks tasks, int64_t blocks) const {
        tasks.narrow = wide ? 0 : tasks.narrow;
        const int64_t channel_blocks = fwht::MfHwc8Block::channel_blocks(p);
        blocks = std::min(blocks, std::max<int64_t>(most / channel_blocks, 1) * channel_blocks);
        for (int64_t block = 0; block < blocks; ++block) {
            const fwht::MfHwc8Block own(p, tasks, static_cast<int>(block));
            fwht::MfHwc8Shared<kSize> shared;
            for (int thread = 0; thread < fwht::kMfHwc8Threads; ++thread) {
                fwht::fill_shared(p, own.first_channel, thread, shared);
            }
            for (int thread = 0; thread < fwht::kMfHwc8Threads; ++thread) {
                fwht::run_hwc8_thread<kSize, kOperator, kColumns>(p, tasks, shared, own, static_cast<int>(blocks), thread);
            }
        }
    }
};

// The tasks of the last image only: of a tensor that is too large for this machine's memory.
struct LastImage {
    template <typename T, int kSize, int kOperator, int kRows>
    void nchw(const MfDepthwiseConvParams& p, const MfTasks& tasks, int64_t) const {
        for (int64_t task = tasks.count - tasks.count / p.batch; task < tasks.count; ++task) {
            fwht::run_nchw_task<T, kSize, kOperator, kRows>(p, tasks, task);
        }
    }

    template <int kSize, int kOperator, int kColumns>
    void hwc8(const MfDepthwiseConvParams& p, const MfTasks& tasks, int64_t) const {
        for (int channel = 0; channel < p.channels; channel += fwht::kMfVector) {
            const int first_channel = channel / fwht::kMfHwc8Channels * fwht::kMfHwc8Channels;
            fwht::MfHwc8Shared<kSize> shared;
            for (int thread = 0; thread < fwht::kMfHwc8Threads; ++thread) {
                fwht::fill_shared(p, first_channel, thread, shared);
            }
            const int vector = (channel - first_channel) / fwht::kMfVector;
            for (int64_t task = tasks.count - tasks.count / p.batch; task < tasks.count; ++task) {
                fwht::run_hwc8_task<kSize, kOperator, kColumns>(p, tasks, shared, first_channel, vector, task);
            }
        }
    }
};

struct CountBlocks {
    int64_t* result;

    template <typename T, int kSize, int kOperator, int kRows>
    void nchw(const MfDepthwiseConvParams&, const MfTasks&, int64_t blocks) const {
        *result = blocks;
    }

    template <int kSize, int kOperator, int kColumns>
    void hwc8(const MfDepthwiseConvParams&, const MfTasks&, int64_t blocks) const {
        *result = blocks;
    }
};

}  // namespace

extern "C" {

const char* mf_check(const MfDepthwiseConvParams* params) {
    return fwht::check_mf_depthwise_conv(*params);
}

bool mf_run(const MfDepthwiseConvParams* params, int64_t most_blocks, bool wide) {
    return fwht::dispatch_mf_depthwise_conv(*params, AllBlocks{most_blocks, wide});
}

void mf_divide(int divisor, const uint32_t* numbers, uint32_t* quotients, int64_t count) {
    const fwht::Divisor by = fwht::make_divisor(divisor);
    for (int64_t i = 0; i < count; ++i) {
        quotients[i] = by.divide(numbers[i]);
    }
}

// Whether the launch divides in 32 bits; the place of a task as first, second, third, both.
bool mf_place(int64_t count, int inner, int outer, int64_t task, int64_t* place) {
    const MfTasks tasks = fwht::make_tasks(count, inner, outer, 1);
    const fwht::MfPlace found(tasks, task, inner, outer);
    place[0] = found.first;
    place[1] = found.second;
    place[2] = found.third;
    place[3] = found.both;
    return tasks.narrow != 0;
}

bool mf_run_last_image(const MfDepthwiseConvParams* params) {
    return fwht::dispatch_mf_depthwise_conv(*params, LastImage{});
}

int64_t mf_blocks(const MfDepthwiseConvParams* params) {
    int64_t blocks = 0;
    fwht::dispatch_mf_depthwise_conv(*params, CountBlocks{&blocks});
    return blocks;
}

}
