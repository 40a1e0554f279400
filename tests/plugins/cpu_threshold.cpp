// The tanh of the CPU kernels over a stretch of all float32 values, for the instruction set that FWHT_VECTOR names.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "fwht_layer/cpu_threshold.h"

// The largest relative error in units of 2^-24, over every `step`-th float32 between the bit patterns `from` and `to`.
extern "C" double largest_error(uint32_t from, uint32_t to, uint32_t step) {
    using namespace fwht;
    double largest = 0;
    for (uint64_t next = from; next < to; next += uint64_t{step} * kLanes) {
        float s[kLanes];
        float bent[kLanes];
        for (int i = 0; i < kLanes; ++i) {
            const uint32_t bits = static_cast<uint32_t>(next + uint64_t{step} * i);
            std::memcpy(&s[i], &bits, sizeof s[i]);
        }
        store(bent, smooth_sign(load(s)));
        for (int i = 0; i < kLanes; ++i) {
            const double wanted = std::tanh(static_cast<double>(s[i]));
            const double error = std::fabs(bent[i] / wanted - 1.0) * 16777216.0;
            largest = error <= largest ? largest : error;  // a NaN counts
        }
    }
    return largest;
}
