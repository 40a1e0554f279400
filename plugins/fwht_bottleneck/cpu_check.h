// Which parameters a run of a bottleneck takes.
#pragma once

#include <string>

#include "params.h"

namespace fwht {

// Empty where nothing is wrong, else a sentence. An empty batch is valid.
std::string check_fwht_bottleneck(const FwhtBottleneckParams& params);

}  // namespace fwht
