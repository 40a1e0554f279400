// What makes a layer from the attributes of an ONNX node, or from an engine file. Null, and one line in TensorRT's log,
// where that cannot be.
#pragma once

#include <NvInferRuntime.h>

#include <string>
#include <vector>

#include "layer_plugin.h"

namespace fwht {

class LayerCreator : public nvinfer1::IPluginCreator {
public:
    using Make = LayerPlugin* (*)(const Op&, const Values&);

    LayerCreator(const Op& op, Make make);

    const char* getPluginName() const noexcept final;
    const char* getPluginVersion() const noexcept final;
    const nvinfer1::PluginFieldCollection* getFieldNames() noexcept final;
    nvinfer1::IPluginV2* createPlugin(const char* name, const nvinfer1::PluginFieldCollection* fields) noexcept final;
    nvinfer1::IPluginV2* deserializePlugin(const char* name, const void* data, size_t length) noexcept final;
    void setPluginNamespace(const char* name) noexcept final;
    const char* getPluginNamespace() const noexcept final;

private:
    nvinfer1::IPluginV2* make_plugin(const Values& values) const;

    const Op& op_;  // static
    const Make make_;
    std::vector<nvinfer1::PluginField> fields_;  // the attributes that TensorRT's ONNX parser passes on
    nvinfer1::PluginFieldCollection collection_;
    std::string namespace_;
};

}  // namespace fwht
