// The kernels that are compiled. One list, for the launch, the register checks and the CPU tests.
//
// Columns of X(type, size, operator, outputs): `outputs` are those of one thread, below each other (NCHW) or side by
// side (HWC8); more than one only where the stride in that direction is 1.
#pragma once

#define FWHT_MF_OPERATORS(X, type, size, outputs) \
    X(type, size, 1, outputs)                     \
    X(type, size, 2, outputs)                     \
    X(type, size, 3, outputs)

#define FWHT_MF_NCHW_INSTANCES(X)    \
    FWHT_MF_OPERATORS(X, float, 3, 1) \
    FWHT_MF_OPERATORS(X, float, 3, 4) \
    FWHT_MF_OPERATORS(X, float, 5, 1) \
    FWHT_MF_OPERATORS(X, float, 5, 4) \
    FWHT_MF_OPERATORS(X, Half, 3, 1)  \
    FWHT_MF_OPERATORS(X, Half, 3, 4)  \
    FWHT_MF_OPERATORS(X, Half, 5, 1)  \
    FWHT_MF_OPERATORS(X, Half, 5, 4)

#define FWHT_MF_HWC8_INSTANCES(X)    \
    FWHT_MF_OPERATORS(X, Half, 3, 1) \
    FWHT_MF_OPERATORS(X, Half, 3, 2) \
    FWHT_MF_OPERATORS(X, Half, 5, 1) \
    FWHT_MF_OPERATORS(X, Half, 5, 2)
