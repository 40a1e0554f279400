#include "run_parts.h"

#include <atomic>
#include <thread>
#include <vector>

#include "scratch.h"

namespace fwht {
namespace {

std::atomic<FwhtTeam*> the_team{nullptr};

struct Work {
    const int64_t parts;
    const int64_t bytes;
    const std::function<void(int64_t, void*)>& run;
    std::atomic<int64_t> next{0};
    std::atomic<bool> enough{true};

    void take() {
        void* const scratch = thread_scratch(static_cast<size_t>(bytes));
        if (scratch == nullptr) {
            enough = false;
            return;
        }
        for (int64_t part = next++; part < parts; part = next++) {
            run(part, scratch);
        }
    }
};

void take(void* work) { static_cast<Work*>(work)->take(); }

// Threads made for this run.
void run_beside(Work& work, int threads) {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) {
        others.emplace_back(take, &work);
    }
    work.take();
    for (std::thread& other : others) {
        other.join();
    }
}

}  // namespace

void set_team(FwhtTeam* team) { the_team = team; }

bool run_parts(int64_t parts, int64_t bytes, int threads, const std::function<void(int64_t, void*)>& run) {
    Work work{parts, bytes, run};
    threads = parts < threads ? static_cast<int>(parts) : threads;
    FwhtTeam* const team = the_team;
    if (threads <= 1) {
        work.take();
    } else if (team != nullptr) {
        team(take, &work, static_cast<unsigned>(threads), 0);
    } else {
        run_beside(work, threads);
    }
    return work.enough;
}

}  // namespace fwht
