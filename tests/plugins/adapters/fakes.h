// Stand-ins for what the adapters lean on: TensorRT's logger, its dimension expressions, the kernels.
#pragma once

#include <NvInfer.h>

#include <deque>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "../../../plugins/fwht_2d/params.h"
#include "../../../plugins/fwht_layer/params.h"
#include "../../../plugins/mf_depthwise_conv/params.h"

// What was logged since the last call.
std::vector<std::string> logged();
std::string logged_line();  // refuses to be any number but one
void have_logger(bool there);

struct Launches {
    std::vector<std::pair<fwht::FwhtLayerParams, cudaStream_t>> fwht;
    std::vector<std::pair<fwht::MfDepthwiseConvParams, cudaStream_t>> mf;
    std::vector<std::pair<fwht::Fwht2dParams, cudaStream_t>> maps;
};
Launches launched();  // since the last call
void let_launches_return(cudaError_t error);

// Dimension expressions that hold a constant or a text.
using Extent = decltype(std::declval<nvinfer1::IDimensionExpr>().getConstantValue());

class Expression : public nvinfer1::IDimensionExpr {
public:
    explicit Expression(Extent value);
    explicit Expression(std::string text);
    std::string text() const;

private:
    struct Body : nvinfer1::apiv::VDimensionExpr {
        bool isConstant() const override { return constant; }
        Extent getConstantValue() const override { return value; }
        bool isSizeTensor() const { return false; }  // an override from TensorRT 10 on
        bool constant = false;
        Extent value = 0;
        std::string text;
    };
    Body body_;
};

class Builder : public nvinfer1::IExprBuilder {
public:
    Builder();
    // Negative extents are unknown and become the letters N, C, H, W by place.
    nvinfer1::DimsExprs shape(std::initializer_list<int> extents);

private:
    struct Body : nvinfer1::apiv::VExprBuilder {
        const nvinfer1::IDimensionExpr* constant(Extent value) override;
        const nvinfer1::IDimensionExpr* operation(nvinfer1::DimensionOperation op,
                                                  const nvinfer1::IDimensionExpr& first,
                                                  const nvinfer1::IDimensionExpr& second) override;
        const nvinfer1::IDimensionExpr* declareSizeTensor(int32_t, const nvinfer1::IDimensionExpr&,
                                                          const nvinfer1::IDimensionExpr&) {
            return nullptr;
        }
        std::deque<Expression> made;
    };
    Body body_;
};

std::string text_of(const nvinfer1::DimsExprs& shape);  // "N 160 H W"

nvinfer1::PluginTensorDesc tensor(std::initializer_list<int> extents,
                                  nvinfer1::DataType type = nvinfer1::DataType::kFLOAT,
                                  nvinfer1::TensorFormat format = nvinfer1::TensorFormat::kLINEAR);
std::vector<nvinfer1::DynamicPluginTensorDesc> dynamic(const std::vector<nvinfer1::PluginTensorDesc>& tensors);
