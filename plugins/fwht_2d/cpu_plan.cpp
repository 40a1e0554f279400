#include "cpu_plan.h"

namespace fwht {
namespace {

constexpr int64_t kMostParts = 64;

int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

}  // namespace

Fwht2dCpuPlan plan_fwht_2d(const Fwht2dParams& p, int lanes) {
    Fwht2dCpuPlan plan{};
    const int64_t side = side_of(p);
    const int64_t group = group_of(side_of(p));
    plan.maps = p.batch * p.channels;
    plan.items = (plan.maps + group - 1) / group;
    plan.parts = plan.items < kMostParts ? plan.items : kMostParts;
    const int64_t period = larger(side * side, lanes);
    const int64_t weights = 2 * period * p.paths;
    const int64_t row = 2 * (p.n + int64_t{lanes});  // of sums over windows
    plan.scratch_bytes = (group * side * side + weights + row) * int64_t{sizeof(float)};
    return plan;
}

}  // namespace fwht
