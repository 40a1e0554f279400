// FWHT2D's device functions, run by loops over blocks, steps and threads. A barrier is the end of a loop.
#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "../../plugins/fwht_2d/check.h"
#include "../../plugins/fwht_2d/dispatch.h"
#include "../../plugins/fwht_2d/thread_steps.h"

namespace {

using namespace fwht;

constexpr float kPoison = -1.0e30f;

struct AllBlocks {
    const Fwht2dParams& params;

    template <typename T>
    void kernel(int64_t blocks) const {
        for (int64_t block = 0; block < blocks; ++block) {
            run_block<T>(block);
        }
    }

    template <typename T>
    void run_block(int64_t block) const {
        std::vector<float> shared(T::kFloats, kPoison);
        std::vector<MapSteps<T>> threads;
        for (int thread = 0; thread < T::kThreads; ++thread) {
            threads.emplace_back(params, shared.data(), block, thread);
        }
        // From both ends: what one thread reads before another has written would show in one of the two orders.
        for (int i = 0; i < T::kThreads; ++i) {
            threads[i].load_column();
        }
        for (int i = T::kThreads; i-- > 0;) {
            threads[i].threshold_row();
        }
        for (int i = 0; i < T::kThreads; ++i) {
            threads[i].store_column();
        }
    }
};

struct Count {
    int64_t* blocks;

    template <typename T>
    void kernel(int64_t count) const {
        *blocks = count;
    }
};

// How often shared memory must be read for one instruction of a warp, at most, where once would do.
template <typename T>
int most_conflicts(bool rows) {
    int most = 1;
    for (int first = 0; first < T::kThreads && T::kSide > 1; first += 32) {
        for (int i = 0; i < T::kSide; ++i) {
            std::map<int, std::set<int>> words;
            for (int thread = first; thread < first + 32; ++thread) {
                const int map = T::map_of(thread);
                const int line = T::line_of(thread);
                const int word = rows ? T::slot(map, line, i) : T::slot(map, i, line);
                words[word % 32].insert(word);
            }
            for (const auto& bank : words) {
                most = std::max(most, static_cast<int>(bank.second.size()));
            }
        }
    }
    return most;
}

#define FWHT_CONFLICTS(...) most_conflicts<MapTile<__VA_ARGS__>>,
using Conflicts = int (*)(bool);
const Conflicts kConflicts[] = {FWHT_2D_INSTANCES(FWHT_CONFLICTS)};

}  // namespace

extern "C" {

int fwht_2d_tiles() { return static_cast<int>(sizeof(kConflicts) / sizeof(kConflicts[0])); }

int fwht_2d_conflicts(int tile, bool rows) { return kConflicts[tile](rows); }

const char* fwht_2d_check(const fwht::Fwht2dParams* params) { return fwht::check_fwht_2d(*params); }

bool fwht_2d_run(const fwht::Fwht2dParams* params) { return fwht::dispatch_fwht_2d(*params, AllBlocks{*params}); }

int64_t fwht_2d_blocks(const fwht::Fwht2dParams* params) {
    int64_t blocks = 0;
    fwht::dispatch_fwht_2d(*params, Count{&blocks});
    return blocks;
}

}
