// FWHT2D: from tensors and attributes to the CPU kernel's parameters.
#include "../cpu/instruction_sets.h"
#include "../fwht_2d/check.h"
#include "../fwht_2d/op.h"
#include "op.h"

namespace fwht {
namespace ort {
namespace {

using Input = Fwht2dInput;
using Place = Fwht2dValue;

class Fwht2dKernel : public Kernel {
  public:
    explicit Fwht2dKernel(const Values& values) : attributes_() {
        attributes_.stride = values[Place::kStride];
        attributes_.keep_dc = values[Place::kKeepDc];
        attributes_.activation = values[Place::kActivation];
        attributes_.paths = values[Place::kPaths];
        attributes_.soft = values[Place::kSoft];
        attributes_.type = kFloat32;
        attributes_.layout = kNCHW;
    }

    void run(const Call& call) const override {
        Fwht2dParams p = attributes_;
        const Tensor x = call.input(Input::kX, kFwht2d.inputs[Input::kX], 4);
        p.x = x.data;
        p.batch = x.shape[0];
        p.channels = narrow_size(x, 1);
        p.height = narrow_size(x, 2);
        p.width = narrow_size(x, 3);
        read_weights(call, p);
        if (const char* wrong = check_fwht_2d_sizes(p)) {
            refuse(skip_op_name(wrong), " (N = ", p.batch, ", C = ", p.channels, ", H = ", p.height, ", W = ", p.width,
                   ", n = ", p.n, ", stride = ", p.stride, ")");
        }
        p.y = call.output(Shape{p.batch, p.channels, out_height_of(p), out_width_of(p)});
        if (p.batch == 0) {
            return;
        }
        const CpuKernels& kernels = *chosen_kernels().kernels;
        const Fwht2dCpuPlan plan = plan_fwht_2d(p, kernels.lanes);
        call.run_parts(plan.parts, static_cast<size_t>(plan.scratch_bytes),
                       [&](int64_t part, void* scratch) { kernels.run_fwht_2d_part(p, plan, part, scratch); });
    }

  private:
    static Tensor read_weight(const Call& call, int input) {
        return call.input(static_cast<size_t>(input), kFwht2d.inputs[input], 1);
    }

    static void read_weights(const Call& call, Fwht2dParams& p) {
        const Tensor thresholds = read_weight(call, Input::kThresholds);
        const Tensor scale = read_weight(call, Input::kScale);
        const Tensor gain = read_weight(call, Input::kGain);
        const Tensor bias = read_weight(call, Input::kBias);
        p.n = thresholds.shape[0] % p.paths == 0 ? count_rows(thresholds.shape[0] / p.paths) : 0;
        if (p.n == 0) {
            refuse("there are ", thresholds.shape[0], " thresholds; it must be n * n for each of ", p.paths,
                   " paths, n at most ", static_cast<int>(kLargestSide));
        }
        require_size(scale, 0, thresholds.shape[0], "the number of thresholds");
        require_size(gain, 0, p.channels, "the channels of X");
        require_size(bias, 0, p.channels, "the channels of X");
        p.thresholds = thresholds.data;
        p.scale = scale.data;
        p.gain = gain.data;
        p.bias = bias.data;
    }

    Fwht2dParams attributes_;
};

std::unique_ptr<Kernel> make(const Values& values, const Constants&) {
    return std::unique_ptr<Kernel>(new Fwht2dKernel(values));
}

void infer(const ShapeInference& shapes) {
    Shape y = shapes.input(Input::kX);
    const Shape stride = shapes.integers("stride", {1});
    if (y.size() != 4 || stride.size() != 1 || stride[0] < 1) {
        return;
    }
    if (stride[0] > 1 && (y[2] < 0 || y[3] < 0)) {
        return;
    }
    y[2] = stride[0] == 1 ? y[2] : (y[2] + stride[0] - 1) / stride[0];
    y[3] = stride[0] == 1 ? y[3] : (y[3] + stride[0] - 1) / stride[0];
    shapes.set_output(y);
}

}  // namespace

const OpDefinition kFwht2dOp = {kFwht2d, make, infer};

}  // namespace ort
}  // namespace fwht
