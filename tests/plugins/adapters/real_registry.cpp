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

bool works(const char* name) {
    nvinfer1::IPluginCreator* creator = getPluginRegistry()->getPluginCreator(name, "1", "");
    if (creator == nullptr) {
        return false;
    }
    const nvinfer1::PluginFieldCollection fields{2, kFields};
    nvinfer1::IPluginV2* layer = creator->createPlugin(name, &fields);
    const bool right = layer != nullptr && std::strcmp(layer->getPluginType(), name) == 0;
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
    for (const char* name : {"FWHTLayer", "FWHTLayerAdd", "MFDepthwiseConv"}) {
        const bool right = works(name);
        std::printf("%s %s\n", right ? "ok" : "FAILED", name);
        failures += right ? 0 : 1;
    }
    const auto version = reinterpret_cast<const char* (*)()>(dlsym(library, "fwht_tensorrt_version"));
    std::printf("headers %s, library %d\n", version == nullptr ? "?" : version(), getInferLibVersion());
    return failures;
}
