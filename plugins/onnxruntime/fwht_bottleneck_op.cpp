// FWHTBottleneck: from tensors and attributes to the CPU kernel's parameters.
#include "../cpu/instruction_sets.h"
#include "../fwht_bottleneck/cpu_check.h"
#include "../fwht_bottleneck/cpu_run.h"
#include "../fwht_bottleneck/op.h"
#include "op.h"

namespace fwht {
namespace ort {
namespace {

using Input = FwhtBottleneckInput;
using Place = FwhtBottleneckValue;

constexpr Op kOp = kFwhtBottleneck;
constexpr Op kTimedOp = kFwhtBottleneckTimed;

FwhtLayerParams layer_of(int32_t out_channels, const int32_t* values) {
    FwhtLayerParams layer{};
    layer.out_channels = out_channels;
    layer.keep_dc = values[0];
    layer.activation = values[1];
    layer.paths = values[2];
    layer.soft = values[3];
    layer.pool = 1;
    layer.type = kFloat32;
    layer.layout = kNCHW;
    return layer;
}

// Whether all scales of a layer are 1, which is asked once where they are constants.
class Scales {
  public:
    explicit Scales(const Tensor& constant)
        : scales_(constant.data),
          unscaled_(scales_ != nullptr && constant.shape.size() == 1 && is_unscaled(scales_, constant.shape[0])) {}

    bool are_unscaled(const FwhtLayerParams& p) const {
        return p.scale == scales_ ? unscaled_ : is_unscaled(p.scale, int64_t{p.paths} * p.n);
    }

  private:
    const float* const scales_;
    const bool unscaled_;
};

class FwhtBottleneckKernel : public Kernel {
  public:
    FwhtBottleneckKernel(const Values& values, const Constants& constants, bool timed)
        : timed_(timed),
          expand_(constants[Input::kExpandScale]),
          project_(constants[Input::kProjectScale]),
          attributes_() {
        attributes_.expand = layer_of(values[Place::kHiddenChannels], &values[Place::kExpandKeepDc]);
        attributes_.project = layer_of(values[Place::kOutChannels], &values[Place::kProjectKeepDc]);
        attributes_.project.in_channels = attributes_.expand.out_channels;
        attributes_.stride = values[Place::kStride];
        attributes_.op = values[Place::kOperator];
        attributes_.activation = values[Place::kActivation];
        attributes_.residual = values[Place::kResidual];
    }

    void run(const Call& call) const override {
        FwhtBottleneckParams p = attributes_;
        const Tensor x = call.input(Input::kX, kOp.inputs[Input::kX], 4);
        p.batch = x.shape[0];
        p.expand.x = x.data;
        p.expand.in_channels = narrow_size(x, 1);
        p.height = narrow_size(x, 2);
        p.width = narrow_size(x, 3);
        read_layer(call, Input::kExpandThresholds, p.expand);
        read_filter(call, p);
        read_layer(call, Input::kProjectThresholds, p.project);
        const std::string wrong = check_fwht_bottleneck(p);
        if (!wrong.empty()) {
            refuse(wrong, " (N = ", p.batch, ", C_in = ", p.expand.in_channels, ", H = ", p.height, ", W = ", p.width,
                   ")");
        }
        p.project.y = call.output({p.batch, p.project.out_channels, bottleneck_out_size(p.height, p.stride),
                                   bottleneck_out_size(p.width, p.stride)});
        float* const seconds = timed_ ? call.output({kBottleneckSteps}, 1) : nullptr;
        if (p.batch == 0) {
            for (int step = 0; timed_ && step < kBottleneckSteps; ++step) {
                seconds[step] = 0;
            }
            return;
        }
        FwhtBottleneckRun run(p, *chosen_kernels().kernels, timed_, expand_.are_unscaled(p.expand),
                              project_.are_unscaled(p.project), call.is_helped());
        if (!run.get_memory()) {
            throw std::bad_alloc();
        }
        call.run_parts(run.parts(), run.scratch_bytes(),
                       [&](int64_t part, void* scratch) { run.run_part(part, scratch); });
        for (int step = 0; timed_ && step < kBottleneckSteps; ++step) {
            seconds[step] = run.seconds(step);
        }
    }

  private:
    static const float* read_weight(const Call& call, int input, int64_t size, const char* meaning) {
        const Tensor tensor = call.input(static_cast<size_t>(input), kOp.inputs[input], 1);
        require_size(tensor, 0, size, meaning);
        return tensor.data;
    }

    // Thresholds, scale, gain and bias, from input `first` on.
    static void read_layer(const Call& call, int first, FwhtLayerParams& layer) {
        const Tensor thresholds = call.input(static_cast<size_t>(first), kOp.inputs[first], 1);
        if (thresholds.shape[0] % layer.paths != 0) {
            refuse("there are ", thresholds.shape[0], " values of ", thresholds.name,
                   "; it must be the same number for each of ", layer.paths, " paths");
        }
        layer.n = narrow_size(thresholds, 0) / layer.paths;
        layer.thresholds = thresholds.data;
        layer.scale = read_weight(call, first + 1, thresholds.shape[0], "the number of thresholds");
        layer.gain = read_weight(call, first + 2, layer.out_channels, "the layer's channels of output");
        layer.bias = read_weight(call, first + 3, layer.out_channels, "the layer's channels of output");
    }

    static void read_filter(const Call& call, FwhtBottleneckParams& p) {
        const int64_t channels = p.expand.out_channels;
        const Tensor weight = call.input(Input::kWeight, kOp.inputs[Input::kWeight], 4);
        const int64_t sizes[] = {channels, 1, 3, 3};
        for (size_t axis = 0; axis < 4; ++axis) {
            require_size(weight, axis, sizes[axis], axis == 0 ? "hidden_channels" : "one 3x3 window a channel");
        }
        p.weight = weight.data;
        p.gain = read_weight(call, Input::kGain, channels, "hidden_channels");
        p.bias = read_weight(call, Input::kBias, channels, "hidden_channels");
    }

    const bool timed_;
    const Scales expand_;
    const Scales project_;
    FwhtBottleneckParams attributes_;
};

template <bool kTimed>
std::unique_ptr<Kernel> make(const Values& values, const Constants& constants) {
    return std::unique_ptr<Kernel>(new FwhtBottleneckKernel(values, constants, kTimed));
}

void infer(const ShapeInference& shapes) {
    Shape y = shapes.input(Input::kX);
    const Shape gain = shapes.input(Input::kProjectGain);
    const int64_t stride = shapes.integers("stride", {1})[0];
    if (y.size() != 4 || gain.size() != 1 || y[2] < 1 || y[3] < 1 || stride < 1) {
        return;
    }
    y[1] = gain[0];
    y[2] = (y[2] - 1) / stride + 1;
    y[3] = (y[3] - 1) / stride + 1;
    shapes.set_output(y);
}

}  // namespace

const OpDefinition kFwhtBottleneckOp = {kOp, make<false>, infer};
const OpDefinition kFwhtBottleneckTimedOp = {kTimedOp, make<true>, infer, 2};

}  // namespace ort
}  // namespace fwht
