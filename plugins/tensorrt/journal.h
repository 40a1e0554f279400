// Errors on their way to TensorRT's logger.
#pragma once

#include <atomic>
#include <cstdint>

namespace fwht {

// One line at severity error, "FWHTLayer: sentence"; to stderr where TensorRT has no logger yet.
void log_error(const char* op, const char* sentence) noexcept;

// Says each sentence once. A layer and its clones share a journal: a launch that fails a thousand times a second is
// told once, whatever number of contexts run it. Takes no lock and allocates nothing.
class Journal {
public:
    void error(const char* op, const char* sentence) noexcept;

private:
    enum : int { kSentences = 8 };  // different ones; what comes after is dropped

    bool is_new(uint64_t sentence) noexcept;

    std::atomic<uint64_t> said_[kSentences] = {};
};

}  // namespace fwht
