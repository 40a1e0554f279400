#include "plugin.h"

#include "kernel.h"

namespace fwht {
namespace {

using Input = Fwht2dInput;
using Value = Fwht2dValue;

LayerPlugin* make(const Op& op, const Values& values) { return new Fwht2dPlugin(op, values); }

const float* weight(const Run& run, int input) { return static_cast<const float*>(run.inputs[input]); }

// (extent + stride - 1) / stride
const nvinfer1::IDimensionExpr* output_extent_of(const nvinfer1::IDimensionExpr& extent, int stride,
                                                 nvinfer1::IExprBuilder& builder) {
    using Operation = nvinfer1::DimensionOperation;
    const auto* above = builder.operation(Operation::kSUM, extent, *builder.constant(stride - 1));
    return builder.operation(Operation::kFLOOR_DIV, *above, *builder.constant(stride));
}

bool are_known(const Shape* inputs) {
    for (const int axis : {1, 2, 3}) {
        if (inputs[Input::kX].at(axis) < 0) {
            return false;
        }
    }
    return inputs[Input::kThresholds].at(0) >= 0;
}

}  // namespace

Fwht2dPlugin::Fwht2dPlugin(const Op& op, const Values& values) : LayerPlugin(op, values) {}

LayerPlugin* Fwht2dPlugin::copy() const { return new Fwht2dPlugin(*this); }

void Fwht2dPlugin::check(const Shape* inputs, Format format) const {
    require_rank("X", inputs[Input::kX], 4, "(N, C, H, W)");
    check_weights(inputs);
    if (!are_known(inputs)) {
        return;
    }
    const Fwht2dParams p = sizes_of(inputs, format);
    if (const char* reason = check_fwht_2d_on_gpu(p)) {
        refuse(skip_op_name(reason), " (N = ", p.batch, ", C = ", p.channels, ", H = ", p.height, ", W = ", p.width,
               ", n = ", p.n, ", stride = ", p.stride, ")");
    }
}

void Fwht2dPlugin::check_weights(const Shape* inputs) const {
    for (const int input : {Input::kThresholds, Input::kScale, Input::kGain, Input::kBias}) {
        require_rank(op().inputs[input], inputs[input], 1, "a vector");
    }
    require_extent("scale", inputs[Input::kScale], 0, inputs[Input::kThresholds].at(0), "the number of thresholds");
    require_extent("gain", inputs[Input::kGain], 0, inputs[Input::kX].at(1), "C of X");
    require_extent("bias", inputs[Input::kBias], 0, inputs[Input::kX].at(1), "C of X");
}

int32_t Fwht2dPlugin::rows_of(int64_t thresholds) const {
    const int32_t paths = value(Value::kPaths);
    const int32_t n = thresholds % paths == 0 ? count_rows(thresholds / paths) : 0;
    if (n == 0) {
        refuse("there are ", thresholds, " thresholds; it must be n * n for each of ", paths, " paths, n at most ",
               static_cast<int>(kLargestSide));
    }
    return n;
}

Fwht2dParams Fwht2dPlugin::sizes_of(const Shape* inputs, Format format) const {
    Fwht2dParams p{};
    const Shape& x = inputs[Input::kX];
    p.batch = x.at(0) < 0 ? 0 : x.at(0);
    p.channels = narrow("C of X", x.at(1));
    p.height = narrow("H of X", x.at(2));
    p.width = narrow("W of X", x.at(3));
    p.n = rows_of(inputs[Input::kThresholds].at(0));
    p.stride = value(Value::kStride);
    p.keep_dc = value(Value::kKeepDc);
    p.activation = value(Value::kActivation);
    p.paths = value(Value::kPaths);
    p.soft = value(Value::kSoft);
    p.type = format.type;
    p.layout = format.layout;
    return p;
}

nvinfer1::DimsExprs Fwht2dPlugin::output_of(const nvinfer1::DimsExprs* inputs, nvinfer1::IExprBuilder& builder) const {
    nvinfer1::DimsExprs output(inputs[Input::kX]);
    const int stride = value(Value::kStride);
    for (const int axis : {2, 3}) {
        output.d[axis] = stride == 1 ? output.d[axis] : output_extent_of(*output.d[axis], stride, builder);
    }
    return output;
}

cudaError_t Fwht2dPlugin::launch(const Run& run) const {
    Fwht2dParams p = sizes_of(run.shapes, run.format);
    p.x = run.inputs[Input::kX];
    p.thresholds = weight(run, Input::kThresholds);
    p.scale = weight(run, Input::kScale);
    p.gain = weight(run, Input::kGain);
    p.bias = weight(run, Input::kBias);
    p.y = run.output;
    if (const char* reason = check_fwht_2d(p)) {  // of the addresses, which `check` does not know
        refuse(skip_op_name(reason));
    }
    return launch_fwht_2d(p, run.stream);
}

Fwht2dCreator::Fwht2dCreator() : LayerCreator(kFwht2d, make) {}

}  // namespace fwht
