// The 3x3 depthwise convolution between the two FWHT layers: lanes are neighbouring pixels of one channel, row after
// row. Included per instruction set.
#pragma once

#include "cpu_channel_window.h"
#include "cpu_plan.h"

namespace fwht {
namespace {

template <int kOperator, bool kSigned>
class CpuDepthwise {
  public:
    CpuDepthwise(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, const FwhtBottleneckUnit& unit,
                 const ColumnMasks& masks)
        : p_(p), plan_(plan), unit_(unit), masks_(masks) {
        const ptrdiff_t count = p.stride == 1 ? ptrdiff_t{unit.rows} * p.width : p.width;
        set_mask(masks.not_first, 0, count);
        set_mask(masks.not_last, p.width - 1, count);
    }

    // Planes from `begin` on, below `end`: channels of the unit's images, one after the other.
    void run(int64_t begin, int64_t end, const float* expanded, float* filtered) const {
        const ptrdiff_t first = plan_.lead + (ptrdiff_t{unit_.row} * p_.stride - unit_.input_row) * p_.width;
        (this->*choose())(Planes{begin, end, expanded + first, filtered});
    }

  private:
    typedef WindowTaps<kOperator, kSigned> Taps;

    struct Planes {
        int64_t begin;
        int64_t end;
        const float* x;  // pixel of the first output, in plane 0
        float* y;
    };

    typedef void (CpuDepthwise::*FilterPlanes)(const Planes&) const;

    // body(window, x, y) for each plane.
    template <typename Body>
    FWHT_INLINE void for_each(const Planes& planes, Body body) const {
        const ChannelWeights weights(p_);
        const ColumnMasks masks = masks_;
        const ptrdiff_t x_stride = plan_.expanded_stride;
        const ptrdiff_t y_stride = plan_.filtered_stride;
        const int64_t channels = p_.expand.out_channels;
        const int64_t end = planes.end;
        int64_t channel = planes.begin % channels;
        const float* x = planes.x + planes.begin * x_stride;
        float* y = planes.y + planes.begin * y_stride;
        for (int64_t plane = planes.begin; plane < end; ++plane) {
            body(ChannelWindow<Taps>(weights, masks, channel), x, y);
            x += x_stride;
            y += y_stride;
            channel = channel + 1 < channels ? channel + 1 : 0;
        }
    }

    FilterPlanes choose() const {
        if (p_.stride == 2) {
            return p_.width == kLanes ? &CpuDepthwise::filter_every_second_row : &CpuDepthwise::filter_every_second;
        }
        switch (kLanes % p_.width == 0 ? kLanes / p_.width : 0) {
            case 1: return &CpuDepthwise::filter_whole_rows<1, Taps::kRowVectors>;
            case 2: return &CpuDepthwise::filter_whole_rows<2, 2>;
            case 4: return &CpuDepthwise::filter_whole_rows<4, 1>;
            default: return &CpuDepthwise::filter;
        }
    }

    // A vector is kRows rows.
    template <int kRows, int kVectors>
    void filter_whole_rows(const Planes& planes) const {
        constexpr int kPitch = kLanes / kRows;
        const ptrdiff_t count = ptrdiff_t{unit_.rows} * kPitch;
        for_each(planes, [&](const ChannelWindow<Taps>& window, const float* x, float* y) FWHT_UNROLLED {
            ptrdiff_t at = 0;
            for (; at + (kVectors - 1) * kLanes < count; at += kVectors * kLanes) {
                Vector outputs[kVectors];
                window.template filter_rows<kRows>(x + at, kPitch, at, kLanes, outputs);
                repeat<kVectors>([&](auto i) FWHT_UNROLLED { store(y + at + i * kLanes, outputs[i]); });
            }
            for (; at < count; at += kLanes) {
                Vector outputs[1];
                window.template filter_rows<kRows>(x + at, kPitch, at, kLanes, outputs);
                store(y + at, outputs[0]);
            }
        });
    }

    // A row of input is a vector: two rows of output are one.
    void filter_every_second_row(const Planes& planes) const {
        const int rows = unit_.rows;
        for_each(planes, [&](const ChannelWindow<Taps>& window, const float* x, float* y) FWHT_UNROLLED {
            for (int row = 0; row < rows; row += 2) {
                Vector outputs[2];
                if (row + 1 < rows) {
                    window.template filter_rows<2>(x, kLanes, 0, 0, outputs);
                } else {
                    Vector last[1];
                    window.template filter_rows<2>(x, kLanes, 0, 0, last);
                    outputs[0] = outputs[1] = last[0];
                }
                store(y, even_lanes(outputs[0], outputs[1]));
                x += 4 * kLanes;
                y += kLanes;
            }
        });
    }

    // The last vector may reach beyond the plane.
    void filter(const Planes& planes) const {
        constexpr int kVectors = Taps::kVectors;
        const ptrdiff_t count = ptrdiff_t{unit_.rows} * p_.width;
        for_each(planes, [&](const ChannelWindow<Taps>& window, const float* x, float* y) FWHT_UNROLLED {
            ptrdiff_t at = 0;
            for (; at + (kVectors - 1) * kLanes < count; at += kVectors * kLanes) {
                Vector outputs[kVectors];
                window.filter(x + at, at, outputs);
                repeat<kVectors>([&](auto i) FWHT_UNROLLED { store(y + at + i * kLanes, outputs[i]); });
            }
            if (at < count) {
                Vector outputs[1];
                window.filter(x + at, at, outputs);
                store(y + at, outputs[0]);
            }
        });
    }

    // A row of outputs reaches beyond its end, where the next row is written afterwards.
    void filter_every_second(const Planes& planes) const {
        const ptrdiff_t width = p_.width;
        const ptrdiff_t out_width = bottleneck_out_size(p_.width, p_.stride);
        const int rows = unit_.rows;
        for_each(planes, [&](const ChannelWindow<Taps>& window, const float* x, float* y) FWHT_UNROLLED {
            for (int row = 0; row < rows; ++row) {
                for (ptrdiff_t at = 0; at < width; at += 2 * kLanes) {
                    if (at + kLanes < width) {
                        Vector outputs[2];
                        window.filter(x + at, at, outputs);
                        store(y + at / 2, even_lanes(outputs[0], outputs[1]));
                    } else {
                        Vector outputs[1];
                        window.filter(x + at, at, outputs);
                        store(y + at / 2, even_lanes(outputs[0], outputs[0]));
                    }
                }
                x += 2 * width;
                y += out_width;
            }
        });
    }

    void set_mask(float* mask, int column, ptrdiff_t count) const {
        for (ptrdiff_t at = 0; at < count; at += p_.width) {
            for (int i = 0; i < p_.width; ++i) {
                const uint32_t bits = i == column ? 0u : 0xffffffffu;
                __builtin_memcpy(mask + at + i, &bits, sizeof(bits));
            }
        }
    }

    const FwhtBottleneckParams& p_;
    const FwhtBottleneckCpuPlan& plan_;
    const FwhtBottleneckUnit& unit_;
    const ColumnMasks masks_;
};

}  // namespace
}  // namespace fwht
