// Loops that are gone when the program runs: arrays of vectors stay in registers only where every index is a constant.
// Templates instead of a pragma, which gcc 7 does not know. That compiler, JetPack 4's, fails ("internal compiler error: in
// tsubst_copy") where the lambda of a template reads a constant integer of its function: such locals are not const.
#pragma once

#define FWHT_INLINE inline __attribute__((always_inline))

namespace fwht {
namespace {

template <int kValue>
struct Index {
    static constexpr int kIndex = kValue;
    constexpr operator int() const { return kValue; }
};

template <int kFrom, int kTo>
struct Repeat {
    template <typename Body>
    static FWHT_INLINE void run(Body& body) {
        body(Index<kFrom>());
        Repeat<kFrom + 1, kTo>::run(body);
    }
};

template <int kTo>
struct Repeat<kTo, kTo> {
    template <typename Body>
    static FWHT_INLINE void run(Body&) {}
};

// body(0), body(1) ... body(kTimes - 1); the argument converts to an int that is known when this is compiled.
template <int kTimes, typename Body>
FWHT_INLINE void repeat(Body body) {
    Repeat<0, kTimes>::run(body);
}

}  // namespace
}  // namespace fwht

// A lambda of `repeat`: [&](auto i) FWHT_UNROLLED { ... }
#define FWHT_UNROLLED __attribute__((always_inline))
