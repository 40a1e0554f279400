// What a layer does with a launch: its parameters, its errors, its clones and threads.
#include <thread>

#include "../../../plugins/tensorrt/exception_guard.h"
#include "layers.h"

using nvinfer1::DataType;
using nvinfer1::TensorFormat;

namespace {

alignas(16) char memory[400];  // addresses to tell tensors apart; nothing reads them
const auto kStream = reinterpret_cast<cudaStream_t>(memory);

void configure(const Layer& layer, const Tensors& tensors) {
    const auto descs = dynamic(tensors);
    const auto inputs = static_cast<int32_t>(descs.size()) - 1;
    layer->configurePlugin(descs.data(), inputs, &descs.back(), 1);
}

}  // namespace

CHECK_THAT(nothing_thrown_crosses_the_border) {
    std::string told;
    const auto log = [&told](const char* sentence) { told = sentence; };
    expect_equal(fwht::run_guarded(7, []() -> int { throw std::runtime_error("a reason"); }, log), 7, "the result");
    expect_equal(told, "a reason", "the sentence");
    expect_equal(fwht::run_guarded(7, []() -> int { throw 5; }, log), 7, "the result");
    expect_equal(told, "an exception of unknown type", "the sentence");
    expect_equal(fwht::run_guarded(7, [] { return 0; }, log), 0, "the result");
}

CHECK_THAT(fwht_layer_hands_on_sizes_and_addresses) {
    const Layer layer = fwht_layer({{"keep_dc", {0}}, {"pool", {6}}, {"activation", {1}}});
    const Tensors tensors = fwht_tensors(DataType::kHALF, TensorFormat::kHWC8);
    expect_equal(enqueued(*layer, tensors, memory, kStream), 0, "the result");
    const Launches all = launched();
    expect_equal(all.fwht.size(), 1, "the number of launches");
    const fwht::FwhtLayerParams& p = all.fwht[0].first;
    expect(all.fwht[0].second == kStream, "another stream");
    expect(p.x == memory && p.y == memory + kOutput && p.residual == nullptr, "x, y or residual");
    expect((const char*)p.thresholds == memory + kStep && (const char*)p.scale == memory + 2 * kStep, "thresholds or scale");
    expect((const char*)p.gain == memory + 3 * kStep && (const char*)p.bias == memory + 4 * kStep, "gain or bias");
    expect_equal(p.batch, 10, "batch");
    expect_equal(p.pixels, 16, "pixels");
    expect_equal(p.in_channels, 960, "in_channels");
    expect_equal(p.out_channels, 160, "out_channels");
    expect_equal(p.n, 1024, "n");
    expect_equal(p.pool, 6, "pool");
    expect_equal(p.keep_dc, 0, "keep_dc");
    expect_equal(p.activation, 1, "activation");
    expect_equal(p.type, static_cast<int>(fwht::kFloat16), "type");
    expect_equal(p.layout, static_cast<int>(fwht::kHWC8), "layout");
    expect(p.paths == 1 && p.soft == 0 && p.block == 0, "paths, soft or block");
}

CHECK_THAT(version_2_hands_on_paths_and_soft) {
    const Layer layer = fwht_layer_2(2, 1, {{"pool", {6}}});
    Tensors tensors = fwht_tensors();
    tensors[1] = tensors[2] = tensor({2 * 1024});
    expect_equal(enqueued(*layer_of(layer->clone()), tensors, memory, kStream), 0, "the result");
    const fwht::FwhtLayerParams p = launched().fwht.at(0).first;
    expect(p.paths == 2 && p.soft == 1 && p.n == 1024 && p.pool == 6, "paths, soft, n or pool");
}

CHECK_THAT(version_3_hands_on_the_block) {
    const Layer layer = fwht_layer_3(64, {{"pool", {6}}, {"paths", {2}}});
    Tensors tensors = fwht_tensors();
    tensors[1] = tensors[2] = tensor({2 * 64});
    expect_equal(enqueued(*layer_of(layer->clone()), tensors, memory, kStream), 0, "the result");
    const fwht::FwhtLayerParams p = launched().fwht.at(0).first;
    expect(p.block == 64 && p.n == 64 && p.in_channels == 960 && p.paths == 2 && p.pool == 6, "block, n or channels");
}

