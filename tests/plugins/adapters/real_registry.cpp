// Loads the library named by the first argument, as trtexec --plugins does, and asks TensorRT's own registry for its
// creators. Links libnvinfer and needs no GPU.
#include <NvInfer.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace {

const int32_t kChannels = 8;
const nvinfer1::PluginField kFields[] = {{"out_channels", &kChannels, nvinfer1::PluginFieldType::kINT32, 1},
                                         {"group", &kChannels, nvinfer1::PluginFieldType::kINT32, 1}};

bool works(const char* name, const char* version) {
    nvinfer1::IPluginCreator* creator = getPluginRegistry()->getPluginCreator(name, version, "");
    if (creator == nullptr) {
        return false;
    }
    const nvinfer1::PluginFieldCollection fields{2, kFields};
    nvinfer1::IPluginV2* layer = creator->createPlugin(name, &fields);
    const bool right = layer != nullptr && std::strcmp(layer->getPluginType(), name) == 0 &&
                       std::strcmp(layer->getPluginVersion(), version) == 0;
    if (layer != nullptr) {
        layer->destroy();
    }
    const nvinfer1::PluginFieldCollection none{0, nullptr};
    return right && creator->createPlugin("refused", &none) == nullptr;
}

}  // namespace

int main(int, char** arguments) {
    void* library = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
        std::printf("FAILED %s\n", dlerror());
        return 1;
    }
    int failures = 0;
    const char* const ops[][2] = {{"FWHTLayer", "1"},    {"FWHTLayer", "2"},    {"FWHTLayer", "3"},
                                  {"FWHTLayerAdd", "1"}, {"FWHTLayerAdd", "2"}, {"FWHTLayerAdd", "3"},
                                  {"MFDepthwiseConv", "1"}, {"FWHT2D", "1"}};
    for (const auto& op : ops) {
        const bool right = works(op[0], op[1]);
        std::printf("%s %s %s\n", right ? "ok" : "FAILED", op[0], op[1]);
        failures += right ? 0 : 1;
    }
    const auto version = reinterpret_cast<const char* (*)()>(dlsym(library, "fwht_tensorrt_version"));
    std::printf("headers %s, library %d\n", version == nullptr ? "?" : version(), getInferLibVersion());
    return failures;
}
