// Between the transforms in training: the threshold, and its derivative, on maps that lie one after the other. With u
// the coefficients of X, s = scale u, w those of Y's gradient, t = tanh(s) (soft: sgn(s)), r = max(|s| - T, 0), and open
// 1 where |s| > T, else 0, of each path:
//
//     v = t r        dv/ds = (1 - t^2) r + |t| open        soft: open
//     gradient of u: w scale dv/ds          of T: -w t open          of scale: w u dv/ds
//
// At |s| = T and s = 0 these are the derivatives that PyTorch takes: 0. A tile has u and w without the factor 1 / n of
// the transforms: one of them is in the scales, the others come at the end. Included per instruction set.
#pragma once

#include "../fwht_layer/cpu_threshold.h"
#include "cpu_passes.h"

namespace fwht {
namespace {

// Weights and sums lie as the maps do, `period` floats a path; those of maps that share a vector are there for each.
struct TrainingWeights {
    const float* limits;
    const float* scales;  // times `factor`
    float* limit_sums;    // of w t open
    float* scale_sums;    // of w u dv/ds
    int period;
    int area;       // of a map
    bool keep_dc;
    float factor;  // 1 / n
};

// A stretch of a tile: `periods` times `period` floats, of which `maps` maps hold values.
struct Stretch {
    float* a;  // u, then the gradient of u
    float* b;  // v, or w
    int periods;
    int maps;
};

// b = the thresholded a of the paths `first` to `last` - 1, summed up; or that is added to b.
template <bool kSoft>
void bend_stretch(const TrainingWeights& w, const Stretch& to, int first, int last, bool add) {
    const auto dc = [&](int map) { return (add ? to.b[map * w.area] : 0.0f) + to.a[map * w.area] * w.factor; };
    float kept[kLanes];
    for (int map = 0; map < to.maps && w.keep_dc; ++map) {
        kept[map] = dc(map);
    }
    for (int i = 0; i < to.periods; ++i) {
        for (int at = 0; at < w.period; at += kLanes) {
            const int place = i * w.period + at;
            const Vector u = load(to.a + place);
            Vector sum = add ? load(to.b + place) : splat(0.0f);
            for (int path = first; path < last; ++path) {
                const int own = path * w.period + at;
                sum = sum + bend<kSoft>(u * load(w.scales + own), load(w.limits + own));
            }
            store(to.b + place, sum);
        }
    }
    for (int map = 0; map < to.maps && w.keep_dc; ++map) {
        to.b[map * w.area] = kept[map];
    }
}

// a = the gradient of a by the paths `first` to `last` - 1, from b, whose sums are added up.
template <bool kSoft>
void differentiate_stretch(const TrainingWeights& w, const Stretch& to, int first, int last) {
    for (int i = 0; i < to.periods; ++i) {
        for (int at = 0; at < w.period; at += kLanes) {
            const int place = i * w.period + at;
            const Vector u = load(to.a + place);
            const Vector dv = load(to.b + place);
            Vector du = splat(0.0f);
            for (int path = first; path < last; ++path) {
                const int own = path * w.period + at;
                const Vector scale = load(w.scales + own);
                const Vector s = u * scale;
                const Derivatives<kSoft> found(s, bend_sign<kSoft>(s), load(w.limits + own));
                const Vector ds = dv * found.slope;
                du = multiply_add(ds, scale, du);
                store(w.limit_sums + own, multiply_add(dv, found.open, load(w.limit_sums + own)));
                store(w.scale_sums + own, multiply_add(ds, u, load(w.scale_sums + own)));
            }
            store(to.a + place, du);
        }
    }
    for (int map = 0; map < to.maps && w.keep_dc; ++map) {
        to.a[map * w.area] = to.b[map * w.area] * w.factor;
    }
}

}  // namespace
}  // namespace fwht
