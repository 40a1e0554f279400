// From the attributes of a node, or from an engine file, to a layer.
#include "layers.h"

using nvinfer1::PluginField;
using nvinfer1::PluginFieldType;

namespace {

fwht::FwhtLayerCreator fwht_creator;
fwht::FwhtLayerAddCreator add_creator;
fwht::FwhtLayer2Creator fwht_2_creator;
fwht::FwhtLayerAdd2Creator add_2_creator;
fwht::FwhtLayer3Creator fwht_3_creator;
fwht::FwhtLayerAdd3Creator add_3_creator;
fwht::MfDepthwiseConvCreator mf_creator;

void expect_refused(nvinfer1::IPluginCreator& creator, const std::vector<Field>& fields, const std::string& sentence) {
    expect(created(creator, fields) == nullptr, "a layer was made in spite of: " + sentence);
    expect_equal(logged_line(), "blocks.17.expand: " + sentence, "the line");
}

void expect_unreadable(const std::string& bytes, const std::string& sentence) {
    nvinfer1::IPluginV2* layer = fwht_creator.deserializePlugin("layer", bytes.data(), bytes.size());
    expect(layer == nullptr, "a layer was read in spite of: " + sentence);
    expect_within(sentence, logged_line());
}

// The bytes of {tag, version, count, values...}.
std::string bytes_of(const std::vector<uint32_t>& words) {
    std::string bytes;
    for (const uint32_t word : words) {
        for (int shift = 0; shift < 32; shift += 8) {
            bytes += static_cast<char>(word >> shift);
        }
    }
    return bytes;
}

}  // namespace

CHECK_THAT(a_creator_has_name_version_and_fields) {
    expect_equal(fwht_creator.getPluginName(), "FWHTLayer", "the name");
    expect_equal(add_creator.getPluginName(), "FWHTLayerAdd", "the name");
    expect_equal(mf_creator.getPluginName(), "MFDepthwiseConv", "the name");
    expect_equal(mf_creator.getPluginVersion(), "1", "the version");
    expect_equal(mf_creator.getPluginNamespace(), "", "the namespace");
    const nvinfer1::PluginFieldCollection* names = mf_creator.getFieldNames();
    expect_equal(names->nbFields, 5, "the number of fields");
    expect_equal(names->fields[1].name, "pads", "the second field");
    expect_equal(names->fields[1].length, 4, "its length");
}

CHECK_THAT(version_2_has_the_attributes_of_version_1_and_more) {
    expect_equal(fwht_creator.getPluginVersion(), "1", "the version");
    expect_equal(fwht_creator.getFieldNames()->nbFields, 4, "the number of fields");
    for (fwht::LayerCreator* creator : std::initializer_list<fwht::LayerCreator*>{&fwht_2_creator, &add_2_creator}) {
        expect_equal(creator->getPluginVersion(), "2", "the version");
        expect_equal(creator->getFieldNames()->nbFields, 6, "the number of fields");
        expect_equal(creator->getFieldNames()->fields[4].name, "paths", "the fifth field");
    }
    expect_equal(fwht_2_creator.getPluginName(), "FWHTLayer", "the name");
    expect_equal(add_2_creator.getPluginName(), "FWHTLayerAdd", "the name");
    expect_equal(fwht_layer()->getPluginVersion(), "1", "the version of the layer");
    expect_equal(fwht_layer_2(3, 1)->getPluginVersion(), "2", "the version of the layer");
    expect(serialised(*fwht_layer_2(1, 0)) == serialised(*created(fwht_2_creator, {{"out_channels", {160}}})),
           "defaults differ from paths 1, soft 0");
}

CHECK_THAT(version_3_has_those_of_version_2_and_the_block) {
    for (fwht::LayerCreator* creator : std::initializer_list<fwht::LayerCreator*>{&fwht_3_creator, &add_3_creator}) {
        expect_equal(creator->getPluginVersion(), "3", "the version");
        expect_equal(creator->getFieldNames()->nbFields, 7, "the number of fields");
        expect_equal(creator->getFieldNames()->fields[6].name, "block", "the seventh field");
    }
    expect_equal(fwht_3_creator.getPluginName(), "FWHTLayer", "the name");
    expect_equal(add_3_creator.getPluginName(), "FWHTLayerAdd", "the name");
    expect_equal(fwht_layer_3(32)->getPluginVersion(), "3", "the version of the layer");
}

