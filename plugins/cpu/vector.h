// The vectors of the instruction set that this translation unit is compiled for (FWHT_VECTOR names its header):
//
//     Vector, kLanes, kRegisters    one register of float32; +, -, * and / work lane by lane
//     load, store                   from and to any address of a float
//     stream                        to an address divisible by the size of a vector, past the caches where that can be;
//                                   finish_streams() before another thread may read it
//     splat(value)                  the value in every lane
//     multiply_add(a, b, c)         a * b + c; rounded once where the set has a fused instruction, else twice
//     lower(a, b), upper(a, b)      minimum, maximum; a NaN in b comes through
//     size_of(a)                    |a|
//     with_sign_of(size, a)         size, which is not negative, with the sign bit of a
//     where_not_zero(size, value)   value where size, whose sign bit is 0, is not 0 (a NaN is not), else 0
//     with_sign_or_zero(size, value, a)    where_not_zero(size, with_sign_of(value, a))
//     load_quads(from, distance, v) four neighbouring pixels of kLanes channels that lie `distance` floats apart: pixel i
//                                   of all of them to v[i], a lane each
//     store_quads(to, distance, v)  the same way back; v is lost
//     with_bits_of(value, mask)     value where the bits of the mask are ones, 0 where they are zeros
//     rotate_up(a), rotate_down(a)  lane i to lane i + 1, to lane i - 1, and the last one round
//     swap_lanes(a, Index<d>())     lane i to lane i ^ d, d a power of two below kLanes
//     even_lanes(a, b)              lanes 0, 2, 4 ... of a and then of b
//     slide<kFrom>(a, b)            the lanes of a from kFrom on, then as many of b as are missing; 0 < kFrom < kLanes
//     load_bfloat16, store_bfloat16 the same of bfloat16, from and to any address of a uint16_t; rounded to the nearest,
//                                   half way to even, and a NaN stays one
//     subtract_fused(a, b, one)     a - b, on the multiplier where the adder would be the bottleneck; one = splat(1)
//
// Everything lies in namespaces without a name: each unit has its own, or the linker would keep one set's for all.
#pragma once

#include FWHT_VECTOR

namespace fwht {
namespace {

// The compiler must not see that this is 1, or it would turn a multiply-add by it back into an addition.
FWHT_INLINE Vector hidden_one() {
    Vector one = splat(1.0f);
#if defined(__x86_64__)
    asm("" : "+v"(one));
#endif
    return one;
}

}  // namespace
}  // namespace fwht
