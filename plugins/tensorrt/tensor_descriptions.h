// TensorRT's descriptions of tensors in the terms of our kernels.
#pragma once

#include <NvInferRuntime.h>

#include "layer_plugin.h"

namespace fwht {

// Extents that TensorRT does not know yet are kUnknown. Dims counts in int32_t up to TensorRT 8, in int64_t from 10 on.
Shape shape_of(const nvinfer1::Dims& dims);

// What is constant while a network is built; the rest is kUnknown.
Shape shape_of(const nvinfer1::DimsExprs& dims);

// float32 linear, float16 linear or float16 HWC8.
bool is_supported(const nvinfer1::PluginTensorDesc& tensor);
Format format_of(const nvinfer1::PluginTensorDesc& tensor);

}  // namespace fwht