CHECK_THAT(missing_attributes_take_their_defaults) {
    const std::string given = serialised(*created(fwht_creator, {{"activation", {0}},
                                                                 {"pool", {1}},
                                                                 {"keep_dc", {1}},
                                                                 {"out_channels", {160}}}));
    expect(given == serialised(*fwht_layer()), "defaults differ from keep_dc 1, pool 1, activation 0");
    const std::string conv = serialised(*created(mf_creator, {{"group", {8}}}));
    expect(conv == serialised(*created(mf_creator, {{"strides", {1, 1}},
                                                    {"pads", {0, 0, 0, 0}},
                                                    {"group", {8}},
                                                    {"operator", {1}},
                                                    {"activation", {0}}})),
           "defaults differ from strides 1, pads 0, operator 1, activation 0");
}

CHECK_THAT(fields_of_other_names_are_passed_over) {
    const int32_t channels = 160;
    const char not_terminated[] = {'1'};
    const PluginField fields[] = {{"plugin_version", not_terminated, PluginFieldType::kCHAR, 1},
                                  {"plugin_namespace", nullptr, PluginFieldType::kCHAR, 0},
                                  {nullptr, nullptr, PluginFieldType::kUNKNOWN, 0},
                                  {"forward_groups", nullptr, PluginFieldType::kINT32, 1},
                                  {"out_channels", &channels, PluginFieldType::kINT32, 1}};
    const nvinfer1::PluginFieldCollection collection{5, fields};
    expect(layer_of(fwht_creator.createPlugin(nullptr, &collection)) != nullptr, "no layer was made");
}

CHECK_THAT(a_missing_attribute_is_named) {
    expect_refused(fwht_creator, {}, "attribute out_channels is missing; it is needed (1 to 4096)");
    expect_refused(mf_creator, {{"strides", {1, 1}}}, "attribute group is missing; it is needed (1 to 2147483647)");
    expect(fwht_creator.createPlugin("layer", nullptr) == nullptr, "a layer was made of nothing");
    expect_within("out_channels is missing", logged_line());
}

CHECK_THAT(values_out_of_range_are_named) {
    expect_refused(fwht_creator, {{"out_channels", {0}}}, "attribute out_channels is 0; it may be 1 to 4096");
    expect_refused(fwht_creator, {{"out_channels", {4097}}}, "attribute out_channels is 4097; it may be 1 to 4096");
    expect_refused(fwht_creator, {{"out_channels", {8}}, {"keep_dc", {2}}},
                   "attribute keep_dc is 2; it may be 0 or 1");
    expect_refused(fwht_creator, {{"out_channels", {8}}, {"pool", {-1}}}, "attribute pool is -1; it may be 1 to 4096");
    expect_refused(add_creator, {{"out_channels", {8}}, {"activation", {2}}},
                   "attribute activation is 2; it may be 0, 1 or 6");
    expect_refused(fwht_2_creator, {{"out_channels", {8}}, {"paths", {0}}}, "attribute paths is 0; it may be 1 to 8");
    expect_refused(add_2_creator, {{"out_channels", {8}}, {"paths", {9}}}, "attribute paths is 9; it may be 1 to 8");
    expect_refused(fwht_2_creator, {{"out_channels", {8}}, {"soft", {2}}}, "attribute soft is 2; it may be 0 or 1");
    expect_refused(fwht_3_creator, {{"out_channels", {8}}, {"block", {-1}}},
                   "attribute block is -1; it may be 0 to 4096");
    expect_refused(add_3_creator, {{"out_channels", {8}}, {"block", {8192}}},
                   "attribute block is 8192; it may be 0 to 4096");
    expect_refused(mf_creator, {{"group", {8}}, {"operator", {4}}}, "attribute operator is 4; it may be 1, 2 or 3");
    expect_refused(mf_creator, {{"group", {8}}, {"pads", {1, 1, 9, 1}}}, "attribute pads is 9; it may be 0 to 4");
}

CHECK_THAT(types_and_lengths_are_checked) {
    const int32_t value = 160;
    const PluginField real{"out_channels", &value, PluginFieldType::kFLOAT32, 1};
    nvinfer1::PluginFieldCollection collection{1, &real};
    expect(fwht_creator.createPlugin("", &collection) == nullptr, "a float was taken");
    expect_equal(logged_line(), "FWHTLayer: attribute out_channels has TensorRT's field type 1; it is an integer (5)",
                 "the line");
    const PluginField empty{"out_channels", nullptr, PluginFieldType::kINT32, 1};
    collection.fields = &empty;
    expect(fwht_creator.createPlugin("", &collection) == nullptr, "nothing was taken");
    expect_within("holds 0 integers; 1 is needed", logged_line());
    expect_refused(mf_creator, {{"strides", {1}}, {"group", {8}}}, "attribute strides holds 1 integers; 2 are needed");
}

