// The rules a launch of the FWHT layer must keep, for the kernel and for the plugin, which knows sizes before addresses.
#pragma once

#include "params.h"

namespace fwht {

// Null where all is well, else the sentence that says what is wrong. An empty batch is well: it launches nothing.
const char* check_fwht_layer(const FwhtLayerParams& params);

// The same without the addresses.
const char* check_fwht_layer_sizes(const FwhtLayerParams& params);

}  // namespace fwht
