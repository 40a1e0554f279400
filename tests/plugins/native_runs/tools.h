// What the runs of runs.cpp share.
#pragma once

#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "cpu/c_interface.h"

namespace {

std::vector<float> pattern(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(static_cast<int>(i * 7 % 17) - 8) / 8.0f;
    }
    return values;
}

bool said(const char* what, const char* sentence) {
    if (sentence != nullptr) {
        std::printf("%s: %s\n", what, sentence);
    }
    return sentence != nullptr;
}

void run_team(void (*work)(void*), void* data, unsigned threads, unsigned) {
    std::vector<std::thread> team;
    for (unsigned i = 0; i < threads; ++i) {
        team.emplace_back(work, data);
    }
    for (std::thread& each : team) {
        each.join();
    }
}

}  // namespace
