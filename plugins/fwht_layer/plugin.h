// FWHTLayer, and with a residual FWHTLayerAdd, for TensorRT: version 1, version 2 with paths and the soft threshold, and
// version 3 with blocks.
#pragma once

#include "../tensorrt/layer_creator.h"
#include "op.h"

namespace fwht {

class FwhtLayerPlugin final : public LayerPlugin {
public:
    FwhtLayerPlugin(const Op& op, const Values& values);

private:
    LayerPlugin* copy() const override;
    void check(const Shape* inputs, Format format) const override;
    nvinfer1::DimsExprs output_of(const nvinfer1::DimsExprs* inputs, nvinfer1::IExprBuilder& builder) const override;
    cudaError_t launch(const Run& run) const override;

    void check_weights(const Shape* inputs) const;
    void check_residual(const Shape* inputs) const;
    int32_t value_or_default(int place) const;
    FwhtLayerParams sizes_of(const Shape* inputs, Format format) const;
};

class FwhtLayerCreator final : public LayerCreator {
public:
    FwhtLayerCreator();
};

class FwhtLayer2Creator final : public LayerCreator {
public:
    FwhtLayer2Creator();
};

class FwhtLayerAddCreator final : public LayerCreator {
public:
    FwhtLayerAddCreator();
};

class FwhtLayerAdd2Creator final : public LayerCreator {
public:
    FwhtLayerAdd2Creator();
};

class FwhtLayer3Creator final : public LayerCreator {
public:
    FwhtLayer3Creator();
};

class FwhtLayerAdd3Creator final : public LayerCreator {
public:
    FwhtLayerAdd3Creator();
};

}  // namespace fwht
