// Errors written to TensorRT's logger.
#pragma once

#include <atomic>
#include <cstdint>

namespace fwht {

// One line at severity error, "FWHTLayer: sentence"; to stderr where TensorRT has no logger yet.
void log_error(const char* op, const char* sentence) noexcept;

// Logs each sentence once. A layer and its clones share an error log: a launch that fails a thousand times a second is
// logged once, in however many contexts it runs. Takes no lock and allocates nothing.
class ErrorLog {
public:
    void log_once(const char* op, const char* sentence) noexcept;

private:
    enum : int { kSentences = 8 };  // different ones; what comes after is dropped

    bool insert(uint64_t sentence) noexcept;

    std::atomic<uint64_t> logged_[kSentences] = {};
};

}  // namespace fwht
