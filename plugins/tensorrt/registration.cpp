// Loading the library registers its ops with TensorRT, in namespace "", MFDepthwiseConv and FWHT2D as version 1, FWHTLayer
// and FWHTLayerAdd as versions 1 to 3: ctypes.CDLL or trtexec --plugins are enough. Load it before an ONNX file is parsed
// or an engine read, and do not close it again: TensorRT keeps the addresses of the creators.

#include "../fwht_2d/plugin.h"
#include "../fwht_layer/plugin.h"
#include "../mf_depthwise_conv/plugin.h"

#define FWHT_TEXT_OF(macro) #macro
#define FWHT_TEXT(macro) FWHT_TEXT_OF(macro)

namespace fwht {

REGISTER_TENSORRT_PLUGIN(FwhtLayerCreator);
REGISTER_TENSORRT_PLUGIN(FwhtLayer2Creator);
REGISTER_TENSORRT_PLUGIN(FwhtLayerAddCreator);
REGISTER_TENSORRT_PLUGIN(FwhtLayerAdd2Creator);
REGISTER_TENSORRT_PLUGIN(FwhtLayer3Creator);
REGISTER_TENSORRT_PLUGIN(FwhtLayerAdd3Creator);
REGISTER_TENSORRT_PLUGIN(MfDepthwiseConvCreator);
REGISTER_TENSORRT_PLUGIN(Fwht2dCreator);

}  // namespace fwht

// The TensorRT whose headers the library was compiled with, "8.2.1". Its first number must be that of the TensorRT that
// loads it.
extern "C" __attribute__((visibility("default"))) const char* fwht_tensorrt_version() {
    return FWHT_TEXT(NV_TENSORRT_MAJOR) "." FWHT_TEXT(NV_TENSORRT_MINOR) "." FWHT_TEXT(NV_TENSORRT_PATCH);
}
