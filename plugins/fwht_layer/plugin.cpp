#include "plugin.h"

#include "kernel.h"

namespace fwht {
namespace {

using Input = FwhtLayerInput;
using Value = FwhtLayerValue;

LayerPlugin* make(const Op& op, const Values& values) { return new FwhtLayerPlugin(op, values); }

const float* weight(const Run& run, int input) { return static_cast<const float*>(run.inputs[input]); }

// H * W, or one pixel as long as it is not known: the rules then say what else is wrong.
int64_t pixels_of(const Shape& x) {
    const int64_t height = x.at(2);
    const int64_t width = x.at(3);
    return height < 0 || width < 0 ? 1 : narrow("H of X", height) * int64_t{narrow("W of X", width)};
}

int32_t length_of_path(int64_t thresholds, int32_t paths) {
    if (thresholds % paths != 0) {
        refuse("there are ", thresholds, " thresholds, which ", paths, " paths cannot share");
    }
    return narrow("the number of thresholds", thresholds) / paths;
}

}  // namespace

FwhtLayerPlugin::FwhtLayerPlugin(const Op& op, const Values& values) : LayerPlugin(op, values) {}

LayerPlugin* FwhtLayerPlugin::copy() const { return new FwhtLayerPlugin(*this); }

void FwhtLayerPlugin::check(const Shape* inputs, Format format) const {
    require_rank("X", inputs[Input::kX], 4, "(N, C_in, H, W)");
    check_weights(inputs);
    check_residual(inputs);
    if (inputs[Input::kX].at(1) < 0 || inputs[Input::kThresholds].at(0) < 0) {
        return;
    }
    const FwhtLayerParams p = sizes_of(inputs, format);
    if (const char* reason = check_fwht_layer_sizes(p)) {
        refuse(skip_op_name(reason), " (C_in = ", p.in_channels, ", n = ", p.n, ", out_channels = ", p.out_channels,
               ", pool = ", p.pool, ", block = ", p.block, ", N = ", p.batch, ", H * W = ", p.pixels, ")");
    }
}

void FwhtLayerPlugin::check_weights(const Shape* inputs) const {
    for (const int input : {Input::kThresholds, Input::kScale, Input::kGain, Input::kBias}) {
        require_rank(op().inputs[input], inputs[input], 1, "a vector");
    }
    require_extent("scale", inputs[Input::kScale], 0, inputs[Input::kThresholds].at(0),
                   value_or_default(Value::kPaths) == 1 ? "n, the number of thresholds"
                                                        : "paths n, the number of thresholds");
    require_extent("gain", inputs[Input::kGain], 0, value(Value::kOutChannels), "out_channels");
    require_extent("bias", inputs[Input::kBias], 0, value(Value::kOutChannels), "out_channels");
}

void FwhtLayerPlugin::check_residual(const Shape* inputs) const {
    if (op().residual == kNone) {
        return;
    }
    const Shape& x = inputs[Input::kX];
    const Shape& residual = inputs[Input::kResidual];
    require_rank("R", residual, 4, "(N, out_channels, H, W)");
    require_extent("R", residual, 0, x.at(0), "N of X");
    require_extent("R", residual, 1, value(Value::kOutChannels), "out_channels");
    require_extent("R", residual, 2, x.at(2), "H of X");
    require_extent("R", residual, 3, x.at(3), "W of X");
}

// Of an attribute that version 1 does not have; each of them is one value.
int32_t FwhtLayerPlugin::value_or_default(int place) const {
    return place < op().attribute_count ? value(place) : op().attributes[place].fallback;
}

FwhtLayerParams FwhtLayerPlugin::sizes_of(const Shape* inputs, Format format) const {
    FwhtLayerParams p{};
    p.batch = inputs[Input::kX].at(0) < 0 ? 0 : inputs[Input::kX].at(0);
    p.pixels = pixels_of(inputs[Input::kX]);
    p.in_channels = narrow("C_in of X", inputs[Input::kX].at(1));
    p.paths = value_or_default(Value::kPaths);
    p.soft = value_or_default(Value::kSoft);
    p.block = value_or_default(Value::kBlock);
    p.n = length_of_path(inputs[Input::kThresholds].at(0), p.paths);
    p.out_channels = value(Value::kOutChannels);
    p.pool = value(Value::kPool);
    p.keep_dc = value(Value::kKeepDc);
    p.activation = value(Value::kActivation);
    p.type = format.type;
    p.layout = format.layout;
    return p;
}

nvinfer1::DimsExprs FwhtLayerPlugin::output_of(const nvinfer1::DimsExprs* inputs,
                                               nvinfer1::IExprBuilder& builder) const {
    nvinfer1::DimsExprs output(inputs[Input::kX]);
    output.d[1] = builder.constant(value(Value::kOutChannels));
    return output;
}

cudaError_t FwhtLayerPlugin::launch(const Run& run) const {
    FwhtLayerParams p = sizes_of(run.shapes, run.format);
    p.x = run.inputs[Input::kX];
    p.thresholds = weight(run, Input::kThresholds);
    p.scale = weight(run, Input::kScale);
    p.gain = weight(run, Input::kGain);
    p.bias = weight(run, Input::kBias);
    p.residual = op().residual == kNone ? nullptr : run.inputs[Input::kResidual];
    p.y = run.output;
    if (const char* reason = check_fwht_layer(p)) {  // of the addresses, which `check` does not know
        refuse(skip_op_name(reason));
    }
    return launch_fwht_layer(p, run.stream);
}

FwhtLayerCreator::FwhtLayerCreator() : LayerCreator(kFwhtLayer, make) {}
FwhtLayer2Creator::FwhtLayer2Creator() : LayerCreator(kFwhtLayer2, make) {}
FwhtLayerAddCreator::FwhtLayerAddCreator() : LayerCreator(kFwhtLayerAdd, make) {}
FwhtLayerAdd2Creator::FwhtLayerAdd2Creator() : LayerCreator(kFwhtLayerAdd2, make) {}
FwhtLayer3Creator::FwhtLayer3Creator() : LayerCreator(kFwhtLayer3, make) {}
FwhtLayerAdd3Creator::FwhtLayerAdd3Creator() : LayerCreator(kFwhtLayerAdd3, make) {}

}  // namespace fwht
