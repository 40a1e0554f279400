// A layer of ours for TensorRT 8.2 to 11: one output, no workspace, the weights among the inputs. What both ops share
// lies here: every override that TensorRT calls, and the guard that no exception passes. An op adds the three private
// functions at the end, which may refuse.
//
// Nothing changes after construction but the namespace, so that clones run in any number of contexts and streams.
#pragma once

#include <NvInferRuntime.h>

#include <memory>
#include <string>

#include "../host_device.h"
#include "error_log.h"
#include "op.h"
#include "shape.h"

namespace fwht {

// How X, R and Y lie in memory.
struct Format {
    int type;    // DataType
    int layout;  // Layout
};

// One run of a layer. The shapes are those of the inputs.
struct Run {
    const Shape* shapes;
    Format format;
    const void* const* inputs;
    void* output;
    cudaStream_t stream;
};

class LayerPlugin : public nvinfer1::IPluginV2DynamicExt {
public:
    const char* getPluginType() const noexcept final;
    const char* getPluginVersion() const noexcept final;
    int32_t getNbOutputs() const noexcept final;
    int32_t initialize() noexcept final;
    void terminate() noexcept final;
    void destroy() noexcept final;
    void setPluginNamespace(const char* name) noexcept final;
    const char* getPluginNamespace() const noexcept final;
    size_t getSerializationSize() const noexcept final;
    void serialize(void* buffer) const noexcept final;
    nvinfer1::IPluginV2DynamicExt* clone() const noexcept final;

    nvinfer1::DataType getOutputDataType(int32_t index, const nvinfer1::DataType* types,
                                         int32_t count) const noexcept final;
    nvinfer1::DimsExprs getOutputDimensions(int32_t index, const nvinfer1::DimsExprs* inputs, int32_t count,
                                            nvinfer1::IExprBuilder& builder) noexcept final;
    bool supportsFormatCombination(int32_t place, const nvinfer1::PluginTensorDesc* tensors, int32_t input_count,
                                   int32_t output_count) noexcept final;
    void configurePlugin(const nvinfer1::DynamicPluginTensorDesc* inputs, int32_t input_count,
                         const nvinfer1::DynamicPluginTensorDesc* outputs, int32_t output_count) noexcept final;
    size_t getWorkspaceSize(const nvinfer1::PluginTensorDesc* inputs, int32_t input_count,
                            const nvinfer1::PluginTensorDesc* outputs, int32_t output_count) const noexcept final;
    int32_t enqueue(const nvinfer1::PluginTensorDesc* input_descs, const nvinfer1::PluginTensorDesc* output_descs,
                    const void* const* inputs, void* const* outputs, void* workspace,
                    cudaStream_t stream) noexcept final;

protected:
    // Refuses values that the op does not allow.
    LayerPlugin(const Op& op, Values values);
    LayerPlugin(const LayerPlugin&) = default;

    int32_t value(int place) const { return values_[static_cast<size_t>(place)]; }
    const Op& op() const { return op_; }

private:
    virtual LayerPlugin* copy() const = 0;
    // Refuses shapes that the op does not take, as far as they are known.
    virtual void check(const Shape* inputs, Format format) const = 0;
    virtual nvinfer1::DimsExprs output_of(const nvinfer1::DimsExprs* inputs,
                                          nvinfer1::IExprBuilder& builder) const = 0;
    // One kernel; what check() says holds.
    virtual cudaError_t launch(const Run& run) const = 0;

    bool is_data(int place) const;
    bool takes_format(int place, const nvinfer1::PluginTensorDesc* tensors) const;
    bool takes_shapes(const nvinfer1::PluginTensorDesc* tensors) const;
    void run(const nvinfer1::PluginTensorDesc* input_descs, const nvinfer1::PluginTensorDesc& output_desc,
             const void* const* inputs, void* output, cudaStream_t stream) const;

    template <typename Result, typename Body>
    Result run_logging_errors(Result failure, Body body) const noexcept;

    const Op& op_;  // static
    const Values values_;
    std::string namespace_;
    std::shared_ptr<ErrorLog> error_log_;  // shared with the clones
};

}  // namespace fwht
