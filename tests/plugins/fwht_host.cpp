// The FWHT layer's device functions, run by loops over blocks, steps and threads. A barrier is the end of a loop.
#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "../../plugins/fwht_layer/check.h"
#include "../../plugins/fwht_layer/choose_tile.h"
#include "../../plugins/fwht_layer/thread_steps.h"
#include "../../plugins/fwht_layer/window_steps.h"

namespace {

using namespace fwht;

constexpr int kCount = sizeof(kTiles) / sizeof(kTiles[0]);
constexpr float kPoison = -1.0e30f;

template <typename T, bool kPaths>
void run_block(const FwhtLayerParams& params, int64_t block) {
    alignas(16) static float shared[T::kSharedBytes / sizeof(float)];
    for (float& value : shared) {
        value = kPoison;
    }
    std::vector<ThreadSteps<T>> threads;
    for (int thread = 0; thread < T::kThreads; ++thread) {
        threads.emplace_back(params, shared, block, thread);
    }
    // From both ends: what one thread reads before another has written would show in one of the two orders.
    for (int i = 0; i < T::kThreads; ++i) {
        threads[i].load_columns();
    }
    for (int i = T::kThreads; i-- > 0;) {
        threads[i].template threshold_rows<kPaths>();
    }
    for (int i = 0; i < T::kThreads; ++i) {
        threads[i].store_columns();
    }
    for (int i = T::kThreads; params.pool > 1 && i-- > 0;) {
        threads[i].store_pooled();
    }
}

template <typename T, bool kPaths>
void run(const FwhtLayerParams& params, int64_t blocks) {
    for (int64_t block = 0; block < blocks; ++block) {
        run_block<T, kPaths>(params, block);
    }
}

// The same for block (tile, block) of a layer with blocks.
template <typename T>
void run_windows_block(const FwhtLayerParams& params, int64_t tile, int block) {
    alignas(16) static float shared[T::kSharedBytes / sizeof(float)];
    for (float& value : shared) {
        value = kPoison;
    }
    struct Thread {
        typename WindowSteps<T>::Carried carried;
    };
    std::vector<Thread> carried(T::kThreads);
    std::vector<WindowSteps<T>> threads;
    for (int thread = 0; thread < T::kThreads; ++thread) {
        threads.emplace_back(params, carried[thread].carried, shared, tile, thread);
    }
    const int last = WindowSteps<T>::first_window(params, block + 1);
    for (int window = WindowSteps<T>::first_window(params, block); window < last; ++window) {
        for (int i = 0; i < T::kThreads; ++i) {
            threads[i].load_columns(window);
        }
        for (int i = T::kThreads; i-- > 0;) {
            threads[i].threshold_rows();
        }
        for (int i = 0; i < T::kThreads; ++i) {
            threads[i].store_columns(window);
        }
        for (int i = T::kThreads; params.pool > 1 && i-- > 0;) {
            threads[i].add_pools(window);
        }
    }
}

template <typename T>
void run_windows(const FwhtLayerParams& params, int64_t tiles) {
    const int blocks = window_blocks_of(facts_of<T>(kWindows), params);
    for (int64_t tile = 0; tile < tiles; ++tile) {
        for (int block = 0; block < blocks; ++block) {
            run_windows_block<T>(params, tile, block);
        }
    }
}

// How often shared memory must be read for one instruction of a warp, at most, where once would do. Threads with accesses
// of 8 or 16 bytes go in halves or quarters of a warp; a bank gives one word of 4 bytes at a time.
template <typename T>
int most_conflicts(bool rows) {
    const int together = 32 / T::kVec;
    int most = 1;
    for (int first = 0; first + together <= T::kThreads; first += together) {
        for (int m = 0; m < T::kRows; ++m) {
            std::map<int, std::set<int>> words;
            for (int thread = first; thread < first + together; ++thread) {
                const int column = T::column_of(thread);
                const int slot = rows ? T::slot_of_rows(column, m) : T::slot(m, column);
                const SharedMemory<T> shared_memory{nullptr, T::group_of(thread)};
                const auto at = static_cast<int>(reinterpret_cast<intptr_t>(shared_memory.place(slot)) / 4);
                for (int word = at; word < at + T::kVec; ++word) {
                    words[word % 32].insert(word);
                }
            }
            for (const auto& bank : words) {
                most = std::max(most, static_cast<int>(bank.second.size()));
            }
        }
    }
    return most;
}

#define FWHT_CONFLICTS(...) most_conflicts<FWHT_LAYER_TILE(__VA_ARGS__)>,

using Conflicts = int (*)(bool);
const Conflicts kConflicts[] = {FWHT_LAYER_INSTANCES(FWHT_CONFLICTS) FWHT_LAYER_PATHS_INSTANCES(FWHT_CONFLICTS)
                                    FWHT_LAYER_PATHS_INSTANCES(FWHT_CONFLICTS)};

#define FWHT_PART(...) FWHT_LAYER_TILE(__VA_ARGS__)::kRun,

const int kParts[] = {FWHT_LAYER_INSTANCES(FWHT_PART) FWHT_LAYER_PATHS_INSTANCES(FWHT_PART)
                          FWHT_LAYER_PATHS_INSTANCES(FWHT_PART)};

#define FWHT_RUN(width, ...) run<FWHT_LAYER_TILE(width, __VA_ARGS__), width == kPaths>,

#define FWHT_RUN_WINDOWS(...) run_windows<FWHT_LAYER_TILE(__VA_ARGS__)>,

using Run = void (*)(const FwhtLayerParams&, int64_t);
const Run kRuns[] = {FWHT_LAYER_INSTANCES(FWHT_RUN) FWHT_LAYER_PATHS_INSTANCES(FWHT_RUN)
                         FWHT_LAYER_PATHS_INSTANCES(FWHT_RUN_WINDOWS)};

}  // namespace

extern "C" {

int fwht_tile_count() {
    return kCount;
}

const TileFacts* fwht_tile(int index) {
    return &kTiles[index];
}

const char* fwht_check(const FwhtLayerParams* params) {
    return check_fwht_layer(*params);
}

int fwht_choose(const FwhtLayerParams* params, int multiprocessors, int shared_bytes, int shared_together) {
    return choose_tile(kTiles, *params, Device{multiprocessors, shared_bytes, shared_together});
}

int fwht_conflicts(int index, bool rows) {
    return kConflicts[index](rows);
}

// How many channels belong to the fewest columns that can be left out.
int fwht_part(int index) {
    return kParts[index];
}

// False where this tile is not for these parameters.
bool fwht_run(const FwhtLayerParams* params, int index) {
    if (!fits(kTiles[index], *params, Device{1, 1 << 20, 1 << 20})) {
        return false;
    }
    kRuns[index](*params, blocks_of(kTiles[index], *params));
    return true;
}

}  // extern "C"
