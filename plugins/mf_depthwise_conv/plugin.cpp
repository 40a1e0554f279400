#include "plugin.h"

#include "kernel.h"

namespace fwht {
namespace {

using Input = MfDepthwiseConvInput;
using Value = MfDepthwiseConvValue;

LayerPlugin* make(const Op& op, const Values& values) { return new MfDepthwiseConvPlugin(op, values); }

bool are_known(const Shape* inputs) {
    for (const int axis : {1, 2, 3}) {
        if (inputs[Input::kX].at(axis) < 0) {
            return false;
        }
    }
    return inputs[Input::kWeight].at(2) >= 0 && inputs[Input::kWeight].at(3) >= 0;
}

// (extent + pads - window) / stride + 1
const nvinfer1::IDimensionExpr* output_extent_of(const nvinfer1::IDimensionExpr& extent, int pads,
                                                 const nvinfer1::IDimensionExpr& window, int stride,
                                                 nvinfer1::IExprBuilder& builder) {
    using Operation = nvinfer1::DimensionOperation;
    const auto* padded = builder.operation(Operation::kSUM, extent, *builder.constant(pads));
    const auto* room = builder.operation(Operation::kSUB, *padded, window);
    const auto* steps = builder.operation(Operation::kFLOOR_DIV, *room, *builder.constant(stride));
    return builder.operation(Operation::kSUM, *steps, *builder.constant(1));
}

}  // namespace

MfDepthwiseConvPlugin::MfDepthwiseConvPlugin(const Op& op, const Values& values) : LayerPlugin(op, values) {}

LayerPlugin* MfDepthwiseConvPlugin::copy() const { return new MfDepthwiseConvPlugin(*this); }

void MfDepthwiseConvPlugin::check(const Shape* inputs, Format format) const {
    require_rank("X", inputs[Input::kX], 4, "(N, C, H, W)");
    check_weights(inputs);
    if (!are_known(inputs)) {
        return;
    }
    const MfDepthwiseConvParams p = sizes_of(inputs, format);
    for (const auto rule : {mf_check::choices, mf_check::sizes, mf_check::output_sizes}) {
        if (const char* reason = rule(p)) {
            refuse(reason, " (X is ", p.batch, "x", p.channels, "x", p.height, "x", p.width, ", kernel_size = ",
                   p.kernel_size, ", strides = ", p.stride_h, " ", p.stride_w, ", pads = ", value(Value::kPadTop), " ",
                   value(Value::kPadLeft), " ", value(Value::kPadBottom), " ", value(Value::kPadRight), ")");
        }
    }
}

void MfDepthwiseConvPlugin::check_weights(const Shape* inputs) const {
    const int group = value(Value::kGroup);
    const Shape& weight = inputs[Input::kWeight];
    require_rank("W", weight, 4, "(C, 1, k, k)");
    require_rank("gain", inputs[Input::kGain], 1, "(C,)");
    require_rank("bias", inputs[Input::kBias], 1, "(C,)");
    require_extent("X", inputs[Input::kX], 1, group, "the attribute group");
    require_extent("W", weight, 0, group, "the attribute group");
    require_extent("W", weight, 1, 1, "one channel");
    require_extent("W", weight, 3, weight.at(2), "the height of the window");
    require_extent("gain", inputs[Input::kGain], 0, group, "the attribute group");
    require_extent("bias", inputs[Input::kBias], 0, group, "the attribute group");
}

int MfDepthwiseConvPlugin::output_extent(const char* axis, int extent, int window, int pads, int stride) const {
    const int64_t padded = int64_t{extent} + pads;
    if (padded < window) {
        refuse(axis, " of X is ", extent, " and ", padded, " with the pads; the window needs at least ", window);
    }
    return static_cast<int>((padded - window) / stride + 1);
}

MfDepthwiseConvParams MfDepthwiseConvPlugin::sizes_of(const Shape* inputs, Format format) const {
    MfDepthwiseConvParams p{};
    const Shape& x = inputs[Input::kX];
    p.batch = x.at(0) > 0 ? x.at(0) : 1;  // not known yet, or empty: nothing depends on it
    p.channels = narrow("C of X", x.at(1));
    p.height = narrow("H of X", x.at(2));
    p.width = narrow("W of X", x.at(3));
    p.kernel_size = narrow("k", inputs[Input::kWeight].at(2));
    p.stride_h = value(Value::kStrideH);
    p.stride_w = value(Value::kStrideW);
    p.pad_top = value(Value::kPadTop);
    p.pad_left = value(Value::kPadLeft);
    const int rows_added = p.pad_top + value(Value::kPadBottom);
    const int columns_added = p.pad_left + value(Value::kPadRight);
    p.out_height = output_extent("H", p.height, p.kernel_size, rows_added, p.stride_h);
    p.out_width = output_extent("W", p.width, p.kernel_size, columns_added, p.stride_w);
    p.op = value(Value::kOperator);
    p.activation = value(Value::kActivation);
    p.type = format.type;
    p.layout = format.layout;
    return p;
}

nvinfer1::DimsExprs MfDepthwiseConvPlugin::output_of(const nvinfer1::DimsExprs* inputs,
                                                     nvinfer1::IExprBuilder& builder) const {
    const nvinfer1::DimsExprs& weight = inputs[Input::kWeight];
    nvinfer1::DimsExprs output(inputs[Input::kX]);
    output.d[2] = output_extent_of(*output.d[2], value(Value::kPadTop) + value(Value::kPadBottom), *weight.d[2],
                                   value(Value::kStrideH), builder);
    output.d[3] = output_extent_of(*output.d[3], value(Value::kPadLeft) + value(Value::kPadRight), *weight.d[3],
                                   value(Value::kStrideW), builder);
    return output;
}

cudaError_t MfDepthwiseConvPlugin::launch(const Run& run) const {
    MfDepthwiseConvParams p = sizes_of(run.shapes, run.format);
    p.x = run.inputs[Input::kX];
    p.weight = static_cast<const float*>(run.inputs[Input::kWeight]);
    p.gain = static_cast<const float*>(run.inputs[Input::kGain]);
    p.bias = static_cast<const float*>(run.inputs[Input::kBias]);
    p.y = run.output;
    if (const char* reason = mf_check::pointers(p)) {
        refuse(reason);
    }
    return launch_mf_depthwise_conv(p, run.stream);
}

MfDepthwiseConvCreator::MfDepthwiseConvCreator() : LayerCreator(kMfDepthwiseConv, make) {}

}  // namespace fwht
