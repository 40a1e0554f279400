// FWHTLayer and FWHTLayerAdd: from tensors and attributes to the CPU kernel's parameters.
#include "../cpu/instruction_sets.h"
#include "../fwht_layer/check.h"
#include "../fwht_layer/op.h"
#include "op.h"

namespace fwht {
namespace ort {
namespace {

using Input = FwhtLayerInput;
using Attributes = FwhtLayerValue;

// With the attributes of version 3, which are not needed and mean an earlier one where they are not there.
constexpr Op kLayer = kFwhtLayer3;
constexpr Op kLayerAdd = kFwhtLayerAdd3;

class FwhtLayerKernel : public Kernel {
  public:
    FwhtLayerKernel(const Op& op, const Values& values, const Constants& constants)
        : op_(op), attributes_(), scale_(constants[Input::kScale].data) {
        const Shape& scales = constants[Input::kScale].shape;
        unscaled_ = scale_ != nullptr && scales.size() == 1 && is_unscaled(scale_, scales[0]);
        attributes_.out_channels = values[Attributes::kOutChannels];
        attributes_.keep_dc = values[Attributes::kKeepDc];
        attributes_.pool = values[Attributes::kPool];
        attributes_.activation = values[Attributes::kActivation];
        attributes_.paths = values[Attributes::kPaths];
        attributes_.soft = values[Attributes::kSoft];
        attributes_.block = values[Attributes::kBlock];
        attributes_.type = kFloat32;
        attributes_.layout = kNCHW;
    }

    void run(const Call& call) const override {
        FwhtLayerParams p = attributes_;
        const Tensor x = call.input(Input::kX, op_.inputs[Input::kX], 4);
        read_weights(call, p);
        p.x = x.data;
        p.batch = x.shape[0];
        p.in_channels = narrow_size(x, 1);
        const int64_t pixels = int64_t{narrow_size(x, 2)} * narrow_size(x, 3);
        p.pixels = pixels > 0 ? pixels : 1;
        if (const char* wrong = check_fwht_layer_sizes(p)) {
            refuse(skip_op_name(wrong), " (C_in = ", p.in_channels, ", n = ", p.n, ", out_channels = ", p.out_channels,
                   ", pool = ", p.pool, ", block = ", p.block, ", N = ", p.batch, ", H * W = ", p.pixels, ")");
        }
        const Shape shape{x.shape[0], p.out_channels, x.shape[2], x.shape[3]};
        if (op_.residual != kNone) {
            p.residual = read_residual(call, shape);
        }
        p.y = call.output(shape);
        if (p.batch == 0 || pixels == 0) {
            return;
        }
        const CpuKernels& kernels = *chosen_kernels().kernels;
        const FwhtLayerCpuPlan plan = plan_fwht_layer(p, kernels.lanes, kernels.wide_lanes, is_layer_unscaled(p));
        call.run_parts(plan.parts, static_cast<size_t>(plan.scratch_bytes),
                       [&](int64_t part, void* scratch) { kernels.run_fwht_layer_part(p, plan, part, scratch); });
    }

  private:
    bool is_layer_unscaled(const FwhtLayerParams& p) const {
        return p.scale == scale_ ? unscaled_ : is_unscaled(p.scale, int64_t{p.paths} * p.n);
    }

    Tensor read_weight(const Call& call, int input) const {
        return call.input(static_cast<size_t>(input), op_.inputs[input], 1);
    }

    void read_weights(const Call& call, FwhtLayerParams& p) const {
        const Tensor thresholds = read_weight(call, Input::kThresholds);
        const Tensor scale = read_weight(call, Input::kScale);
        const Tensor gain = read_weight(call, Input::kGain);
        const Tensor bias = read_weight(call, Input::kBias);
        if (thresholds.shape[0] % p.paths != 0) {
            refuse("there are ", thresholds.shape[0], " thresholds; it must be the same number for each of ", p.paths,
                   " paths");
        }
        require_size(scale, 0, thresholds.shape[0], "the number of thresholds");
        require_size(gain, 0, p.out_channels, "out_channels");
        require_size(bias, 0, p.out_channels, "out_channels");
        p.n = narrow_size(thresholds, 0) / p.paths;
        p.thresholds = thresholds.data;
        p.scale = scale.data;
        p.gain = gain.data;
        p.bias = bias.data;
    }

    const float* read_residual(const Call& call, const Shape& shape) const {
        const Tensor tensor = call.input(Input::kResidual, op_.inputs[Input::kResidual], 4);
        const char* const meanings[] = {"N of X", "out_channels", "H of X", "W of X"};
        for (size_t axis = 0; axis < shape.size(); ++axis) {
            require_size(tensor, axis, shape[axis], meanings[axis]);
        }
        return tensor.data;
    }

    const Op& op_;
    FwhtLayerParams attributes_;
    const float* const scale_;  // null where it is not a constant
    bool unscaled_;
};

template <const Op& kOp>
std::unique_ptr<Kernel> make(const Values& values, const Constants& constants) {
    return std::unique_ptr<Kernel>(new FwhtLayerKernel(kOp, values, constants));
}

// As X, with as many channels as there are gains.
void infer(const ShapeInference& shapes) {
    Shape y = shapes.input(Input::kX);
    const Shape gain = shapes.input(Input::kGain);
    if (y.size() == 4 && gain.size() == 1) {
        y[1] = gain[0];
        shapes.set_output(y);
    }
}

}  // namespace

const OpDefinition kFwhtLayerOp = {kLayer, make<kLayer>, infer};
const OpDefinition kFwhtLayerAddOp = {kLayerAdd, make<kLayerAdd>, infer};

}  // namespace ort
}  // namespace fwht
