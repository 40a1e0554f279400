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

    FWHT_HD float* place(int slot, int e) const {
        return T::kLayout == kNCHW ? shared + slot * T::kPixels + group * T::kVec + e
                                   : shared + (group * T::kVec + e) * T::kSlots + slot;
    }

    FWHT_HD void put_column(int column, const Values& v) const {
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            put(T::slot(row, column), v[row]);
        }
    }

    FWHT_HD void get_column(int column, Values& v) const {
        FWHT_UNROLL
        for (int row = 0; row < T::kRows; ++row) {
            get(T::slot(row, column), v[row]);
        }
    }

    // The rows of a thread; v[m] is element m of them, row by row.
    FWHT_HD void put_rows(int thread, const Values& v) const {
        FWHT_UNROLL
        for (int m = 0; m < T::kRows; m += T::kUnit) {
            put_unit(T::slot_of_rows(thread, m), m, v);
        }
    }

    FWHT_HD void get_rows(int thread, Values& v) const {
        FWHT_UNROLL
        for (int m = 0; m < T::kRows; m += T::kUnit) {
            get_unit(T::slot_of_rows(thread, m), m, v);
        }
    }

    // kUnit elements that are neighbours in shared memory, with one instruction per plane.
    FWHT_HD void put_unit(int slot, int m, const Values& v) const {
        if (T::kUnit == 1) {
            put(slot, v[m]);
            return;
        }
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            Pack<float, T::kUnit> pack;
            FWHT_UNROLL
            for (int i = 0; i < T::kUnit; ++i) {
                pack.at[i] = v[m + i][e];
            }
            write(place(slot, e), pack);
        }
    }

    FWHT_HD void get_unit(int slot, int m, Values& v) const {
        if (T::kUnit == 1) {
            get(slot, v[m]);
            return;
        }
        FWHT_UNROLL
        for (int e = 0; e < T::kVec; ++e) {
            const Pack<float, T::kUnit> pack = *reinterpret_cast<const Pack<float, T::kUnit>*>(place(slot, e));
            FWHT_UNROLL
            for (int i = 0; i < T::kUnit; ++i) {
                v[m + i][e] = pack.at[i];
            }
        }
    }

    FWHT_HD void put(int slot, const float (&values)[T::kVec]) const {
        if (T::kLayout == kNCHW) {
            Pack<float, T::kVec> pack;
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                pack.at[e] = values[e];
            }
            write(place(slot, 0), pack);
        } else {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                *place(slot, e) = values[e];
            }
        }
    }

    FWHT_HD void get(int slot, float (&values)[T::kVec]) const {
        if (T::kLayout == kNCHW) {
            const Pack<float, T::kVec> pack = *reinterpret_cast<const Pack<float, T::kVec>*>(place(slot, 0));
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                values[e] = pack.at[e];
            }
        } else {
            FWHT_UNROLL
            for (int e = 0; e < T::kVec; ++e) {
                values[e] = *place(slot, e);
            }
        }
    }
};

}  // namespace fwht