CHECK_THAT(fwht_layer_add_hands_on_the_residual) {
    const Tensors tensors = fwht_tensors(DataType::kFLOAT, TensorFormat::kLINEAR, true);
    expect_equal(enqueued(*fwht_layer_add(), tensors, memory, kStream), 0, "the result");
    const fwht::FwhtLayerParams p = launched().fwht.at(0).first;
    expect(p.residual == memory + 5 * kStep && p.activation == 6, "residual or activation");
    expect(p.type == fwht::kFloat32 && p.layout == fwht::kNCHW, "type or layout");
}

CHECK_THAT(mf_depthwise_conv_hands_on_sizes_and_addresses) {
    fwht::MfDepthwiseConvCreator creator;
    const Layer layer = created(creator, {{"strides", {2, 1}}, {"pads", {0, 1, 2, 0}}, {"group", {32}},
                                          {"operator", {3}}, {"activation", {6}}});
    expect_equal(enqueued(*layer, mf_tensors(DataType::kHALF), memory, kStream), 0, "the result");
    const Launches all = launched();
    const fwht::MfDepthwiseConvParams& p = all.mf.at(0).first;
    expect(all.mf[0].second == kStream, "another stream");
    expect(p.x == memory && p.y == memory + kOutput, "x or y");
    expect((const char*)p.weight == memory + kStep, "weight");
    expect((const char*)p.gain == memory + 2 * kStep && (const char*)p.bias == memory + 3 * kStep, "gain or bias");
    const std::vector<int> actual{p.channels, p.height,  p.width,    p.out_height, p.out_width, p.kernel_size,
                                  p.stride_h, p.stride_w, p.pad_top, p.pad_left,   p.op,        p.activation,
                                  p.type,     p.layout};
    const std::vector<int> expected{32, 9, 7, 5, 6, 3, 2, 1, 0, 1, 3, 6, fwht::kFloat16, fwht::kNCHW};
    expect(actual == expected && p.batch == 10, "a size");
}

CHECK_THAT(every_batch_size_is_read_anew) {
    const Layer layer = fwht_layer();
    for (const int batch : {1, 16, 3}) {
        Tensors tensors = fwht_tensors();
        tensors.front().dims.d[0] = tensors.back().dims.d[0] = batch;
        expect_equal(enqueued(*layer, tensors, memory), 0, "the result");
        expect_equal(launched().fwht.at(0).first.batch, batch, "batch");
    }
}

CHECK_THAT(an_empty_batch_launches_nothing) {
    Tensors tensors = mf_tensors();
    tensors.front().dims.d[0] = tensors.back().dims.d[0] = 0;
    expect_equal(enqueued(*mf_depthwise_conv(2, 1), tensors, memory), 0, "the result");
    tensors = fwht_tensors();
    tensors.front().dims.d[0] = tensors.back().dims.d[0] = 0;
    expect_equal(enqueued(*fwht_layer(), tensors, memory), 0, "the result");
    const Launches all = launched();
    expect(all.mf.empty() && all.fwht.empty(), "something was launched");
}

CHECK_THAT(a_failed_launch_is_an_error_told_once) {
    let_launches_return(cudaErrorLaunchOutOfResources);
    const Layer layer = mf_depthwise_conv(2, 1);
    const Layer clone = layer_of(layer->clone());
    for (int i = 0; i < 3; ++i) {
        expect(enqueued(*layer, mf_tensors(), memory) != 0, "the failure was not returned");
        expect(enqueued(*clone, mf_tensors(), memory) != 0, "the failure was not returned");
    }
    let_launches_return(cudaSuccess);
    launched();
    expect_equal(logged_line(), "MFDepthwiseConv: the launch failed: the fake failed (CUDA error 701)", "the line");
    expect_equal(enqueued(*layer, mf_tensors(), memory), 0, "the result afterwards");
}

