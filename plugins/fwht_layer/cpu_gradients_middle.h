// The middle of the backward pass: the high bits of both transforms on the way in, the derivative of the threshold, the
// high bits of the way out. For one path, s = scale u, t = tanh(s) (soft: sgn(s)), r = max(|s| - T, 0), w the gradient
// of v, and open 1 where |s| > T, else 0:
//
//     dv/ds = (1 - t^2) r + |t| open        soft: open
//     gradient of u: w scale dv/ds          of T: -w t open          of scale: w u dv/ds
//
// At |s| = T and s = 0 these are the derivatives that PyTorch takes: 0. Included per instruction set.
#pragma once

#include "cpu_butterfly.h"
#include "cpu_threshold.h"
#include "cpu_tile.h"

namespace fwht {
namespace {

// A tile on the way back. `x` and `dx` have the same rows.
struct GradientTile {
    CpuTile x;     // X to u
    CpuTile dy;    // the gradient of Y, as the channels of a transform, to w
    CpuTile dx;    // the gradient of u to that of X
    float* sums;   // (2 or 1, paths, n, kLanes): of the thresholds' gradients, then of the scales'
    bool scaled;   // whether those of the scales are wanted
    bool shared;   // smooth, one path, all scales are 1: tanh once for coefficients that are equal
};

// The coefficients k, k + stride, k + 2 stride ... of one vector of pixels.
template <int kRadix, bool kSoft>
class CoefficientGradients {
  public:
    CoefficientGradients(const GradientTile& tile, int k, int stride, int distinct)
        : tile_(tile), k_(k), stride_(stride), distinct_(distinct), dc_(k == 0 && tile.x.layer.keep_dc != 0) {}

    // From u and w to the gradient of u. Rolled loops: what is between them stays in the first-level cache.
    void run(const Vector (&u)[kRadix], const Vector (&w)[kRadix], Vector (&du)[kRadix]) const {
        for (int q = 0; q < kRadix; ++q) {
            du[q] = splat(0.0f);
        }
        for (int path = 0; path < tile_.x.layer.paths; ++path) {
            add_path(path, u, w, du);
        }
        if (dc_) {
            du[0] = w[0];
        }
    }

  private:
    void add_path(int path, const Vector (&u)[kRadix], const Vector (&w)[kRadix], Vector (&du)[kRadix]) const {
        const FwhtLayerParams& layer = tile_.x.layer;
        const float* const thresholds = layer.thresholds + ptrdiff_t{path} * layer.n + k_;
        const float* const scale = layer.scale + ptrdiff_t{path} * layer.n + k_;
        float* sums = tile_.sums + (ptrdiff_t{path} * layer.n + ptrdiff_t{k_} * kRadix) * kLanes;
        const ptrdiff_t to_scale = ptrdiff_t{layer.paths} * layer.n * kLanes;
        Vector sign[kRadix];
        for (int q = 0; q < distinct_; ++q) {
            sign[q] = bend_sign<kSoft>(u[q] * splat(scale[ptrdiff_t{q} * stride_]));
        }
        for (int q = dc_ ? 1 : 0; q < kRadix; ++q) {
            const Vector factor = splat(scale[ptrdiff_t{q} * stride_]);
            const Vector threshold = splat(thresholds[ptrdiff_t{q} * stride_]);
            const Derivatives<kSoft> found(u[q] * factor, sign[q & (distinct_ - 1)], threshold);
            const Vector ws = w[q] * found.slope;
            du[q] = multiply_add(ws, factor, du[q]);
            float* const place = sums + q * kLanes;
            store(place, load(place) - w[q] * found.open);
            if (tile_.scaled) {
                store(place + to_scale, multiply_add(ws, u[q], load(place + to_scale)));
            }
        }
    }

    const GradientTile& tile_;
    const int k_;
    const int stride_;
    const int distinct_;  // values of u, a power of two: they repeat
    const bool dc_;
};

// Row k of every block: `in` blocks of X and `used` of the gradient of Y hold values, `in` are made.
template <int kRadix, bool kSoft>
void differentiate_middle(const GradientTile& tile, int stride, ptrdiff_t distance, int in, int used) {
    const Vector normalisation = splat(tile.x.normalisation);
    int distinct = kRadix;
    while (tile.shared && distinct / 2 >= in) {
        distinct /= 2;
    }
    for (int k = 0; k < stride; ++k) {
        float* const x = tile.x.rows + ptrdiff_t{k} * kLanes;
        const float* const dy = tile.dy.rows + ptrdiff_t{k} * kLanes;
        Vector u[kRadix];
        Vector w[kRadix];
        repeat<kRadix>([&](auto i) FWHT_UNROLLED {
            u[i] = i < in ? load(x + i * distance) * normalisation : splat(0.0f);
        });
        transform<kRadix>(u, OnAdders());
        repeat<kRadix>([&](auto i) FWHT_UNROLLED {
            w[i] = i < used ? load(dy + i * distance) * normalisation : splat(0.0f);
        });
        transform<kRadix>(w, OnAdders());
        Vector du[kRadix];
        CoefficientGradients<kRadix, kSoft>(tile, k, stride, distinct).run(u, w, du);
        transform<kRadix>(du, OnAdders());
        repeat<kRadix>([&](auto i) FWHT_UNROLLED {
            if (i < in) {
                store(x + i * distance, du[i]);
            }
        });
    }
}

}  // namespace
}  // namespace fwht
