// The compiled kernels, in groups of which each is a file of its own: they are compiled at the same time, and one file took
// over a minute for each architecture. The groups, one after the other, are in the order of kTiles (choose_tile.h).
#pragma once

#include "tiles.h"
#include "params.h"

namespace fwht {

using Kernel = void (*)(const FwhtLayerParams);

// The kernel of a group, by its place in the group's list.
Kernel nchw_float32_kernel(int place);
Kernel nchw_float16_kernel(int place);
Kernel hwc8_kernel(int place);
Kernel nchw_float32_paths_kernel(int place);
Kernel nchw_float16_paths_kernel(int place);
Kernel hwc8_paths_kernel(int place);
Kernel nchw_float32_windows_kernel(int place);
Kernel nchw_float16_windows_kernel(int place);
Kernel hwc8_windows_kernel(int place);

struct KernelGroup {
    int count;
    Kernel (*kernel)(int place);
};

#define FWHT_ONE(...) +1

static constexpr KernelGroup kKernelGroups[] = {
    {0 FWHT_LAYER_NCHW_INSTANCES(FWHT_ONE, float), nchw_float32_kernel},
    {0 FWHT_LAYER_NCHW_HALF_INSTANCES(FWHT_ONE), nchw_float16_kernel},
    {0 FWHT_LAYER_HWC8_INSTANCES(FWHT_ONE), hwc8_kernel},
    {0 FWHT_LAYER_NCHW_PATHS_INSTANCES(FWHT_ONE, float), nchw_float32_paths_kernel},
    {0 FWHT_LAYER_NCHW_PATHS_INSTANCES(FWHT_ONE, Half), nchw_float16_paths_kernel},
    {0 FWHT_LAYER_HWC8_PATHS_INSTANCES(FWHT_ONE), hwc8_paths_kernel},
    {0 FWHT_LAYER_NCHW_PATHS_INSTANCES(FWHT_ONE, float), nchw_float32_windows_kernel},
    {0 FWHT_LAYER_NCHW_PATHS_INSTANCES(FWHT_ONE, Half), nchw_float16_windows_kernel},
    {0 FWHT_LAYER_HWC8_PATHS_INSTANCES(FWHT_ONE), hwc8_windows_kernel},
};

constexpr int count_kernels() {
    int count = 0;
    for (const KernelGroup& group : kKernelGroups) {
        count += group.count;
    }
    return count;
}

// The kernel of kTiles[index].
inline Kernel find_kernel(int index) {
    for (const KernelGroup& group : kKernelGroups) {
        if (index < group.count) {
            return group.kernel(index);
        }
        index -= group.count;
    }
    return nullptr;
}

}  // namespace fwht
