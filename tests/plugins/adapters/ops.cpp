// The ops as the adapters know them, as JSON.
#include <cstdio>
#include <string>
#include <vector>

#include "../../../plugins/fwht_2d/op.h"
#include "../../../plugins/fwht_layer/op.h"
#include "../../../plugins/mf_depthwise_conv/op.h"

namespace {

std::string list_of(const int32_t* values, int count) {
    std::string text = "[";
    for (int i = 0; i < count; ++i) {
        text += (i == 0 ? "" : ", ") + std::to_string(values[i]);
    }
    return text + "]";
}

std::string default_of(const fwht::Attribute& a) {
    const std::vector<int32_t> each(static_cast<size_t>(a.count), a.fallback);
    return a.count == 1 ? std::to_string(a.fallback) : list_of(each.data(), a.count);
}

void print(const fwht::Attribute& a) {
    std::printf(R"({"name": "%s", "count": %d, "required": %s, "default": %s, "min": %d, "max": %d, "values": %s})",
                a.name, a.count, a.required ? "true" : "false", default_of(a).c_str(), a.smallest, a.largest,
                list_of(a.choices, a.choice_count).c_str());
}

void print(const fwht::Op& op) {
    std::printf(R"({"name": "%s", "version": "%s", "residual": %d, "inputs": [)", op.name, op.version, op.residual);
    for (int i = 0; i < op.input_count; ++i) {
        std::printf(R"(%s"%s")", i == 0 ? "" : ", ", op.inputs[i]);
    }
    std::printf("], \"attributes\": [");
    for (int i = 0; i < op.attribute_count; ++i) {
        std::printf(i == 0 ? "" : ", ");
        print(op.attributes[i]);
    }
    std::printf("]}");
}

}  // namespace

int main() {
    std::printf("[");
    print(fwht::kFwhtLayer);
    std::printf(", ");
    print(fwht::kFwhtLayerAdd);
    std::printf(", ");
    print(fwht::kMfDepthwiseConv);
    std::printf(", ");
    print(fwht::kFwhtLayer2);
    std::printf(", ");
    print(fwht::kFwhtLayerAdd2);
    std::printf(", ");
    print(fwht::kFwhtLayer3);
    std::printf(", ");
    print(fwht::kFwhtLayerAdd3);
    std::printf(", ");
    print(fwht::kFwht2d);
    std::printf("]\n");
}
