// The low bits of both transforms, one block of kA * kB rows at a time: a pass of radix kA over rows kB apart, and one
// of radix kB over neighbouring rows. A block stays in the first-level cache between its two passes. Included per
// instruction set.
#pragma once

#include "cpu_butterfly.h"
#include "cpu_tile.h"

namespace fwht {
namespace {

// In place on kRadix rows that lie kStep rows apart.
template <int kRadix, int kStep, int kWidth>
FWHT_INLINE void transform_rows(float* rows, const OnMultipliers& unit) {
    for (int at = 0; at < kWidth; at += kLanes) {
        Vector values[kRadix];
        repeat<kRadix>([&](auto i) FWHT_UNROLLED { values[i] = load(rows + i * kStep * kWidth + at); });
        transform<kRadix>(values, unit);
        repeat<kRadix>([&](auto i) FWHT_UNROLLED { store(rows + i * kStep * kWidth + at, values[i]); });
    }
}

// Asks for the next block's rows of X, of which the ones from `first` on lie kB rows apart. In a large map every row is
// in a page of its own, where no hardware looks ahead.
template <int kA, int kB, int kWidth>
FWHT_INLINE void prefetch_rows(const CpuTile& tile, int first) {
    constexpr int kLine = 16;  // floats
    if (first + (kA - 1) * kB < tile.layer.in_channels) {
        const float* const x = tile.x + first * tile.x_stride;
        repeat<kA>([&](auto i) FWHT_UNROLLED {
            for (int at = 0; at < kWidth; at += kLine) {
                __builtin_prefetch(x + i * kB * tile.x_stride + at, 0, 2);
            }
        });
    }
}

// X to the rows of this block. Channels from in_channels on are zeros.
template <int kA, int kB, int kWidth>
void transform_in(const CpuTile& tile, int block, ptrdiff_t distance) {
    const OnMultipliers unit;
    const int first = block * kA * kB;
    const int in_channels = tile.layer.in_channels;
    float* const rows = tile.rows + block * distance;
    for (int b = 0; b < kB; ++b) {
        const float* const x = tile.x + (first + b) * tile.x_stride;
        const int present = (in_channels - first - b + kB - 1) / kB;  // of the kA channels
        if (kWidth > kLanes) {
            prefetch_rows<kA, kB, kWidth>(tile, first + kA * kB + b);
        }
        for (int at = 0; at < kWidth; at += kLanes) {
            Vector values[kA];
            if (present >= kA) {
                repeat<kA>([&](auto i) FWHT_UNROLLED { values[i] = load(x + i * kB * tile.x_stride + at); });
            } else {
                repeat<kA>([&](auto i) FWHT_UNROLLED {
                    values[i] = i < present ? load(x + i * kB * tile.x_stride + at) : splat(0.0f);
                });
            }
            transform<kA>(values, unit);
            repeat<kA>([&](auto i) FWHT_UNROLLED { store(rows + (i * kB + b) * kWidth + at, values[i]); });
        }
    }
    if (kB > 1) {
        for (int a = 0; a < kA; ++a) {
            transform_rows<kB, 1, kWidth>(rows + a * kB * kWidth, unit);
        }
    }
}

// The rows of this block to Y, as far as there are channels; or back into the rows where they are to be pooled.
template <int kA, int kB, int kWidth>
void transform_out(const CpuTile& tile, int block, ptrdiff_t distance) {
    const OnMultipliers unit;
    int first = block * kA * kB;
    float* const rows = tile.rows + block * distance;
    if (kB > 1) {
        for (int a = 0; a < kA; ++a) {
            transform_rows<kB, 1, kWidth>(rows + a * kB * kWidth, unit);
        }
    }
    if (tile.layer.pool > 1) {
        for (int b = 0; b < kB; ++b) {
            transform_rows<kA, kB, kWidth>(rows + b * kWidth, unit);
        }
        return;
    }
    const End end(tile, 1.0f);
    const int left = tile.layer.out_channels - first;
    for (int b = 0; b < kB && b < left; ++b) {
        const int present = (left - b + kB - 1) / kB;
        for (int at = 0; at < kWidth; at += kLanes) {
            Vector values[kA];
            repeat<kA>([&](auto i) FWHT_UNROLLED { values[i] = load(rows + (i * kB + b) * kWidth + at); });
            transform<kA>(values, unit);
            repeat<kA>([&](auto i) FWHT_UNROLLED {
                if (i < present) {
                    end.write(first + i * kB + b, at, values[i]);
                }
            });
        }
    }
}

// Y from the means of `pool` neighbouring rows each. Blocks of `block` rows lie `distance` floats apart.
template <int kWidth>
void pool_rows(const CpuTile& tile, int block, ptrdiff_t distance) {
    const int pool = tile.layer.pool;
    const End end(tile, 1.0f / static_cast<float>(pool));
    for (int channel = 0; channel < tile.layer.out_channels; ++channel) {
        for (int at = 0; at < kWidth; at += kLanes) {
            Vector sum = splat(0.0f);
            for (int row = channel * pool; row < (channel + 1) * pool; ++row) {
                sum = sum + load(tile.rows + row / block * distance + row % block * kWidth + at);
            }
            end.write(channel, at, sum);
        }
    }
}

}  // namespace
}  // namespace fwht
