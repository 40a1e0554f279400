// The attributes of an ONNX node, as TensorRT hands them to a creator.
#pragma once

#include <NvInferRuntime.h>

#include "op.h"

namespace fwht {

// By name, with type, number and range checked; what is missing and not required takes its default. Fields of other
// names (plugin_version, attributes that only the function body reads) are passed over. `fields` may be null.
Values read_attributes(const Op& op, const nvinfer1::PluginFieldCollection* fields);

}  // namespace fwht
