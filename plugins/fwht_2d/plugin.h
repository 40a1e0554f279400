// FWHT2D for TensorRT.
#pragma once

#include "../tensorrt/layer_creator.h"
#include "op.h"

namespace fwht {

class Fwht2dPlugin final : public LayerPlugin {
public:
    Fwht2dPlugin(const Op& op, const Values& values);

private:
    LayerPlugin* copy() const override;
    void check(const Shape* inputs, Format format) const override;
    nvinfer1::DimsExprs output_of(const nvinfer1::DimsExprs* inputs, nvinfer1::IExprBuilder& builder) const override;
    cudaError_t launch(const Run& run) const override;

    void check_weights(const Shape* inputs) const;
    int32_t rows_of(int64_t thresholds) const;
    Fwht2dParams sizes_of(const Shape* inputs, Format format) const;
};

class Fwht2dCreator final : public LayerCreator {
public:
    Fwht2dCreator();
};

}  // namespace fwht