CHECK_THAT(a_wrong_shape_launches_nothing) {
    Tensors tensors = fwht_tensors();
    tensors[3] = tensor({1});
    expect(enqueued(*fwht_layer(), tensors, memory) != 0, "a gain of one value was taken");
    expect_equal(logged_line(), "FWHTLayer: dimension 0 of gain is 1; it must be out_channels, 160", "the line");
    tensors = fwht_tensors();
    tensors[0] = tensor({32768, 960, 256, 256});
    expect(enqueued(*fwht_layer(), tensors, memory) != 0, "2^31 pixels were taken");
    expect_within("N * H * W must be below 2^31", logged_line());
    tensors = fwht_tensors();
    tensors[0].type = DataType::kINT8;
    expect(enqueued(*fwht_layer(), tensors, memory) != 0, "int8 was taken");
    expect_within("X and Y differ", logged_line());
    expect(launched().fwht.empty(), "something was launched");
}

CHECK_THAT(a_wrong_address_is_told_by_its_sentence) {
    expect(enqueued(*fwht_layer(), fwht_tensors(), memory + 4) != 0, "an address that is not aligned was taken");
    expect_within("FWHTLayer: an address is no multiple of 16 bytes", logged_line());
    expect(enqueued(*fwht_layer(), fwht_tensors(), nullptr) != 0, "no address was taken");
    expect_within("FWHTLayer: x or y is null", logged_line());
    expect(enqueued(*mf_depthwise_conv(2, 1), mf_tensors(), memory + 2) != 0, "an address that is not aligned was taken");
    expect_within("MFDepthwiseConv: x or y is not aligned", logged_line());
    const Launches all = launched();
    expect(all.mf.empty() && all.fwht.empty(), "something was launched");
}

CHECK_THAT(configuring_tells_what_will_not_run) {
    const Layer layer = fwht_layer();
    configure(layer, fwht_tensors());
    Tensors tensors = fwht_tensors();
    tensors[0] = tensor({-1, 960, -1, -1});
    configure(layer, tensors);
    tensors[1] = tensors[2] = tensor({512});
    configure(layer, tensors);
    configure(layer, tensors);
    expect_within("n = 512", logged_line());
}

CHECK_THAT(different_errors_are_told_up_to_eight) {
    const Layer layer = fwht_layer();
    for (int length = 1; length <= 20; ++length) {
        Tensors tensors = fwht_tensors();
        tensors[4] = tensor({length});
        enqueued(*layer, tensors, memory);
    }
    expect_equal(logged().size(), 8, "the number of lines");
}

CHECK_THAT(a_clone_outlives_its_layer) {
    Layer layer = fwht_layer({{"pool", {6}}});
    const std::string bytes = serialised(*layer);
    const Layer clone = layer_of(layer->clone());
    layer.reset();
    expect(serialised(*clone) == bytes, "other bytes");
    expect_equal(enqueued(*clone, fwht_tensors(), memory), 0, "the result");
    expect_equal(launched().fwht.at(0).first.pool, 6, "pool");
}

CHECK_THAT(layers_run_in_threads_side_by_side) {
    const Layer layer = fwht_layer();
    const Layer conv = mf_depthwise_conv(2, 1);
    constexpr int kRuns = 2000;
    const auto run = [](nvinfer1::IPluginV2DynamicExt& one, const Tensors& tensors, char* base) {
        const Layer clone = layer_of(one.clone());
        for (int i = 0; i < kRuns; ++i) {
            enqueued(*clone, tensors, base, reinterpret_cast<cudaStream_t>(base));
        }
    };
    std::thread threads[] = {std::thread(run, std::ref(*layer), fwht_tensors(), memory),
                             std::thread(run, std::ref(*layer), fwht_tensors(DataType::kHALF), memory + kStep),
                             std::thread(run, std::ref(*conv), mf_tensors(), memory + 2 * kStep),
                             std::thread(run, std::ref(*conv), mf_tensors(DataType::kHALF), memory + 3 * kStep)};
    for (std::thread& thread : threads) {
        thread.join();
    }
    const Launches all = launched();
    expect_equal(all.fwht.size() + all.mf.size(), 4 * kRuns, "the number of launches");
    for (const auto& launch : all.fwht) {
        const char* base = launch.first.type == fwht::kFloat32 ? memory : memory + kStep;
        expect(launch.first.x == base && (const char*)launch.second == base, "tensors of another thread");
    }
    for (const auto& launch : all.mf) {
        const char* base = launch.first.type == fwht::kFloat32 ? memory + 2 * kStep : memory + 3 * kStep;
        expect(launch.first.x == base && (const char*)launch.second == base, "tensors of another thread");
    }
}
