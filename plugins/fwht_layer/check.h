// The rules a launch of the FWHT layer must keep, for the kernel and for the plugin, which knows sizes before addresses.
#pragma once

#include "params.h"

namespace fwht {

// Null where nothing is wrong, else a sentence that says what is. An empty batch is valid: it launches nothing.
const char* check_fwht_layer(const FwhtLayerParams& params);

// The same without the addresses.
const char* check_fwht_layer_sizes(const FwhtLayerParams& params);

}  // namespace fwht
