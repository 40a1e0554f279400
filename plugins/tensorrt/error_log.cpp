#include "error_log.h"

#include <NvInferRuntime.h>

#include <cstdio>

namespace fwht {
namespace {

// FNV-1a, never 0: that is the mark of an empty place.
uint64_t hash_of(const char* sentence) noexcept {
    uint64_t hash = 14695981039346656037ull;
    for (const char* c = sentence; *c != '\0'; ++c) {
        hash = (hash ^ static_cast<unsigned char>(*c)) * 1099511628211ull;
    }
    return hash == 0 ? 1 : hash;
}

}  // namespace

void log_error(const char* op, const char* sentence) noexcept {
    char line[1024];
    std::snprintf(line, sizeof line, "%s: %s", op, sentence);
    if (nvinfer1::ILogger* logger = getLogger()) {
        logger->log(nvinfer1::ILogger::Severity::kERROR, line);
    } else {
        std::fprintf(stderr, "%s\n", line);
    }
}

void ErrorLog::log_once(const char* op, const char* sentence) noexcept {
    if (insert(hash_of(sentence))) {
        log_error(op, sentence);
    }
}

bool ErrorLog::insert(uint64_t sentence) noexcept {
    for (std::atomic<uint64_t>& place : logged_) {
        uint64_t found = 0;
        if (place.compare_exchange_strong(found, sentence)) {
            return true;
        }
        if (found == sentence) {
            return false;
        }
    }
    return false;
}

}  // namespace fwht
