// How one block cuts its part of the tensor: kPixels pixels, all n = kRows * kColumns channels of each.
//
// The n values of a pixel are a matrix. In the first and last step a thread holds a column of it (kRows values) and
// transforms along it; in between it holds kRows / kColumns rows and transforms along those. H_n = H_rows (x) H_columns,
// so the two together are the whole transform, and one exchange through shared memory lies between them. The second
// transform goes the other way round, from rows to columns.
#pragma once

#include "../float16.h"

namespace fwht {

template <typename Io_, Layout kLayout_, int kRows_, int kColumns_, int kPixels_, int kVec_, bool kPacked_ = false>
struct Tile {
    using Io = Io_;
    static constexpr Layout kLayout = kLayout_;
    static constexpr int kRows = kRows_;        // values of a thread, per pixel
    static constexpr int kColumns = kColumns_;  // threads of a pixel
    static constexpr int kPixels = kPixels_;
    static constexpr int kVec = kVec_;  // pixels of a thread; neighbours in memory where the layout is NCHW
    static constexpr int kN = kRows * kColumns;
    static constexpr int kGroups = kPixels / kVec;
    static constexpr int kThreads = kGroups * kColumns;

    static constexpr int kThreadRows = kRows / kColumns;  // rows of a thread in the middle step

    // Shared memory has 32 banks of 4 bytes. Threads that hold neighbouring rows would meet in one of them, so a gap after
    // the rows of each thread moves the next ones on: one value where the pixels of a tile lie side by side (NCHW), four
    // where each pixel has a plane of its own (HWC8), since those are read in units of four. A packed tile has no gaps;
    // it permutes the columns of a row instead, which costs registers.
    static constexpr bool kPacked = kPacked_;
    static constexpr int kUnit = kLayout == kHWC8 && kColumns >= 4 ? 4 : 1;
    static constexpr int kGap = kPacked ? 0 : kUnit;
    static constexpr int kMask = kPacked && kPixels < 32 ? 32 / kPixels - 1 : 0;
    static constexpr int kSlots = kN + kColumns * kGap;  // of a pixel
    static constexpr int kSharedBytes = kSlots * kPixels * static_cast<int>(sizeof(float));

    // Blocks a multiprocessor of 65,536 registers should hold, which is what bounds a thread's registers. Left alone the
    // compiler reads all weights ahead and takes twice as many as it needs; with this nothing is spilled from sm_53 to
    // sm_110. Each multiprocessor holds at least 16 blocks.
    static constexpr int kSpare = kRows == 64 || kPacked ? 192 : kLayout == kHWC8 ? 96 : 64;
    static constexpr int kRegisters = kRows * kVec + kSpare;
    static constexpr int kMostBlocks = 65536 / (kThreads * kRegisters);
    static constexpr int kBlocks = kMostBlocks < 16 ? kMostBlocks : 16;

    static_assert(kRows % kColumns == 0, "a thread holds whole rows in the middle step");
    static_assert(kPixels % kVec == 0, "a thread holds whole vectors of pixels");
    static_assert(!kPacked || (kLayout == kNCHW && kMask < kColumns), "only NCHW is permuted, within a row");
    static_assert(kLayout == kNCHW || kRows % 8 == 0, "HWC8 is read in vectors of 8 channels");

    // Place of element (row, column) within its pixel. (Only `row` is divided: where it is known when this is compiled,
    // all places of a column are one address, or kMask + 1, with different offsets.)
    static FWHT_HD constexpr int slot(int row, int column) {
        return row * kColumns + row / kThreadRows * kGap + (column ^ (row / kThreadRows & kMask));
    }

    // The same for element m of the rows of a thread, counted row by row.
    static FWHT_HD constexpr int slot_of_rows(int thread, int m) {
        return thread * (kRows + kGap) + m / kColumns * kColumns + (m % kColumns ^ (thread & kMask));
    }

    // Channel, and coefficient, of element (row, column): any bijection that only reorders the bits will do, since
    // H_n is the same under it. In HWC8 the 8 channels of a vector are 8 rows of one column.
    static FWHT_HD constexpr int channel(int row, int column) {
        return kLayout == kNCHW ? row * kColumns + column : row / 8 * (8 * kColumns) + column * 8 + row % 8;
    }

    static FWHT_HD constexpr int row_of_channel(int c) {
        return kLayout == kNCHW ? c / kColumns : c / (8 * kColumns) * 8 + c % 8;
    }

    static FWHT_HD constexpr int column_of_channel(int c) {
        return kLayout == kNCHW ? c % kColumns : c / 8 % kColumns;
    }
};

}  // namespace fwht
