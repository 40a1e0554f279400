#include "c_interface.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "../fwht_layer/check.h"
#include "../mf_depthwise_conv/check.h"
#include "instruction_sets.h"
#include "scratch.h"
#include "self_check.h"

namespace fwht {
namespace {

// Null, or the words in memory of the calling thread's.
const char* kept(const std::string& words) {
    static thread_local std::string last;
    last = words;
    return last.empty() ? nullptr : last.c_str();
}

// run(part, scratch) for all parts, taken in turn by `threads` threads. False where memory is out.
bool run_parts(int64_t parts, int64_t bytes, int threads, const std::function<void(int64_t, void*)>& run) {
    std::atomic<int64_t> next{0};
    std::atomic<bool> enough{true};
    const auto work = [&] {
        void* scratch = thread_scratch(static_cast<size_t>(bytes));
        enough = enough && scratch != nullptr;
        for (int64_t part = next++; scratch != nullptr && part < parts; part = next++) {
            run(part, scratch);
        }
    };
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) {
        others.emplace_back(work);
    }
    work();
    for (std::thread& other : others) {
        other.join();
    }
    return enough;
}

std::string run_fwht_layer(const FwhtLayerParams& p, int threads) {
    const KernelChoice& choice = chosen_kernels();
    if (choice.kernels == nullptr) {
        return choice.refusal;
    }
    if (p.type != kFloat32 || p.layout != kNCHW) {
        return "FWHTLayer: the CPU kernel takes float32 in layout NCHW";
    }
    if (const char* wrong = check_fwht_layer_sizes(p)) {
        return wrong;
    }
    const CpuKernels& kernels = *choice.kernels;
    const FwhtLayerCpuPlan plan = plan_fwht_layer(p, kernels.lanes, kernels.wide_lanes);
    const bool done = run_parts(plan.parts, plan.scratch_bytes, threads, [&](int64_t part, void* scratch) {
        kernels.run_fwht_layer_part(p, plan, part, scratch);
    });
    return done ? std::string() : "out of memory: run fewer images at once";
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
    const CpuKernels& kernels = *choice.kernels;
    const MfDepthwiseConvCpuPlan plan = plan_mf_depthwise_conv(p, kernels.lanes);
    const bool done = run_parts(plan.parts, plan.scratch_bytes, threads, [&](int64_t part, void* scratch) {
        kernels.run_mf_depthwise_conv_part(p, plan, part, scratch);
    });
    return done ? std::string() : "out of memory: run fewer images at once";
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

const char* fwht_native_mf_depthwise_conv(const fwht::MfDepthwiseConvParams* params, int threads) {
    return fwht::kept(fwht::run_mf_depthwise_conv(*params, threads));
}
