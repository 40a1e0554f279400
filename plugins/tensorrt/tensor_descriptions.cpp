#include "tensor_descriptions.h"

namespace fwht {

using nvinfer1::PluginTensorDesc;
using nvinfer1::TensorFormat;

Shape shape_of(const nvinfer1::Dims& dims) {
    Shape shape{kUnknown, {}};
    if (dims.nbDims > 0 && dims.nbDims <= kMaxRank) {
        shape.rank = dims.nbDims;
        for (int axis = 0; axis < dims.nbDims; ++axis) {
            const int64_t extent = dims.d[axis];
            shape.extents[axis] = extent < 0 ? kUnknown : extent;
        }
    }
    return shape;
}

Shape shape_of(const nvinfer1::DimsExprs& dims) {
    Shape shape{kUnknown, {}};
    if (dims.nbDims >= 0 && dims.nbDims <= kMaxRank) {
        shape.rank = dims.nbDims;
        for (int axis = 0; axis < dims.nbDims; ++axis) {
            const nvinfer1::IDimensionExpr* extent = dims.d[axis];
            const bool known = extent != nullptr && extent->isConstant();
            shape.extents[axis] = known ? extent->getConstantValue() : kUnknown;
        }
    }
    return shape;
}

bool is_supported(const PluginTensorDesc& tensor) {
    if (tensor.type == nvinfer1::DataType::kFLOAT) {
        return tensor.format == TensorFormat::kLINEAR;
    }
    return tensor.type == nvinfer1::DataType::kHALF &&
           (tensor.format == TensorFormat::kLINEAR || tensor.format == TensorFormat::kHWC8);
}

Format format_of(const PluginTensorDesc& tensor) {
    if (!is_supported(tensor)) {
        refuse("a tensor has TensorRT's type ", static_cast<int>(tensor.type), " in format ",
               static_cast<int>(tensor.format), "; float32 linear, float16 linear and float16 HWC8 are taken");
    }
    return Format{tensor.type == nvinfer1::DataType::kHALF ? kFloat16 : kFloat32,
                  tensor.format == TensorFormat::kHWC8 ? kHWC8 : kNCHW};
}

}  // namespace fwht