CHECK_THAT(serialised_bytes_are_these) {
    expect(serialised(*fwht_layer({{"pool", {3}}})) == bytes_of({0x4c485746, 1, 4, 160, 1, 3, 0}), "FWHTLayer");
    expect(serialised(*fwht_layer_add()) == bytes_of({0x41485746, 1, 4, 160, 1, 1, 6}), "FWHTLayerAdd");
    expect(serialised(*fwht_layer_2(3, 1)) == bytes_of({0x32485746, 1, 6, 160, 1, 1, 0, 3, 1}), "FWHTLayer 2");
    expect(serialised(*fwht_layer_3(32)) == bytes_of({0x33485746, 1, 7, 160, 1, 1, 0, 1, 0, 32}), "FWHTLayer 3");
    expect(serialised(*mf_depthwise_conv(2, 1)) == bytes_of({0x4344464d, 1, 9, 2, 2, 1, 1, 1, 1, 32, 2, 1}),
           "MFDepthwiseConv");
}

CHECK_THAT(serialised_layers_come_back) {
    const std::string bytes = serialised(*mf_depthwise_conv(2, 1));
    const Layer read = layer_of(mf_creator.deserializePlugin("layer", bytes.data(), bytes.size()));
    expect(read != nullptr && serialised(*read) == bytes, "other bytes");
    expect_equal(read->getPluginType(), "MFDepthwiseConv", "the type");
    const std::string added = serialised(*fwht_layer_add());
    const Layer with_residual = layer_of(add_creator.deserializePlugin("", added.data(), added.size()));
    expect(with_residual != nullptr && serialised(*with_residual) == added, "other bytes");
    const std::string second = serialised(*fwht_layer_2(8, 0));
    const Layer paths = layer_of(fwht_2_creator.deserializePlugin("", second.data(), second.size()));
    expect(paths != nullptr && serialised(*paths) == second, "other bytes");
    const std::string third = serialised(*fwht_layer_3(32));
    const Layer blocks = layer_of(fwht_3_creator.deserializePlugin("", third.data(), third.size()));
    expect(blocks != nullptr && serialised(*blocks) == third, "other bytes");
}

CHECK_THAT(damaged_layers_are_refused) {
    const std::string good = bytes_of({0x4c485746, 1, 4, 160, 1, 1, 0});
    expect(layer_of(fwht_creator.deserializePlugin("layer", good.data(), good.size())) != nullptr, "the whole one");
    for (size_t length = 0; length < good.size(); ++length) {
        expect_unreadable(good.substr(0, length), "bytes instead of 28; build the engine again");
    }
    expect_unreadable(good + "x", "29 bytes instead of 28");
    expect_unreadable(bytes_of({0x41485746, 1, 4, 160, 1, 1, 0}), "another one or damaged");
    expect_unreadable(bytes_of({0x32485746, 1, 6, 160, 1, 1, 0, 1, 0}), "36 bytes instead of 28");
    expect_unreadable(bytes_of({0x4c485746, 2, 4, 160, 1, 1, 0}), "has version 2 and this library reads 1");
    expect_unreadable(bytes_of({0x4c485746, 1, 5, 160, 1, 1, 0}), "holds 5 values instead of 4");
    expect_unreadable(bytes_of({0x4c485746, 1, 4, 0, 1, 1, 0}), "out_channels is 0");
    expect_unreadable(bytes_of({0x4c485746, 1, 4, 160, 1, 1, 0xffffffff}), "activation is -1");
    expect(fwht_creator.deserializePlugin("layer", nullptr, 28) == nullptr, "null was read");
    expect_within("0 bytes instead of 28", logged_line());
}

CHECK_THAT(layers_take_the_namespace_of_their_creator) {
    fwht::FwhtLayerCreator creator;
    creator.setPluginNamespace("other");
    const Layer layer = created(creator, {{"out_channels", {8}}});
    expect_equal(layer->getPluginNamespace(), "other", "the namespace");
    expect_equal(layer_of(layer->clone())->getPluginNamespace(), "other", "the clone's namespace");
    layer->setPluginNamespace(nullptr);
    expect_equal(layer->getPluginNamespace(), "", "the namespace after null");
}

CHECK_THAT(without_a_logger_nothing_breaks) {
    have_logger(false);
    const Layer layer = created(fwht_creator, {{"out_channels", {0}}});
    have_logger(true);
    expect(layer == nullptr, "a layer was made");
}
