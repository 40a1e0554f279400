#include "c_interface.h"

#include <string>

#include "../fwht_2d/check.h"
#include "../fwht_bottleneck/cpu_check.h"
#include "../fwht_bottleneck/cpu_run.h"
#include "../fwht_layer/check.h"
#include "../mf_depthwise_conv/check.h"
#include "instruction_sets.h"
#include "run_parts.h"
#include "scratch.h"
#include "self_check.h"

namespace fwht {
namespace {

const char* const kOutOfMemory = "out of memory: run fewer images at once";

// Null, or the words in memory of the calling thread's.
const char* kept(const std::string& words) {
    static thread_local std::string last;
    last = words;
    return last.empty() ? nullptr : last.c_str();
}

// Null where the CPU kernel takes these parameters; NHWC has no other side to agree with, and is checked as NCHW.
const char* check_cpu(const FwhtLayerParams& p) {
    if (p.type != kFloat32 || (p.layout != kNCHW && p.layout != kNHWC)) {
        return "FWHTLayer: the CPU kernel takes float32 in layout NCHW or NHWC";
    }
    FwhtLayerParams same = p;
    same.layout = kNCHW;
    return check_fwht_layer_sizes(same);
}

std::string run_fwht_layer(const FwhtLayerParams& p, int threads) {
    const KernelChoice& choice = chosen_kernels();
    if (choice.kernels == nullptr) {
        return choice.refusal;
    }
    if (const char* wrong = check_cpu(p)) {
        return wrong;
    }
    const CpuKernels& kernels = *choice.kernels;
    const FwhtLayerCpuPlan plan = plan_fwht_layer(p, kernels.lanes, kernels.wide_lanes);
    const bool done = run_parts(plan.parts, plan.scratch_bytes, threads, [&](int64_t part, void* scratch) {
        kernels.run_fwht_layer_part(p, plan, part, scratch);
    });
    return done ? std::string() : kOutOfMemory;
}

std::string run_fwht_layer_gradients(const FwhtLayerGradientsParams& params, int threads) {
    const KernelChoice& choice = chosen_kernels();
    if (choice.kernels == nullptr) {
        return choice.refusal;
    }
    if (const char* wrong = check_cpu(params.layer)) {
        return wrong;
    }
    if (params.layer.block != 0) {
        return "FWHTLayer: the backward pass takes no blocks: give it each window as an image, with block 0";
    }
    const CpuKernels& kernels = *choice.kernels;
    const FwhtLayerGradientsPlan plan = plan_fwht_layer_gradients(params, kernels.lanes);
    float* const sums =
        static_cast<float*>(thread_sums(static_cast<size_t>(plan.parts * plan.sums) * sizeof(float)));
    if (sums == nullptr) {
        return kOutOfMemory;
    }
    const bool done = run_parts(plan.parts, plan.scratch_bytes, threads, [&](int64_t part, void* scratch) {
        kernels.run_fwht_layer_gradients_part(params, plan, part, scratch, sums + part * plan.sums);
    });
    add_up_gradients(params, plan, sums);
    return done ? std::string() : kOutOfMemory;
}

std::string run_mf_depthwise_conv(const MfDepthwiseConvParams& p, int threads) {
    const KernelChoice& choice = chosen_kernels();
    if (choice.kernels == nullptr) {
        return choice.refusal;
    }
    if (p.type != kFloat32 || p.layout != kNCHW) {
        return "MFDepthwiseConv: the CPU kernel takes float32 in layout NCHW";
    }
    if (const char* wrong = check_mf_depthwise_conv(p)) {
        return wrong;
    }
    const CpuKernels& kernels = kernels_of(*choice.kernels, p);
    const MfDepthwiseConvCpuPlan plan = plan_mf_depthwise_conv(p, kernels.lanes);
    const bool done = run_parts(plan.parts, plan.scratch_bytes, threads, [&](int64_t part, void* scratch) {
        kernels.run_mf_depthwise_conv_part(p, plan, part, scratch);
    });
    return done ? std::string() : kOutOfMemory;
}

std::string run_fwht_2d(const Fwht2dParams& p, int threads) {
    const KernelChoice& choice = chosen_kernels();
    if (choice.kernels == nullptr) {
        return choice.refusal;
    }
    if (p.type != kFloat32 || p.layout != kNCHW) {
        return "FWHT2D: the CPU kernel takes float32 in layout NCHW";
    }
    if (const char* wrong = check_fwht_2d_sizes(p)) {
        return wrong;
    }
    const CpuKernels& kernels = *choice.kernels;
    const Fwht2dCpuPlan plan = plan_fwht_2d(p, kernels.lanes);
    const bool done = run_parts(plan.parts, plan.scratch_bytes, threads, [&](int64_t part, void* scratch) {
        kernels.run_fwht_2d_part(p, plan, part, scratch);
    });
    return done ? std::string() : kOutOfMemory;
}

std::string run_fwht_2d_training(const Fwht2dTrainingParams& p, int threads) {
    const KernelChoice& choice = chosen_kernels();
    if (choice.kernels == nullptr) {
        return choice.refusal;
    }
    if (const char* wrong = check_fwht_2d_training(p)) {
        return wrong;
    }
    const CpuKernels& kernels = *choice.kernels;
    const Fwht2dTrainingPlan plan = plan_fwht_2d_training(p, kernels.lanes);
    const int64_t sums = p.y_gradient == nullptr ? 0 : plan.sums;
    float* const partial = static_cast<float*>(thread_sums(static_cast<size_t>(plan.parts * sums) * sizeof(float)));
    if (partial == nullptr && plan.parts * sums > 0) {
        return kOutOfMemory;
    }
    const bool done = run_parts(plan.parts, plan.scratch_bytes, threads, [&](int64_t part, void* scratch) {
        kernels.run_fwht_2d_training_part(p, plan, part, scratch, partial + part * sums);
    });
    if (sums > 0) {
        add_up_fwht_2d_gradients(p, plan, partial);
    }
    return done ? std::string() : kOutOfMemory;
}

bool is_layer_unscaled(const FwhtLayerParams& p) { return is_unscaled(p.scale, int64_t{p.paths} * p.n); }

std::string run_fwht_bottleneck(const FwhtBottleneckParams& p, int threads) {
    const KernelChoice& choice = chosen_kernels();
    if (choice.kernels == nullptr) {
        return choice.refusal;
    }
    const std::string wrong = check_fwht_bottleneck(p);
    if (!wrong.empty() || p.batch == 0) {
        return wrong;
    }
    FwhtBottleneckRun run(p, *choice.kernels, false, is_layer_unscaled(p.expand), is_layer_unscaled(p.project),
                          threads > 1);
    const bool done = run.get_memory() &&
                      run_parts(run.parts(), static_cast<int64_t>(run.scratch_bytes()), threads,
                                [&](int64_t part, void* scratch) { run.run_part(part, scratch); });
    return done ? std::string() : kOutOfMemory;
}

}  // namespace
}  // namespace fwht

