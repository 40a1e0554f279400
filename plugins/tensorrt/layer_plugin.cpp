#include "layer_plugin.h"

#include <utility>

#include "tensor_descriptions.h"
#include "exception_guard.h"
#include "serialisation.h"

namespace fwht {

using nvinfer1::DimsExprs;
using nvinfer1::DynamicPluginTensorDesc;
using nvinfer1::PluginTensorDesc;

namespace {

void require_tensors(const Op& op, int inputs, int outputs) {
    if (inputs != op.input_count || outputs != 1) {
        refuse("the node has ", inputs, " inputs and ", outputs, " outputs; ", op.input_count, " and 1 are needed");
    }
}

bool same_format(const PluginTensorDesc& a, const PluginTensorDesc& b) {
    return a.type == b.type && a.format == b.format;
}

}  // namespace

template <typename Result, typename Body>
Result LayerPlugin::run_logging_errors(Result failure, Body body) const noexcept {
    return run_guarded(failure, body, [this](const char* sentence) { error_log_->log_once(op_.name, sentence); });
}

LayerPlugin::LayerPlugin(const Op& op, Values values)
    : op_(op), values_(std::move(values)), error_log_(std::make_shared<ErrorLog>()) {
    check_values(op_, values_);
}

const char* LayerPlugin::getPluginType() const noexcept { return op_.name; }
const char* LayerPlugin::getPluginVersion() const noexcept { return op_.version; }
int32_t LayerPlugin::getNbOutputs() const noexcept { return 1; }
int32_t LayerPlugin::initialize() noexcept { return 0; }
void LayerPlugin::terminate() noexcept {}
void LayerPlugin::destroy() noexcept { delete this; }
const char* LayerPlugin::getPluginNamespace() const noexcept { return namespace_.c_str(); }
size_t LayerPlugin::getSerializationSize() const noexcept { return serialised_size(op_); }
void LayerPlugin::serialize(void* buffer) const noexcept { serialise(op_, values_, buffer); }

void LayerPlugin::setPluginNamespace(const char* name) noexcept {
    run_logging_errors(0, [&] {
        namespace_ = name == nullptr ? "" : name;
        return 0;
    });
}

nvinfer1::IPluginV2DynamicExt* LayerPlugin::clone() const noexcept {
    return run_logging_errors<LayerPlugin*>(nullptr, [this] { return copy(); });
}

nvinfer1::DataType LayerPlugin::getOutputDataType(int32_t, const nvinfer1::DataType* types, int32_t) const noexcept {
    return types[0];
}

DimsExprs LayerPlugin::getOutputDimensions(int32_t, const DimsExprs* inputs, int32_t count,
                                           nvinfer1::IExprBuilder& builder) noexcept {
    // A shape that cannot be becomes a scalar, which whatever follows refuses.
    return run_logging_errors(DimsExprs{}, [&] {
        require_tensors(op_, count, 1);
        Shape shapes[kMaxInputs];
        for (int i = 0; i < count; ++i) {
            shapes[i] = shape_of(inputs[i]);
        }
        check(shapes, Format{kFloat32, kNCHW});
        return output_of(inputs, builder);
    });
}

bool LayerPlugin::supportsFormatCombination(int32_t place, const PluginTensorDesc* tensors, int32_t input_count,
                                            int32_t output_count) noexcept {
    return run_logging_errors(false, [&] {
        require_tensors(op_, input_count, output_count);
        // With the last tensor all shapes are there. No format for what cannot run: the build then fails.
        return takes_format(place, tensors) && (place < op_.input_count || takes_shapes(tensors));
    });
}

void LayerPlugin::configurePlugin(const DynamicPluginTensorDesc* inputs, int32_t input_count,
                                  const DynamicPluginTensorDesc*, int32_t output_count) noexcept {
    run_logging_errors(0, [&] {
        require_tensors(op_, input_count, output_count);
        Shape shapes[kMaxInputs];
        for (int i = 0; i < input_count; ++i) {
            shapes[i] = shape_of(inputs[i].desc.dims);
        }
        check(shapes, format_of(inputs[0].desc));
        return 0;
    });
}

size_t LayerPlugin::getWorkspaceSize(const PluginTensorDesc*, int32_t, const PluginTensorDesc*,
                                     int32_t) const noexcept {
    return 0;
}

int32_t LayerPlugin::enqueue(const PluginTensorDesc* input_descs, const PluginTensorDesc* output_descs,
                             const void* const* inputs, void* const* outputs, void*, cudaStream_t stream) noexcept {
    return run_logging_errors(1, [&] {
        run(input_descs, output_descs[0], inputs, outputs[0], stream);
        return 0;
    });
}

bool LayerPlugin::is_data(int place) const { return place == 0 || place == op_.residual || place == op_.input_count; }

bool LayerPlugin::takes_format(int place, const PluginTensorDesc* tensors) const {
    const PluginTensorDesc& tensor = tensors[place];
    if (!is_data(place)) {
        return tensor.type == nvinfer1::DataType::kFLOAT && tensor.format == nvinfer1::TensorFormat::kLINEAR;
    }
    return place == 0 ? is_supported(tensor) : same_format(tensor, tensors[0]);
}

bool LayerPlugin::takes_shapes(const PluginTensorDesc* tensors) const {
    Shape shapes[kMaxInputs];
    for (int i = 0; i < op_.input_count; ++i) {
        shapes[i] = shape_of(tensors[i].dims);
    }
    check(shapes, Format{kFloat32, kNCHW});
    // A shape that only another layout does not take is no error: TensorRT goes on with that one.
    return run_guarded(
        false,
        [&] {
            check(shapes, format_of(tensors[0]));
            return true;
        },
        [](const char*) {});
}

void LayerPlugin::run(const PluginTensorDesc* input_descs, const PluginTensorDesc& output_desc,
                      const void* const* inputs, void* output, cudaStream_t stream) const {
    Shape shapes[kMaxInputs];
    for (int i = 0; i < op_.input_count; ++i) {
        shapes[i] = shape_of(input_descs[i].dims);
    }
    if (!same_format(input_descs[0], output_desc)) {
        refuse("X and Y differ in type or format");
    }
    const Run run{shapes, format_of(input_descs[0]), inputs, output, stream};
    check(shapes, run.format);
    if (shapes[0].at(0) == 0) {
        return;  // an empty batch, which no kernel can be launched for
    }
    const cudaError_t error = launch(run);
    if (error != cudaSuccess) {
        refuse("the launch failed: ", cudaGetErrorString(error), " (CUDA error ", static_cast<int>(error), ")");
    }
}

}  // namespace fwht
