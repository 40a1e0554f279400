#include "cpu_training.h"

#include "check.h"

namespace fwht {
namespace {

constexpr int64_t kMostParts = 64;
constexpr int64_t kMostSums = int64_t{1} << 22;  // floats of all parts together: 16 MiB
constexpr int kGap = 16;        // floats: one line of the cache
constexpr int kLargeMap = 256;  // pixels; maps of so many begin in different sets of the cache by a gap behind each

int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Sums that lie m x m, m = n / stride, to every stride-th row and column; the others have no effect, and no gradient.
void add_up(const Fwht2dTrainingParams& p, const Fwht2dTrainingPlan& plan, const float* partial, float* total) {
    const int side = p.n / p.stride;
    for (int64_t i = 0; i < int64_t{p.paths} * p.n * p.n; ++i) {
        total[i] = 0.0f;
    }
    for (int64_t part = 0; part < plan.parts; ++part) {
        const float* from = partial + part * plan.sums;
        for (int64_t row = 0; row < int64_t{p.paths} * side; ++row) {
            for (int column = 0; column < side; ++column) {
                total[row * p.stride * p.n + column * p.stride] += *from++;
            }
        }
    }
}

}  // namespace

const char* check_fwht_2d_training(const Fwht2dTrainingParams& p) {
    if ((p.apart != 0 && p.apart != 1) || (p.bfloat16 != 0 && p.bfloat16 != 1)) {
        return "FWHT2D: apart and bfloat16 must be 0 or 1";
    }
    Fwht2dParams same{};
    same.batch = p.batch;
    same.channels = p.channels;
    same.height = p.height;
    same.width = p.width;
    same.n = p.n;
    same.stride = p.stride;
    same.keep_dc = p.keep_dc;
    same.paths = p.paths;
    same.soft = p.soft;
    const char* const wrong = check_fwht_2d_sizes(same);
    if (wrong == nullptr && p.apart != 0 && p.channels > 2147483647 / kMost2dPaths) {
        return "FWHT2D: X must have fewer than 2^31 channels";
    }
    return wrong;
}

Fwht2dTrainingPlan plan_fwht_2d_training(const Fwht2dTrainingParams& p, int lanes) {
    const int side = p.n / p.stride;
    const int area = side * side;
    const int64_t period = larger(area, lanes);
    Fwht2dTrainingPlan plan{};
    plan.distance = area < kLargeMap ? area : area + kGap;
    plan.blocks = (p.channels - 1) / lanes + 1;
    plan.items = p.batch * plan.blocks;
    plan.sums = 2 * int64_t{p.paths} * area;
    plan.parts = smaller(smaller(plan.items, kMostParts), larger(kMostSums / plan.sums, 1));
    const int64_t tile = int64_t{lanes} * plan.distance + kGap;
    // two tiles; thresholds and scales as they lie in a tile, and the sums of their gradients
    plan.scratch_bytes = (2 * tile + 4 * period * p.paths) * int64_t{sizeof(float)};
    return plan;
}

void add_up_fwht_2d_gradients(const Fwht2dTrainingParams& params, const Fwht2dTrainingPlan& plan,
                              const float* partial) {
    add_up(params, plan, partial, params.thresholds_gradient);
    add_up(params, plan, partial + plan.sums / 2, params.scale_gradient);
}

}  // namespace fwht
