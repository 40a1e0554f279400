// What a layer says to TensorRT while a network is built: shapes and formats.
#include <functional>

#include "layers.h"

using nvinfer1::DataType;
using nvinfer1::DimsExprs;
using nvinfer1::TensorFormat;

namespace {

std::string output_of(const Layer& layer, Builder& builder, const std::vector<DimsExprs>& inputs) {
    const DimsExprs output =
        layer->getOutputDimensions(0, inputs.data(), static_cast<int32_t>(inputs.size()), builder);
    return output.nbDims == 0 ? "none" : text_of(output);
}

void expect_no_output(const Layer& layer, Builder& builder, const std::vector<DimsExprs>& inputs,
                      const std::string& sentence) {
    expect_equal(output_of(layer, builder, inputs), "none", "the shape, in spite of: " + sentence);
    expect_within(sentence, logged_line());
}

std::vector<DimsExprs> fwht_inputs(Builder& b, int in_channels, int n, int out_channels) {
    return {b.shape({-1, in_channels, -1, -1}), b.shape({n}), b.shape({n}), b.shape({out_channels}),
            b.shape({out_channels})};
}

bool all_supported(const Layer& layer, const Tensors& tensors) {
    const auto inputs = static_cast<int32_t>(tensors.size()) - 1;
    for (int32_t place = 0; place <= inputs; ++place) {
        if (!layer->supportsFormatCombination(place, tensors.data(), inputs, 1)) {
            return false;
        }
    }
    return true;
}

// Every type and format at one place, X being as given: which of them the layer takes, "0:0 1:4" as type:format.
std::string taken_at(const Layer& layer, Tensors tensors, size_t place) {
    std::string taken;
    for (int type = 0; type < 5; ++type) {
        for (int format = 0; format < 13; ++format) {
            tensors[place].type = static_cast<DataType>(type);
            tensors[place].format = static_cast<TensorFormat>(format);
            if (layer->supportsFormatCombination(static_cast<int32_t>(place), tensors.data(),
                                                 static_cast<int32_t>(tensors.size()) - 1, 1)) {
                taken += (taken.empty() ? "" : " ") + std::to_string(type) + ":" + std::to_string(format);
            }
        }
    }
    return taken;
}

std::string key(DataType type, TensorFormat format) {
    return std::to_string(static_cast<int>(type)) + ":" + std::to_string(static_cast<int>(format));
}

const std::string kFloatLinear = key(DataType::kFLOAT, TensorFormat::kLINEAR);
const std::string kHalfLinear = key(DataType::kHALF, TensorFormat::kLINEAR);
const std::string kHalfHwc8 = key(DataType::kHALF, TensorFormat::kHWC8);

void expect_formats(const Layer& layer, const std::function<Tensors(DataType, TensorFormat)>& tensors,
                    const std::vector<size_t>& like_x, const std::vector<size_t>& weights) {
    expect_equal(taken_at(layer, tensors(DataType::kFLOAT, TensorFormat::kLINEAR), 0),
                 kFloatLinear + " " + kHalfLinear + " " + kHalfHwc8, "what X may be");
    const std::pair<DataType, TensorFormat> taken[] = {{DataType::kFLOAT, TensorFormat::kLINEAR},
                                                       {DataType::kHALF, TensorFormat::kLINEAR},
                                                       {DataType::kHALF, TensorFormat::kHWC8}};
    for (const auto& format : taken) {
        for (const size_t place : like_x) {
            expect_equal(taken_at(layer, tensors(format.first, format.second), place),
                         key(format.first, format.second), "tensor " + std::to_string(place));
        }
        for (const size_t place : weights) {
            expect_equal(taken_at(layer, tensors(format.first, format.second), place), kFloatLinear,
                         "weight " + std::to_string(place));
        }
    }
}

}  // namespace

CHECK_THAT(fwht_layer_keeps_the_map_and_changes_the_channels) {
    Builder b;
    expect_equal(output_of(fwht_layer(), b, fwht_inputs(b, 960, 1024, 160)), "N 160 H W", "the shape");
    expect_equal(output_of(fwht_layer(), b, fwht_inputs(b, -1, 1024, 160)), "N 160 H W", "with unknown channels");
    std::vector<DimsExprs> inputs = fwht_inputs(b, 960, 1024, 160);
    inputs.push_back(b.shape({-1, 160, -1, -1}));
    expect_equal(output_of(fwht_layer_add(), b, inputs), "N 160 H W", "with a residual");
    expect_no_output(fwht_layer(), b, inputs, "the node has 6 inputs and 1 outputs; 5 and 1 are needed");
}

