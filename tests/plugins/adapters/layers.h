// Layers to try, made by their creators as TensorRT makes them.
#pragma once

#include <memory>

#include "../../../plugins/fwht_2d/plugin.h"
#include "../../../plugins/fwht_layer/plugin.h"
#include "../../../plugins/mf_depthwise_conv/plugin.h"
#include "check.h"
#include "fakes.h"

struct Destroy {
    void operator()(nvinfer1::IPluginV2* plugin) const { plugin->destroy(); }
};
using Layer = std::unique_ptr<nvinfer1::IPluginV2DynamicExt, Destroy>;

inline Layer layer_of(nvinfer1::IPluginV2* plugin) {
    return Layer(static_cast<nvinfer1::IPluginV2DynamicExt*>(plugin));
}

struct Field {
    const char* name;
    std::vector<int32_t> integers;
};

// Null where the creator refuses.
inline Layer created(nvinfer1::IPluginCreator& creator, const std::vector<Field>& attributes) {
    std::vector<nvinfer1::PluginField> fields;
    for (const Field& attribute : attributes) {
        fields.emplace_back(attribute.name, attribute.integers.data(), nvinfer1::PluginFieldType::kINT32,
                            static_cast<int32_t>(attribute.integers.size()));
    }
    const nvinfer1::PluginFieldCollection collection{static_cast<int32_t>(fields.size()), fields.data()};
    return layer_of(creator.createPlugin("blocks.17.expand", &collection));
}

inline Layer fwht_layer(const std::vector<Field>& more = {}) {
    fwht::FwhtLayerCreator creator;
    std::vector<Field> fields{{"out_channels", {160}}};
    fields.insert(fields.end(), more.begin(), more.end());
    return created(creator, fields);
}

inline Layer fwht_layer_add() {
    fwht::FwhtLayerAddCreator creator;
    return created(creator, {{"out_channels", {160}}, {"activation", {6}}});
}

// Version 2, the one with paths and the soft threshold.
inline Layer fwht_layer_2(int paths, int soft, const std::vector<Field>& more = {}) {
    fwht::FwhtLayer2Creator creator;
    std::vector<Field> fields{{"out_channels", {160}}, {"paths", {paths}}, {"soft", {soft}}};
    fields.insert(fields.end(), more.begin(), more.end());
    return created(creator, fields);
}

// Version 3, the one with blocks.
inline Layer fwht_layer_3(int block, const std::vector<Field>& more = {}) {
    fwht::FwhtLayer3Creator creator;
    std::vector<Field> fields{{"out_channels", {160}}, {"block", {block}}};
    fields.insert(fields.end(), more.begin(), more.end());
    return created(creator, fields);
}

inline Layer mf_depthwise_conv(int stride, int pad, int group = 32) {
    fwht::MfDepthwiseConvCreator creator;
    return created(creator, {{"strides", {stride, stride}},
                             {"pads", {pad, pad, pad, pad}},
                             {"group", {group}},
                             {"operator", {2}},
                             {"activation", {1}}});
}

using Tensors = std::vector<nvinfer1::PluginTensorDesc>;

// X (10, 960, 4, 4) -> Y (10, 160, 4, 4), the tensors of FWHTLayer and, with R, of FWHTLayerAdd.
inline Tensors fwht_tensors(nvinfer1::DataType type = nvinfer1::DataType::kFLOAT,
                            nvinfer1::TensorFormat format = nvinfer1::TensorFormat::kLINEAR, bool residual = false) {
    Tensors tensors{tensor({10, 960, 4, 4}, type, format), tensor({1024}), tensor({1024}), tensor({160}),
                    tensor({160})};
    if (residual) {
        tensors.push_back(tensor({10, 160, 4, 4}, type, format));
    }
    tensors.push_back(tensor({10, 160, 4, 4}, type, format));
    return tensors;
}

// X (10, 32, 9, 7), a window of 3 -> Y for a stride of 2 and pads of 1.
inline Tensors mf_tensors(nvinfer1::DataType type = nvinfer1::DataType::kFLOAT,
                          nvinfer1::TensorFormat format = nvinfer1::TensorFormat::kLINEAR) {
    return {tensor({10, 32, 9, 7}, type, format), tensor({32, 1, 3, 3}), tensor({32}), tensor({32}),
            tensor({10, 32, 5, 4}, type, format)};
}

// The i-th input has the address base + i, the output base + 100. `tensors` are all inputs, then the output.
// Where a run's tensors lie: any two apart, each as aligned as the kernels want it.
enum : int { kStep = 16, kOutput = 160 };

inline int enqueued(nvinfer1::IPluginV2DynamicExt& layer, const Tensors& tensors, char* base = nullptr,
                    cudaStream_t stream = nullptr) {
    std::vector<const void*> inputs;
    for (size_t i = 0; i + 1 < tensors.size(); ++i) {
        inputs.push_back(base + kStep * i);
    }
    void* outputs[] = {base + kOutput};
    return layer.enqueue(tensors.data(), &tensors.back(), inputs.data(), outputs, nullptr, stream);
}

inline std::string serialised(const nvinfer1::IPluginV2& layer) {
    std::string bytes(layer.getSerializationSize(), '?');
    layer.serialize(&bytes[0]);
    return bytes;
}
