// MFDepthwiseConv for TensorRT.
#pragma once

#include "../tensorrt/layer_creator.h"
#include "op.h"
#include "params.h"

namespace fwht {

class MfDepthwiseConvPlugin final : public LayerPlugin {
public:
    MfDepthwiseConvPlugin(const Op& op, const Values& values);

private:
    LayerPlugin* copy() const override;
    void check(const Shape* inputs, Format format) const override;
    nvinfer1::DimsExprs output_of(const nvinfer1::DimsExprs* inputs, nvinfer1::IExprBuilder& builder) const override;
    cudaError_t launch(const Run& run) const override;

    void check_weights(const Shape* inputs) const;
    int output_extent(const char* axis, int extent, int window, int pads, int stride) const;
    MfDepthwiseConvParams sizes_of(const Shape* inputs, Format format) const;
};

class MfDepthwiseConvCreator final : public LayerCreator {
public:
    MfDepthwiseConvCreator();
};

}  // namespace fwht
