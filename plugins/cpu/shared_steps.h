// Steps of one run that all its threads share, item by item, each step when the one before it is done.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace fwht {

// Made by the thread that calls for the run. A thread that waits for a step waits for items that were taken by threads
// that run: so a run ends however few threads there are.
template <int kSteps>
class SharedSteps {
  public:
    // Of each step there are `times` times as many items; only the last steps may have none.
    SharedSteps(int64_t times, const int64_t (&items)[kSteps]) : caller_(std::this_thread::get_id()) {
        for (int step = 0; step < kSteps; ++step) {
            steps_[step].items = times * items[step];
        }
    }

    // body(step, item) for items that no other thread has taken, until there are none left.
    template <typename Body>
    void run(const Body& body) {
        const bool caller = std::this_thread::get_id() == caller_;
        for (int step = 0; step < kSteps; ++step) {
            for (int64_t item = take(steps_[step], caller); item >= 0; item = take(steps_[step], caller)) {
                if (step > 0) {
                    wait_for(steps_[step - 1]);
                }
                body(step, item);
                steps_[step].done.fetch_add(1, std::memory_order_release);
            }
        }
    }

  private:
    struct Step {
        alignas(64) std::atomic<int64_t> taken{0};
        std::atomic<int64_t> from_back{0};
        int64_t from_front = 0;  // the caller's alone
        int64_t items = 0;
        alignas(64) std::atomic<int64_t> done{0};
    };

    // The next item from the front for the caller, from the back for other threads, -1 where none is left: so a thread
    // meets again in its own cache what it wrote in the step before.
    static int64_t take(Step& step, bool caller) {
        if (step.taken.load(std::memory_order_relaxed) >= step.items ||
            step.taken.fetch_add(1, std::memory_order_relaxed) >= step.items) {
            return -1;
        }
        return caller ? step.from_front++ : step.items - 1 - step.from_back.fetch_add(1, std::memory_order_relaxed);
    }

    static void wait_for(const Step& step) {
        constexpr int kSpins = 2000;  // looks before the core is offered to others: some microseconds
        for (int spins = 0; step.done.load(std::memory_order_acquire) < step.items; ++spins) {
            if (spins < kSpins) {
                pause_briefly();
            } else {
                std::this_thread::yield();
            }
        }
    }

    static void pause_briefly() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    const std::thread::id caller_;
    Step steps_[kSteps];
};

// Items that a shared step is cut into at most: twice as many as there can be threads. Each begins by setting up.
inline int64_t most_shared_items() {
    static const unsigned cores = std::thread::hardware_concurrency();
    return cores < 2 ? 4 : cores > 16 ? 32 : 2 * int64_t{cores};
}

}  // namespace fwht