CHECK_THAT(fwht_layer_refuses_what_it_cannot_transform) {
    Builder b;
    const Layer layer = fwht_layer();
    expect_no_output(layer, b, fwht_inputs(b, 960, 512, 160), "C_in = 960, n = 512");
    expect_no_output(layer, b, fwht_inputs(b, 960, 1000, 160), "power of two from 2 to 4096 (C_in = 960, n = 1000");
    expect_no_output(layer, b, fwht_inputs(b, 960, 8192, 160), "n = 8192");
    expect_no_output(layer, b, fwht_inputs(b, 64, 128, 160), "n = 128, out_channels = 160");
    expect_no_output(layer, b, fwht_inputs(b, 960, 1024, 161), "0 of gain is 161; it must be out_channels, 160");
    expect_no_output(fwht_layer({{"pool", {7}}}), b, fwht_inputs(b, 960, 1024, 160), "pool = 7");
    expect_equal(output_of(fwht_layer({{"pool", {6}}}), b, fwht_inputs(b, 960, 1024, 160)), "N 160 H W", "pool 6");
}

CHECK_THAT(fwht_layer_refuses_weights_of_other_shapes) {
    Builder b;
    const auto with = [&b](size_t place, std::initializer_list<int> extents) {
        std::vector<DimsExprs> inputs = fwht_inputs(b, 960, 1024, 160);
        inputs[place] = b.shape(extents);
        return inputs;
    };
    expect_no_output(fwht_layer(), b, with(0, {10, 960}), "X has 2 dimensions; it is (N, C_in, H, W)");
    expect_no_output(fwht_layer(), b, with(1, {1, 1024}), "thresholds has 2 dimensions; it is a vector");
    expect_no_output(fwht_layer(), b, with(2, {1}), "scale is 1; it must be n, the number of thresholds, 1024");
    expect_no_output(fwht_layer(), b, with(4, {}), "bias has 0 dimensions");
    std::vector<DimsExprs> inputs = with(0, {10, 960, 4, 4});
    inputs.push_back(b.shape({1, 160, 4, 4}));
    expect_no_output(fwht_layer_add(), b, inputs, "dimension 0 of R is 1; it must be N of X, 10");
    inputs[5] = b.shape({10, 160, 4, 5});
    expect_no_output(fwht_layer_add(), b, inputs, "dimension 3 of R is 5; it must be W of X, 4");
}

CHECK_THAT(paths_share_the_thresholds_out) {
    Builder b;
    expect_equal(output_of(fwht_layer_2(3, 0), b, fwht_inputs(b, 960, 3 * 1024, 160)), "N 160 H W", "the shape");
    expect_equal(output_of(fwht_layer_2(8, 1), b, fwht_inputs(b, 960, 8 * 4096, 160)), "N 160 H W", "the largest");
    expect_no_output(fwht_layer_2(3, 1), b, fwht_inputs(b, 960, 1024, 160),
                     "there are 1024 thresholds, which 3 paths cannot share");
    expect_no_output(fwht_layer_2(3, 1), b, fwht_inputs(b, 960, 3 * 512, 160), "C_in = 960, n = 512");
    std::vector<DimsExprs> inputs = fwht_inputs(b, 960, 3 * 1024, 160);
    inputs[2] = b.shape({1024});
    expect_no_output(fwht_layer_2(3, 0), b, inputs, "scale is 1024; it must be paths n, the number of thresholds, 3072");
}

CHECK_THAT(blocks_are_as_long_as_a_path) {
    Builder b;
    const Layer layer = fwht_layer_3(32);
    expect_equal(output_of(layer, b, fwht_inputs(b, 960, 32, 160)), "N 160 H W", "fewer channels");
    expect_equal(output_of(layer, b, fwht_inputs(b, 45, 32, 160)), "N 160 H W", "more channels");
    expect_equal(output_of(layer, b, fwht_inputs(b, -1, 32, 160)), "N 160 H W", "unknown channels");
    expect_no_output(layer, b, fwht_inputs(b, 960, 64, 160), "block must be 0 or n");
    expect_no_output(layer, b, fwht_inputs(b, 31, 32, 160), "from `block` to 65536 channels");
    expect_no_output(layer, b, fwht_inputs(b, 970, 32, 160), "X must have a multiple of `block` channels");
    expect_no_output(fwht_layer_3(64), b, fwht_inputs(b, 96, 64, 160), "must be a multiple of block where it is more");
    expect_no_output(fwht_layer_3(32, {{"pool", {7}}}), b, fwht_inputs(b, 960, 32, 160), "pool = 7, block = 32");
}

