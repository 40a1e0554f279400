// A run of a kernel on several threads, without ONNX Runtime.
#pragma once

#include <cstdint>
#include <functional>

#include "team.h"

namespace fwht {

void set_team(FwhtTeam* team);

// run(part, scratch) for all parts, taken in turn by up to `threads` threads. False where memory is out.
bool run_parts(int64_t parts, int64_t bytes, int threads, const std::function<void(int64_t, void*)>& run);

}  // namespace fwht
