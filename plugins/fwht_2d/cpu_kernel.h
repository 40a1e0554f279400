// The two-dimensional FWHT layer, float32 in layout NCHW, a group of maps at a time: transform, threshold, transform.
// Included per instruction set.
#pragma once

#include <cstring>

#include "../fwht_layer/cpu_threshold.h"
#include "cpu_passes.h"
#include "cpu_plan.h"
#include "cpu_rows.h"
#include "cpu_weights.h"

namespace fwht {
namespace {

template <int kSide>
class CpuMaps {
  public:
    CpuMaps(const Fwht2dParams& p, const Fwht2dCpuPlan& plan, void* scratch)
        : p_(p),
          plan_(plan),
          factor_(1.0f / static_cast<float>(p.n)),
          rows_(out_height_of(p)),
          columns_(out_width_of(p)),
          tile_(static_cast<float*>(scratch)),
          limits_(tile_ + kGroup * kArea),
          scales_(limits_ + int64_t{p.paths} * kPeriod),
          row_(scales_ + int64_t{p.paths} * kPeriod) {
        lay_out_weights<kSide>(p, p.thresholds, limits_, 1.0f);
        lay_out_weights<kSide>(p, p.scale, scales_, factor_);
    }

    // Groups `first` to `last` - 1.
    void run(int64_t first, int64_t last) {
        for (int64_t group = first; group < last; ++group) {
            const int64_t map = group * kGroup;
            const int64_t left = plan_.maps - map;
            run_group(map, static_cast<int>(left < kGroup ? left : kGroup));
        }
    }

  private:
    static constexpr int kArea = kSide * kSide;
    static constexpr int kGroup = group_of(kSide);
    static constexpr int kPeriod = kArea > kLanes ? kArea : kLanes;  // small maps share a vector
    static constexpr int kVectors = kPeriod / kLanes;
    static constexpr int kBlock = kVectors < kBlockVectors ? kVectors : kBlockVectors;
    static constexpr int kStages = log_of(kArea < kLanes ? kArea : kLanes);

    void run_group(int64_t map, int count) {
        const int periods = (count * kArea + kPeriod - 1) / kPeriod;
        const ptrdiff_t vectors = ptrdiff_t{periods} * kVectors;
        const int64_t size = int64_t{p_.height} * p_.width;
        const float* const x = static_cast<const float*>(p_.x) + map * size;
        const bool whole = p_.stride == 1 && size == kArea && count * kArea == periods * kPeriod;
        if (!whole) {
            read_maps(x, (plan_.maps - map) * size, count);
        }
        run_low_pass<kBlock, kStages>(whole ? x : tile_, tile_, vectors, AsItIs());
        HighPasses<kBlock, kVectors>::run(tile_, vectors);
        if (p_.soft != 0) {
            bend_all<true>(periods, count);
        } else {
            bend_all<false>(periods, count);
        }
        HighPasses<kBlock, kVectors>::run(tile_, vectors);
        write_maps(map, count, vectors);
    }

    void read_maps(const float* x, int64_t left, int count) {
        const RowReader reader{x, left};
        for (int map = 0; map < count; ++map) {
            for (int i = 0; i < kSide; ++i) {
                read_row(reader, int64_t{map} * p_.height * p_.width, i, tile_ + map * kArea + i * kSide);
            }
        }
        for (int i = count * kArea; i < kGroup * kArea; ++i) {  // the rest of a vector that maps share
            tile_[i] = 0.0f;
        }
    }

    // Row i of the tile: that of the map, or the sums of its windows.
    void read_row(const RowReader& reader, int64_t map, int i, float* to) {
        const int stride = p_.stride;
        const int first = i * stride;
        const int last = first + stride < p_.height ? first + stride : p_.height;
        if (first >= last) {
            for (int j = 0; j < kSide; ++j) {
                to[j] = 0.0f;
            }
            return;
        }
        float* const sums = stride == 1 ? to : row_;
        reader.copy<kSide>(map + int64_t{first} * p_.width, p_.width, sums, stride);
        for (int row = first + 1; row < last; ++row) {
            reader.add(map + int64_t{row} * p_.width, p_.width, sums);
        }
        if (stride == 4) {
            add_neighbours(row_, row_ + p_.n, 2 * kSide);
            add_neighbours(row_ + p_.n, to, kSide);
        } else if (stride == 2) {
            add_neighbours(row_, to, kSide);
        }
    }

