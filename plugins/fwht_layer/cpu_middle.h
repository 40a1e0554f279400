// The middle of the layer: the high bits of the transform, the threshold, and the high bits of the way back, on values
// that stay in registers between. Row k of every block comes in and goes out again. Included per instruction set.
#pragma once

#include "cpu_butterfly.h"
#include "cpu_threshold.h"
#include "cpu_tile.h"

namespace fwht {
namespace {

enum class Bend {
    kShared,  // smooth, one path, all scales are 1: tanh once for coefficients that are equal
    kSmooth,
    kSoft,
};

// The coefficients k, k + stride, k + 2 stride ... of one vector of pixels.
template <int kRadix, int kIn, Bend kBend>
class Coefficients {
  public:
    FWHT_INLINE Coefficients(const CpuTile& tile, int k, int stride)
        : thresholds_(tile.layer.thresholds + k),
          scale_(tile.layer.scale + k),
          stride_(stride),
          paths_(tile.layer.paths),
          n_(tile.layer.n) {}

    // From u, of which there are kIn distinct values, to v. With fewer blocks than kRadix the values repeat.
    FWHT_INLINE void bend_all(const Vector (&u)[kIn], Vector (&v)[kRadix]) const {
        if (kBend == Bend::kShared) {
            Vector sign[kIn];
            Vector size[kIn];
            repeat<kIn>([&](auto i) FWHT_UNROLLED {
                sign[i] = smooth_sign(u[i]);
                size[i] = size_of(u[i]);
            });
            repeat<kRadix>([&](auto q) FWHT_UNROLLED {
                v[q] = sign[q % kIn] * excess(size[q % kIn], splat(thresholds_[q * stride_]));
            });
            return;
        }
        constexpr bool kSoft = kBend == Bend::kSoft;
        repeat<kRadix>([&](auto q) FWHT_UNROLLED {
            v[q] = bend<kSoft>(u[q % kIn] * splat(scale_[q * stride_]), splat(thresholds_[q * stride_]));
        });
        for (int path = 1; path < paths_; ++path) {
            const float* const thresholds = thresholds_ + path * n_;
            const float* const scale = scale_ + path * n_;
            repeat<kRadix>([&](auto q) FWHT_UNROLLED {
                v[q] = v[q] + bend<kSoft>(u[q % kIn] * splat(scale[q * stride_]), splat(thresholds[q * stride_]));
            });
        }
    }

  private:
    const float* const thresholds_;
    const float* const scale_;
    const ptrdiff_t stride_;
    const int paths_;
    const int n_;
};

// sum over q of v[q], v[q + kOut] and so on, in a tree, into the first kOut.
template <int kFrom, int kOut, int kRadix>
FWHT_INLINE void fold(Vector (&v)[kRadix]) {
    if (kFrom > kOut) {
        repeat<kFrom / 2>([&](auto i) FWHT_UNROLLED { v[i] = v[i] + v[i + kFrom / 2]; });
        fold<(kFrom > kOut ? kFrom / 2 : kOut), kOut>(v);
    }
}

// Blocks of `stride` rows, `width` pixels each, lie `distance` floats apart; `in` of them (kIn at most) hold values,
// `out` (kOut at most) are made.
template <int kRadix, int kIn, int kOut, Bend kBend>
void transform_middle(const CpuTile& tile, int stride, int width, ptrdiff_t distance, int in, int out) {
    const Vector one = hidden_one();
    const Vector normalisation = splat(tile.normalisation);
    const bool keep_dc = tile.layer.keep_dc != 0;
    for (int k = 0; k < stride; ++k) {
        const Coefficients<kRadix, kIn, kBend> coefficients(tile, k, stride);
        for (int at = 0; at < width; at += kLanes) {
            float* const rows = tile.rows + k * width + at;
            Vector u[kIn];
            repeat<kIn>([&](auto i) FWHT_UNROLLED {
                u[i] = i == 0 || i < in ? load(rows + i * distance) * normalisation : splat(0.0f);
            });
            transform<kIn>(u, one);
            Vector v[kRadix];
            coefficients.bend_all(u, v);
            if (k == 0 && keep_dc) {
                v[0] = u[0];
            }
            fold<kRadix, kOut>(v);
            transform<kOut>(v, one);
            repeat<kOut>([&](auto r) FWHT_UNROLLED {
                if (r == 0 || r < out) {
                    store(rows + r * distance, v[r]);
                }
            });
        }
    }
}

}  // namespace
}  // namespace fwht
