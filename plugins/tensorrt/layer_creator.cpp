#include "layer_creator.h"

#include "plugin_fields.h"
#include "exception_guard.h"
#include "serialisation.h"

namespace fwht {
namespace {

template <typename Body>
nvinfer1::IPluginV2* make_guarded(const Op& op, const char* layer, Body body) noexcept {
    return run_guarded<nvinfer1::IPluginV2*>(nullptr, body, [&](const char* sentence) {
        log_error(layer == nullptr || *layer == '\0' ? op.name : layer, sentence);
    });
}

}  // namespace

LayerCreator::LayerCreator(const Op& op, Make make) : op_(op), make_(make) {
    for (int i = 0; i < op.attribute_count; ++i) {
        const Attribute& attribute = op.attributes[i];
        fields_.emplace_back(attribute.name, nullptr, nvinfer1::PluginFieldType::kINT32, attribute.count);
    }
    collection_ = {static_cast<int32_t>(fields_.size()), fields_.data()};
}

const char* LayerCreator::getPluginName() const noexcept { return op_.name; }
const char* LayerCreator::getPluginVersion() const noexcept { return op_.version; }
const nvinfer1::PluginFieldCollection* LayerCreator::getFieldNames() noexcept { return &collection_; }
const char* LayerCreator::getPluginNamespace() const noexcept { return namespace_.c_str(); }

nvinfer1::IPluginV2* LayerCreator::createPlugin(const char* name,
                                                const nvinfer1::PluginFieldCollection* fields) noexcept {
    return make_guarded(op_, name, [&] { return make_plugin(read_attributes(op_, fields)); });
}

nvinfer1::IPluginV2* LayerCreator::deserializePlugin(const char* name, const void* data, size_t length) noexcept {
    return make_guarded(op_, name, [&] { return make_plugin(deserialise(op_, data, length)); });
}

void LayerCreator::setPluginNamespace(const char* name) noexcept {
    run_guarded(
        0,
        [&] {
            namespace_ = name == nullptr ? "" : name;
            return 0;
        },
        [this](const char* sentence) { log_error(op_.name, sentence); });
}

nvinfer1::IPluginV2* LayerCreator::make_plugin(const Values& values) const {
    LayerPlugin* plugin = make_(op_, values);
    plugin->setPluginNamespace(namespace_.c_str());
    return plugin;
}

}  // namespace fwht
