// How one block cuts its part of the tensor: kPixels pixels, all n = kRows * kColumns channels of each.
//
// The n values of a pixel are a matrix. In the first and last step a thread holds a column of it (kRows values) and
// transforms along it; in between it holds kRows / kColumns rows and transforms along those. H_n = H_rows (x) H_columns,
// so the two together are the whole transform, and one exchange through shared memory lies between them. The second
// transform goes the other way round, from rows to columns.
//
// Few channels are few columns, which are called live: a warp whose columns are all dead has nothing to do in the first or
// last step, and in between a row is a transform of its live columns alone.
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

    // Columns that share a run of channels: 4, so that in NCHW thresholds and scales are read four at a time in the middle
    // step, and in HWC8 neighbouring threads read 64 bytes of a pixel.
    static constexpr int kFewest = kColumns < 4 ? kColumns : 4;
    static constexpr int kRun = kFewest * kRows;

    // Shared memory has 32 banks of 4 bytes; the pixels of a tile lie side by side. Threads that hold neighbouring rows
    // would meet in one bank, so a gap after the rows of each thread moves the next ones on. A packed tile has no gaps; it
    // permutes the columns of a row instead, which costs registers.
    static constexpr bool kPacked = kPacked_;
    static constexpr int kGap = kPacked ? 0 : 1;
    static constexpr int kMask = kPacked && kPixels < 32 ? 32 / kPixels - 1 : 0;
    static constexpr int kSlots = kN + kColumns * kGap;  // of a pixel
    static constexpr int kSharedBytes = kSlots * kPixels * static_cast<int>(sizeof(float));

    // Blocks a multiprocessor of 65,536 registers should hold, which is what bounds a thread's registers. Left alone the
    // compiler reads all weights ahead and takes twice as many as it needs; with this nothing is spilled from sm_53 to
    // sm_110. Each multiprocessor holds at least 16 blocks.
    static constexpr int kSpare = kRows == 64 || kPacked ? 192 : kLayout == kHWC8 ? 96 : kVec == 2 && kThreadRows > 2 ? 72 : 64;
    static constexpr int kRegisters = kRows * kVec + kSpare;
    static constexpr int kMostBlocks = 65536 / (kThreads * kRegisters);
    static constexpr int kBlocks = kMostBlocks < 16 ? kMostBlocks : 16;

    static_assert(kRows % kColumns == 0, "a thread holds whole rows in the middle step");
    static_assert(kPixels % kVec == 0, "a thread holds whole vectors of pixels");
    static_assert(!kPacked || (kLayout == kNCHW && kMask < kColumns), "only NCHW is permuted, within a row");
    static_assert(kLayout == kNCHW || kRows % 8 == 0, "HWC8 is read in vectors of 8 channels");

    // Neighbouring threads have neighbouring pixels in NCHW. In HWC8 they have neighbouring channels, as many columns as
    // fill the banks together with the pixels; so a warp has few columns in either, and all of them may be dead.
    static constexpr int kBeside = kLayout == kNCHW || kPixels >= 32 ? 1 : 32 / kPixels < kFewest ? 32 / kPixels : kFewest;

    static FWHT_HD constexpr int group_of(int thread) {
        return thread / kBeside % kGroups;
    }

    static FWHT_HD constexpr int column_of(int thread) {
        return thread / (kBeside * kGroups) * kBeside + thread % kBeside;
    }

    // Place of element (row, column) within its pixel. (Only `row` is divided: where it is known when this is compiled,
    // all places of a column are one address, or kMask + 1, with different offsets.)
    static FWHT_HD constexpr int slot(int row, int column) {
        return row * kColumns + row / kThreadRows * kGap + (column ^ (row / kThreadRows & kMask));
    }

    // The same for element m of the rows of a thread, counted row by row: again kMask + 1 addresses, as the permutation
    // moves a column only among its neighbours.
    static FWHT_HD constexpr int slot_of_rows(int thread, int m) {
        return thread * (kRows + kGap) + ((m & kMask) ^ (thread & kMask)) + (m & ~kMask);
    }

    // Channel, and coefficient, of element (row, column): any bijection that only reorders the bits will do, since
    // H_n is the same under it. In HWC8 the 8 channels of a vector are 8 rows of one column.
    static FWHT_HD constexpr int channel(int row, int column) {
        return column / kFewest * kRun + (kLayout == kNCHW ? row * kFewest + column % kFewest
                                                           : row / 8 * (8 * kFewest) + column % kFewest * 8 + row % 8);
    }

    static FWHT_HD constexpr int row_of_channel(int c) {
        return kLayout == kNCHW ? c % kRun / kFewest : c % kRun / (8 * kFewest) * 8 + c % 8;
    }

    static FWHT_HD constexpr int column_of_channel(int c) {
        return c / kRun * kFewest + (kLayout == kNCHW ? c : c / 8) % kFewest;
    }

    // The columns from 0 on that hold channels, where there are `channels`.
    static FWHT_HD constexpr int live_columns(int channels) {
        return (channels + kRun - 1) / kRun * kFewest;
    }
};

}  // namespace fwht
