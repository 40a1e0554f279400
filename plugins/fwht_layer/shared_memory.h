// A tile's values in shared memory, where the threads of a pixel exchange columns for rows.
#pragma once

#include "../vector_access.h"
#include "tile.h"

namespace fwht {

template <typename T>
struct SharedMemory {
    using Values = float[T::kRows][T::kVec];

    float* shared;
    int group;

    FWHT_HD float* place(int slot) const {
        return shared + slot * T::kPixels + group * T::kVec;
    }

    FWHT_HD void put_column(int column, const Values& v) const {
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            put(T::slot(row, column), v[row]);
        }
    }

    FWHT_HD void put_zeros(int column) const {
        const float zeros[T::kVec] = {};
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            put(T::slot(row, column), zeros);
        }
    }

    FWHT_HD void get_column(int column, Values& v) const {
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            get(T::slot(row, column), v[row]);
        }
    }

    // The first kLive columns of a thread's rows; v[m] is element m of its rows, row by row.
    template <int kLive>
    FWHT_HD void put_rows(int thread, const Values& v) const {
        FWHT_UNROLL
        for (int m = 0; m < T::kRows; ++m) {
            if (m % T::kColumns < kLive) {
                put(T::slot_of_rows(thread, m), v[m]);
            }
        }
    }

    template <int kLive>
    FWHT_HD void get_rows(int thread, Values& v) const {
        FWHT_UNROLL
        for (int m = 0; m < T::kRows; ++m) {
            if (m % T::kColumns < kLive) {
                get(T::slot_of_rows(thread, m), v[m]);
            }
        }
    }

    FWHT_HD void put(int slot, const float (&values)[T::kVec]) const {
        Pack<float, T::kVec> pack;
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            pack.at[e] = values[e];
        }
        write(place(slot), pack);
    }

    FWHT_HD void get(int slot, float (&values)[T::kVec]) const {
        const Pack<float, T::kVec> pack = *reinterpret_cast<const Pack<float, T::kVec>*>(place(slot));
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            values[e] = pack.at[e];
        }
    }
};

}  // namespace fwht