int fwht_native_abi() { return kFwhtNativeAbi; }

const char* fwht_native_version() { return FWHT_VERSION; }

const char* fwht_native_instruction_set() {
    const fwht::CpuKernels* kernels = fwht::chosen_kernels().kernels;
    return kernels == nullptr ? nullptr : kernels->name;
}

const char* fwht_native_refusal() { return fwht::chosen_kernels().refusal; }

const char* fwht_native_self_check() { return fwht::kept(fwht::self_check()); }

const char* fwht_native_fwht_layer(const fwht::FwhtLayerParams* params, int threads) {
    return fwht::kept(fwht::run_fwht_layer(*params, threads));
}

const char* fwht_native_fwht_layer_gradients(const fwht::FwhtLayerGradientsParams* params, int threads) {
    return fwht::kept(fwht::run_fwht_layer_gradients(*params, threads));
}

void fwht_native_set_team(FwhtTeam* team) { fwht::set_team(team); }

const char* fwht_native_mf_depthwise_conv(const fwht::MfDepthwiseConvParams* params, int threads) {
    return fwht::kept(fwht::run_mf_depthwise_conv(*params, threads));
}

const char* fwht_native_fwht_2d(const fwht::Fwht2dParams* params, int threads) {
    return fwht::kept(fwht::run_fwht_2d(*params, threads));
}

const char* fwht_native_fwht_2d_training(const fwht::Fwht2dTrainingParams* params, int threads) {
    return fwht::kept(fwht::run_fwht_2d_training(*params, threads));
}

const char* fwht_native_fwht_bottleneck(const fwht::FwhtBottleneckParams* params, int threads) {
    return fwht::kept(fwht::run_fwht_bottleneck(*params, threads));
}
