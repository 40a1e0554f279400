// The device functions of the multiplication-free depthwise convolution, run by loops over blocks and threads.
#include <algorithm>

#include "../../plugins/mf_depthwise_conv/check.h"
#include "../../plugins/mf_depthwise_conv/dispatch.h"

namespace {

using fwht::Half;
using fwht::MfDepthwiseConvParams;

// A launch with at most `most` blocks (HWC8: rounded to what it needs at least), to see the threads take further tasks.
struct AllBlocks {
    int64_t most;

    template <typename T, int kSize, int kOperator, int kRows>
    void nchw(const MfDepthwiseConvParams& p, int64_t blocks) const {
        const int64_t threads = std::min(blocks, most) * fwht::kMfNchwThreads;
        for (int64_t thread = 0; thread < threads; ++thread) {
            fwht::run_nchw_thread<T, kSize, kOperator, kRows>(p, thread, threads);
        }
    }

    template <int kSize, int kOperator, int kColumns>
    void hwc8(const MfDepthwiseConvParams& p, int64_t blocks) const {
        const int64_t channel_blocks = fwht::MfHwc8Block::channel_blocks(p);
        blocks = std::min(blocks, std::max<int64_t>(most / channel_blocks, 1) * channel_blocks);
        for (int64_t block = 0; block < blocks; ++block) {
            fwht::MfHwc8Shared<kSize> shared;
            for (int thread = 0; thread < fwht::kMfHwc8Threads; ++thread) {
                fwht::fill_shared(p, block, thread, shared);
            }
            for (int thread = 0; thread < fwht::kMfHwc8Threads; ++thread) {
                fwht::run_hwc8_thread<kSize, kOperator, kColumns>(p, shared, block, blocks, thread);
            }
        }
    }
};

// The tasks of the last image only: of a tensor that is too large for this machine's memory.
struct LastImage {
    template <typename T, int kSize, int kOperator, int kRows>
    void nchw(const MfDepthwiseConvParams& p, int64_t) const {
        const int64_t count = fwht::MfNchwTask<kRows>::count(p);
        for (int64_t task = count - count / p.batch; task < count; ++task) {
            fwht::run_nchw_task<T, kSize, kOperator, kRows>(p, task);
        }
    }

    template <int kSize, int kOperator, int kColumns>
    void hwc8(const MfDepthwiseConvParams& p, int64_t) const {
        const int64_t count = fwht::MfHwc8Task<kColumns>::count(p);
        for (int channel = 0; channel < p.channels; channel += fwht::kMfVector) {
            const int64_t block = channel / fwht::kMfHwc8Channels;
            fwht::MfHwc8Shared<kSize> shared;
            for (int thread = 0; thread < fwht::kMfHwc8Threads; ++thread) {
                fwht::fill_shared(p, block, thread, shared);
            }
            const int first_channel = static_cast<int>(block) * fwht::kMfHwc8Channels;
            const int vector = (channel - first_channel) / fwht::kMfVector;
            for (int64_t task = count - count / p.batch; task < count; ++task) {
                fwht::run_hwc8_task<kSize, kOperator, kColumns>(p, shared, first_channel, vector, task);
            }
        }
    }
};

struct CountBlocks {
    int64_t* result;

    template <typename T, int kSize, int kOperator, int kRows>
    void nchw(const MfDepthwiseConvParams&, int64_t blocks) const {
        *result = blocks;
    }

    template <int kSize, int kOperator, int kColumns>
    void hwc8(const MfDepthwiseConvParams&, int64_t blocks) const {
        *result = blocks;
    }
};

}  // namespace

extern "C" {

const char* mf_check(const MfDepthwiseConvParams* params) {
    return fwht::check_mf_depthwise_conv(*params);
}

bool mf_run(const MfDepthwiseConvParams* params, int64_t most_blocks) {
    return fwht::dispatch_mf_depthwise_conv(*params, AllBlocks{most_blocks});
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