    template <bool kSoft>
    void bend_all(int periods, int count) {
        float dc[kGroup] = {};
        for (int map = 0; map < count; ++map) {
            dc[map] = tile_[map * kArea] * factor_;
        }
        for (int at = 0; at < kPeriod; at += kLanes) {
            if (p_.paths == 1) {
                const Vector scale = load(scales_ + at);
                const Vector limit = load(limits_ + at);
                for (int i = 0; i < periods; ++i) {
                    float* const place = tile_ + i * kPeriod + at;
                    store(place, bend<kSoft>(load(place) * scale, limit));
                }
            } else {
                for (int i = 0; i < periods; ++i) {
                    add_paths<kSoft>(tile_ + i * kPeriod + at, at);
                }
            }
        }
        if (p_.keep_dc != 0) {
            for (int map = 0; map < count; ++map) {
                tile_[map * kArea] = dc[map];
            }
        }
    }

    template <bool kSoft>
    FWHT_INLINE void add_paths(float* place, int at) {
        const Vector u = load(place);
        Vector sum = bend<kSoft>(u * load(scales_ + at), load(limits_ + at));
        for (int path = 1; path < p_.paths; ++path) {
            const int own = path * kPeriod + at;
            sum = sum + bend<kSoft>(u * load(scales_ + own), load(limits_ + own));
        }
        store(place, sum);
    }

    MapEnd end_of(int64_t map) const {
        const int64_t channel = map % p_.channels;
        return MapEnd(p_.gain[channel], p_.bias[channel], factor_, p_.activation);
    }

    void write_maps(int64_t map, int count, ptrdiff_t vectors) {
        const int size = rows_ * columns_;
        float* const y = static_cast<float*>(p_.y) + map * size;
        if (kArea % kLanes != 0) {  // maps share vectors
            run_low_pass<kBlock, kStages>(tile_, tile_, vectors, AsItIs());
        }
        for (int i = 0; i < count; ++i) {
            float* const tile = tile_ + i * kArea;
            const MapEnd end = end_of(map + i);
            if (kArea % kLanes == 0) {
                run_low_pass<kBlock, kStages>(tile, size == kArea ? y + i * kArea : tile, kVectors, end);
            } else {
                end.finish(tile, kArea);
            }
            if (size != kArea || kArea % kLanes != 0) {
                write_map(tile, y + i * size);
            }
        }
    }

    // A row may be written with what lies behind it in the tile, as long as the next row is written over that.
    void write_map(const float* tile, float* y) const {
        const int size = rows_ * columns_;
        for (int at = 0; at < size; at += columns_, tile += kSide) {
            if (at + kSide <= size) {
                std::memcpy(y + at, tile, kSide * sizeof(float));
            } else {
                std::memcpy(y + at, tile, static_cast<size_t>(columns_) * sizeof(float));
            }
        }
    }

    const Fwht2dParams& p_;
    const Fwht2dCpuPlan& plan_;
    const float factor_;
    const int rows_;     // of Y
    const int columns_;
    float* const tile_;
    float* const limits_;
    float* const scales_;
    float* const row_;
};

template <int kSide>
void run_maps(const Fwht2dParams& p, const Fwht2dCpuPlan& plan, int64_t part, void* scratch) {
    CpuMaps<kSide>(p, plan, scratch).run(part * plan.items / plan.parts, (part + 1) * plan.items / plan.parts);
}

void run_fwht_2d_part(const Fwht2dParams& p, const Fwht2dCpuPlan& plan, int64_t part, void* scratch) {
    switch (side_of(p)) {
        case 1: return run_maps<1>(p, plan, part, scratch);
        case 2: return run_maps<2>(p, plan, part, scratch);
        case 4: return run_maps<4>(p, plan, part, scratch);
        case 8: return run_maps<8>(p, plan, part, scratch);
        case 16: return run_maps<16>(p, plan, part, scratch);
        case 32: return run_maps<32>(p, plan, part, scratch);
        case 64: return run_maps<64>(p, plan, part, scratch);
        default: return run_maps<128>(p, plan, part, scratch);
    }
}

}  // namespace
}  // namespace fwht
