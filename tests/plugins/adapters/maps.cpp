// FWHT2D as TensorRT makes, asks and runs it.
#include "layers.h"

using nvinfer1::DataType;
using nvinfer1::DimsExprs;
using nvinfer1::TensorFormat;

namespace {

fwht::Fwht2dCreator creator;
alignas(16) char memory[400];  // addresses to tell tensors apart; nothing reads them
const auto kStream = reinterpret_cast<cudaStream_t>(memory);

Layer maps_layer(int stride, int paths = 1) {
    return created(creator, {{"stride", {stride}}, {"paths", {paths}}, {"soft", {1}}, {"activation", {6}}});
}

// X (10, 32, 7, 6) -> Y for a stride of 2, n = 8 and two paths.
Tensors maps_tensors(DataType type = DataType::kFLOAT, TensorFormat format = TensorFormat::kLINEAR) {
    return {tensor({10, 32, 7, 6}, type, format), tensor({128}), tensor({128}), tensor({32}), tensor({32}),
            tensor({10, 32, 4, 3}, type, format)};
}

std::vector<DimsExprs> inputs_of(Builder& b, std::initializer_list<int> x, int thresholds, int channels = 32) {
    return {b.shape(x), b.shape({thresholds}), b.shape({thresholds}), b.shape({channels}), b.shape({channels})};
}

std::string output_of(const Layer& layer, Builder& b, const std::vector<DimsExprs>& inputs) {
    return text_of(layer->getOutputDimensions(0, inputs.data(), static_cast<int32_t>(inputs.size()), b));
}

void refused(const Layer& layer, std::initializer_list<int> x, int thresholds, const std::string& sentence) {
    Builder b;
    output_of(layer, b, inputs_of(b, x, thresholds));
    expect_within(sentence, logged_line());
}

bool supported(const Layer& layer, const Tensors& tensors) {
    for (size_t place = 0; place < tensors.size(); ++place) {
        if (!layer->supportsFormatCombination(static_cast<int32_t>(place), tensors.data(),
                                              static_cast<int32_t>(tensors.size()) - 1, 1)) {
            return false;
        }
    }
    return true;
}

}  // namespace

CHECK_THAT(maps_have_a_creator_and_bytes_that_come_back) {
    expect_equal(creator.getPluginName(), "FWHT2D", "the name");
    expect_equal(creator.getPluginVersion(), "1", "the version");
    expect_equal(creator.getFieldNames()->nbFields, 5, "the number of fields");
    expect_equal(creator.getFieldNames()->fields[0].name, "stride", "the first field");
    const std::string bytes = serialised(*maps_layer(2, 3));
    const Layer read = layer_of(creator.deserializePlugin("layer", bytes.data(), bytes.size()));
    expect(read != nullptr && serialised(*read) == bytes, "other bytes");
    const uint32_t words[] = {0x32445746, 1, 5, 2, 0, 6, 3, 1};
    expect(bytes == std::string(reinterpret_cast<const char*>(words), sizeof words), "not these bytes");
    expect(created(creator, {{"stride", {3}}}) == nullptr, "a stride of 3 was taken");
    expect_within("attribute stride is 3; it may be 1, 2 or 4", logged_line());
}

CHECK_THAT(maps_keep_their_channels_and_shrink_by_the_stride) {
    Builder b;
    expect_equal(output_of(maps_layer(1), b, inputs_of(b, {-1, 32, 7, 6}, 64)), "N 32 7 6", "the shape");
    expect_equal(output_of(maps_layer(2), b, inputs_of(b, {-1, 32, 7, 6}, 64)), "N 32 4 3", "with a stride of 2");
    expect_equal(output_of(maps_layer(4), b, inputs_of(b, {-1, 32, 7, 6}, 64)), "N 32 2 2", "with a stride of 4");
    expect_equal(output_of(maps_layer(1), b, inputs_of(b, {-1, 32, -1, -1}, 64)), "N 32 H W", "of unknown size");
    expect_equal(output_of(maps_layer(2), b, inputs_of(b, {-1, 32, -1, -1}, 64)), "N 32 ((H+1)/2) ((W+1)/2)",
                 "of unknown size with a stride");
}

CHECK_THAT(maps_refuse_what_they_cannot_transform) {
    refused(maps_layer(1), {1, 32, 9, 8}, 64, "height and width of X must be from 1 to n");
    refused(maps_layer(1), {1, 32, 8, 8}, 60, "there are 60 thresholds; it must be n * n for each of 1 paths");
    refused(maps_layer(1, 3), {1, 32, 8, 8}, 64, "there are 64 thresholds; it must be n * n for each of 3 paths");
    refused(maps_layer(1), {1, 32, 8, 8}, 144, "power of two");
    refused(maps_layer(1), {1, 32, 112, 112}, 128 * 128, "n / stride must be at most 64 on a GPU");
    refused(maps_layer(4), {1, 32, 2, 2}, 4, "must be at least the stride");
    refused(maps_layer(1), {1, 31, 8, 8}, 64, "dimension 0 of gain is 32; it must be C of X, 31");
    refused(maps_layer(1), {1, 32, 8}, 64, "X has 3 dimensions");
    Builder b;
    expect_equal(output_of(maps_layer(2), b, inputs_of(b, {1, 32, 112, 112}, 128 * 128)), "1 32 56 56", "n / 2 is 64");
}

CHECK_THAT(maps_hand_on_sizes_and_addresses) {
    const Layer layer = maps_layer(2, 2);
    expect_equal(enqueued(*layer_of(layer->clone()), maps_tensors(DataType::kHALF, TensorFormat::kHWC8), memory, kStream),
                 0, "the result");
    const Launches all = launched();
    const fwht::Fwht2dParams& p = all.maps.at(0).first;
    expect(all.maps[0].second == kStream, "another stream");
    expect(p.x == memory && p.y == memory + kOutput, "x or y");
    expect((const char*)p.thresholds == memory + kStep && (const char*)p.scale == memory + 2 * kStep, "weights");
    expect((const char*)p.gain == memory + 3 * kStep && (const char*)p.bias == memory + 4 * kStep, "gain or bias");
    const std::vector<int> actual{p.channels, p.height, p.width, p.n,      p.stride, p.keep_dc,
                                  p.activation, p.paths, p.soft, p.type, p.layout};
    const std::vector<int> expected{32, 7, 6, 8, 2, 0, 6, 2, 1, fwht::kFloat16, fwht::kHWC8};
    expect(actual == expected && p.batch == 10, "a size");
    Tensors empty = maps_tensors();
    empty.front().dims.d[0] = empty.back().dims.d[0] = 0;
    expect_equal(enqueued(*layer, empty, memory), 0, "the result of nothing");
    expect(enqueued(*layer, maps_tensors(), memory + 4) != 0, "an address that is not aligned was taken");
    expect_within("FWHT2D: an address is no multiple of 16 bytes", logged_line());
    expect(launched().maps.empty(), "something was launched");
}

CHECK_THAT(maps_take_three_formats) {
    const Layer layer = maps_layer(2, 2);
    expect(supported(layer, maps_tensors()), "float32");
    expect(supported(layer, maps_tensors(DataType::kHALF)), "float16");
    expect(supported(layer, maps_tensors(DataType::kHALF, TensorFormat::kHWC8)), "float16, HWC8");
    expect(!supported(layer, maps_tensors(DataType::kFLOAT, TensorFormat::kHWC8)), "float32 in HWC8 is supported");
}
