// What the library's checks of itself have in common: inputs, and a digest of the output.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "../tensorrt/refuse.h"
#include "kernels.h"

namespace fwht {

// Inputs without a random generator: multiples of 1/8 from -1 to 1, weights of either sign.
inline std::vector<float> pattern(int64_t count, int step) {
    std::vector<float> values(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
        values[static_cast<size_t>(i)] = static_cast<float>((i * step + 5) % 17 - 8) / 8.0f;
    }
    return values;
}

// The sum of y_i ((7 i) mod 13 - 6): a single number that any wrong output changes.
inline double digest(const std::vector<float>& y) {
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) {
        sum += static_cast<double>(y[i]) * static_cast<double>(static_cast<int>(7 * i % 13) - 6);
    }
    return sum;
}

inline std::string compare(const std::string& op, double found, double stored, const CpuKernels& kernels) {
    if (std::fabs(found - stored) <= 0.01 + 1e-5 * std::fabs(stored)) {  // a sum of some thousand roundings
        return std::string();
    }
    return op + " gives " + text_of(found) + " instead of " + text_of(stored) + " with " + kernels.name +
           ": build the library anew on this machine";
}

}  // namespace fwht