CHECK_THAT(mf_depthwise_conv_counts_its_windows) {
    Builder b;
    for (const int kernel : {3, 5}) {
        for (const int stride : {1, 2, 3}) {
            for (const int pad : {0, 1, 2}) {
                for (const int height : {5, 6, 7, 32}) {
                    const std::vector<DimsExprs> inputs{b.shape({-1, 32, height, 9}), b.shape({32, 1, kernel, kernel}),
                                                        b.shape({32}), b.shape({32})};
                    const int rows = (height + 2 * pad - kernel) / stride + 1;
                    const int columns = (9 + 2 * pad - kernel) / stride + 1;
                    expect_equal(output_of(mf_depthwise_conv(stride, pad), b, inputs),
                                 "N 32 " + std::to_string(rows) + " " + std::to_string(columns), "the shape");
                }
            }
        }
    }
    const std::vector<DimsExprs> unknown{b.shape({-1, 32, -1, -1}), b.shape({32, 1, 3, 3}), b.shape({32}),
                                         b.shape({32})};
    expect_equal(output_of(mf_depthwise_conv(2, 1), b, unknown), "N 32 ((((H+2)-3)/2)+1) ((((W+2)-3)/2)+1)",
                 "the shape");
}

CHECK_THAT(mf_depthwise_conv_refuses_what_it_cannot_compute) {
    Builder b;
    const auto inputs = [&b](std::initializer_list<int> x, std::initializer_list<int> weight) {
        return std::vector<DimsExprs>{b.shape(x), b.shape(weight), b.shape({32}), b.shape({32})};
    };
    const auto refused = [&b](const std::vector<DimsExprs>& tensors, const std::string& sentence) {
        expect_no_output(mf_depthwise_conv(1, 1), b, tensors, sentence);
    };
    refused(inputs({1, 31, 8, 8}, {32, 1, 3, 3}), "dimension 1 of X is 31; it must be the attribute group, 32");
    refused(inputs({1, 32, 8, 8}, {31, 1, 3, 3}), "dimension 0 of W is 31");
    refused(inputs({1, 32, 8, 8}, {32, 2, 3, 3}), "dimension 1 of W is 2");
    refused(inputs({1, 32, 8, 8}, {32, 1, 3, 5}), "dimension 3 of W is 5; it must be the height of the window, 3");
    refused(inputs({1, 32, 8, 8}, {32, 1, 7, 7}), "kernel_size = 7");
    refused(inputs({1, 32, 2, 8}, {32, 1, 5, 5}), "H of X is 2 and 4 with the pads; the window needs at least 5");
    refused(inputs({1, 32, 8}, {32, 1, 3, 3}), "X has 3 dimensions");
}

CHECK_THAT(data_tensors_share_a_format_and_weights_are_float32) {
    expect_formats(fwht_layer(), [](DataType t, TensorFormat f) { return fwht_tensors(t, f); }, {5}, {1, 2, 3, 4});
    expect_formats(fwht_layer_add(), [](DataType t, TensorFormat f) { return fwht_tensors(t, f, true); }, {5, 6},
                   {1, 2, 3, 4});
    expect_formats(mf_depthwise_conv(2, 1), [](DataType t, TensorFormat f) { return mf_tensors(t, f); }, {4},
                   {1, 2, 3});
}

CHECK_THAT(no_format_is_supported_for_what_cannot_run) {
    Tensors tensors = fwht_tensors();
    tensors[1] = tensor({512});
    const Layer layer = fwht_layer();
    expect(!all_supported(layer, tensors), "n = 512 is supported for 960 channels");
    expect_within("of scale is 1024; it must be n, the number of thresholds, 512", logged_line());
    expect(all_supported(layer, fwht_tensors()), "the good one is not supported");
    expect(!layer->supportsFormatCombination(0, tensors.data(), 4, 1), "4 inputs are supported");
    expect_within("4 inputs", logged_line());
    Tensors unknown = fwht_tensors();
    for (nvinfer1::PluginTensorDesc& desc : unknown) {
        desc.dims.nbDims = 0;  // as where TensorRT asks before it knows
    }
    expect(all_supported(layer, unknown), "unknown shapes are not supported");
}

CHECK_THAT(fewer_than_8_thresholds_are_supported_in_linear_format_only) {
    fwht::FwhtLayerCreator creator;
    const Layer layer = created(creator, {{"out_channels", {4}}});
    for (const TensorFormat format : {TensorFormat::kLINEAR, TensorFormat::kHWC8}) {
        const Tensors tensors{tensor({1, 4, 4, 4}, DataType::kHALF, format), tensor({4}), tensor({4}), tensor({4}),
                              tensor({4}), tensor({1, 4, 4, 4}, DataType::kHALF, format)};
        expect_equal(all_supported(layer, tensors), format == TensorFormat::kLINEAR, "support");
    }
}

CHECK_THAT(the_output_has_the_type_of_x) {
    const DataType types[] = {DataType::kHALF, DataType::kFLOAT};
    expect(fwht_layer()->getOutputDataType(0, types, 2) == DataType::kHALF, "another type");
    expect_equal(fwht_layer()->getNbOutputs(), 1, "the number of outputs");
    expect_equal(fwht_layer()->getWorkspaceSize(nullptr, 0, nullptr, 0), 0, "the workspace");
}
