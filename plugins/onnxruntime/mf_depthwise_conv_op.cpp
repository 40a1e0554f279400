// MFDepthwiseConv: from tensors and attributes to the CPU kernel's parameters.
#include "../mf_depthwise_conv/op.h"

#include "../cpu/instruction_sets.h"
#include "../mf_depthwise_conv/check.h"
#include "op.h"

namespace fwht {
namespace ort {
namespace {

using Input = MfDepthwiseConvInput;
using Place = MfDepthwiseConvValue;

constexpr int64_t kLargestSize = 1 << 30;

// Outputs along one axis; 0 or less where the window does not fit.
int64_t output_size(int64_t size, int before, int after, int64_t kernel, int stride) {
    const int64_t room = size + before + after - kernel;
    return room < 0 ? 0 : room / stride + 1;
}

class MfDepthwiseConvKernel : public Kernel {
  public:
    explicit MfDepthwiseConvKernel(const Values& values) : values_(values) {}

    void run(const Call& call) const override {
        const Op& op = kMfDepthwiseConv;
        const Tensor x = call.input(Input::kX, op.inputs[Input::kX], 4);
        const Tensor weight = call.input(Input::kWeight, op.inputs[Input::kWeight], 4);
        const Tensor gain = call.input(Input::kGain, op.inputs[Input::kGain], 1);
        const Tensor bias = call.input(Input::kBias, op.inputs[Input::kBias], 1);
        check_shapes(x, weight, gain, bias);
        MfDepthwiseConvParams p = params_of(x, weight);
        p.weight = weight.data;
        p.gain = gain.data;
        p.bias = bias.data;
        const Shape shape{x.shape[0], x.shape[1], p.out_height, p.out_width};
        p.y = call.output(shape);
        if (p.batch == 0) {
            return;
        }
        if (const char* wrong = check_mf_depthwise_conv(p)) {
            refuse(wrong, " (N = ", p.batch, ", C = ", p.channels, ", H = ", p.height, ", W = ", p.width, ")");
        }
        const CpuKernels& kernels = kernels_of(*chosen_kernels().kernels, p);
        const MfDepthwiseConvCpuPlan plan = plan_mf_depthwise_conv(p, kernels.lanes);
        call.run_parts(plan.parts, static_cast<size_t>(plan.scratch_bytes), [&](int64_t part, void* scratch) {
            kernels.run_mf_depthwise_conv_part(p, plan, part, scratch);
        });
    }

  private:
    void check_shapes(const Tensor& x, const Tensor& weight, const Tensor& gain, const Tensor& bias) const {
        const int64_t channels = values_[Place::kGroup];
        require_size(x, 1, channels, "group");
        require_size(weight, 0, channels, "group");
        require_size(weight, 1, 1, "one channel a group");
        require_size(weight, 3, weight.shape[2], "the same height and width");
        require_size(gain, 0, channels, "group");
        require_size(bias, 0, channels, "group");
        if (weight.shape[2] != 3 && weight.shape[2] != 5) {
            refuse("W is ", weight.shape[2], "x", weight.shape[2], "; it must be 3x3 or 5x5");
        }
        for (const int place : {Place::kPadTop, Place::kPadLeft, Place::kPadBottom, Place::kPadRight}) {
            if (values_[static_cast<size_t>(place)] >= weight.shape[2]) {
                refuse("a pad is ", values_[static_cast<size_t>(place)], "; with ", weight.shape[2], "x",
                       weight.shape[2], " windows it can be at most ", weight.shape[2] - 1);
            }
        }
        for (const size_t axis : {1, 2, 3}) {
            if (x.shape[axis] < 1 || x.shape[axis] > kLargestSize) {
                refuse("dimension ", axis, " of X is ", x.shape[axis], "; it must be from 1 to ", kLargestSize);
            }
        }
    }

    MfDepthwiseConvParams params_of(const Tensor& x, const Tensor& weight) const {
        MfDepthwiseConvParams p{};
        p.x = x.data;
        p.batch = x.shape[0];
        p.channels = narrow_size(x, 1);
        p.height = narrow_size(x, 2);
        p.width = narrow_size(x, 3);
        p.kernel_size = narrow_size(weight, 2);
        p.stride_h = values_[Place::kStrideH];
        p.stride_w = values_[Place::kStrideW];
        p.pad_top = values_[Place::kPadTop];
        p.pad_left = values_[Place::kPadLeft];
        p.op = values_[Place::kOperator];
        p.activation = values_[Place::kActivation];
        p.type = kFloat32;
        p.layout = kNCHW;
        const int64_t height = output_size(p.height, p.pad_top, values_[Place::kPadBottom], p.kernel_size, p.stride_h);
        const int64_t width = output_size(p.width, p.pad_left, values_[Place::kPadRight], p.kernel_size, p.stride_w);
        if (height < 1 || width < 1 || height > kLargestSize || width > kLargestSize) {
            refuse("the output would be ", height, "x", width, "; X, ", p.height, "x", p.width,
                   ", and its pads must hold a window of ", p.kernel_size, "x", p.kernel_size);
        }
        p.out_height = static_cast<int>(height);
        p.out_width = static_cast<int>(width);
        return p;
    }

    const Values values_;
};

std::unique_ptr<Kernel> make(const Values& values, const Constants&) {
    return std::unique_ptr<Kernel>(new MfDepthwiseConvKernel(values));
}

void infer(const ShapeInference& shapes) {
    Shape y = shapes.input(Input::kX);
    const Shape weight = shapes.input(Input::kWeight);
    if (y.size() != 4 || weight.size() != 4 || weight[2] < 0) {
        return;
    }
    const Shape strides = shapes.integers("strides", {1, 1});
    const Shape pads = shapes.integers("pads", {0, 0, 0, 0});
    for (size_t axis = 0; axis < 2; ++axis) {
        if (y[2 + axis] < 0 || strides[axis] < 1) {
            return;
        }
        const int64_t room = y[2 + axis] + pads[axis] + pads[2 + axis] - weight[2];
        if (room < 0) {
            return;
        }
        y[2 + axis] = room / strides[axis] + 1;
    }
    shapes.set_output(y);
}

}  // namespace

const OpDefinition kMfDepthwiseConvOp = {kMfDepthwiseConv, make, infer};

}  // namespace ort
}  // namespace fwht
