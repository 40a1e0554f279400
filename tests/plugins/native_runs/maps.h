// Runs of FWHT2D.
#pragma once

#include "tools.h"

namespace {

// Twice, on one thread and on three, with X and Y that end where their memory ends.
bool run_maps(int channels, int size, int n, int stride, int paths, int soft) {
    const int out_size = (size + stride - 1) / stride;
    const std::vector<float> x = pattern(int64_t{2} * channels * size * size);
    const std::vector<float> weights = pattern(int64_t{n} * n * paths);
    const std::vector<float> ends = pattern(channels);
    std::vector<float> y(static_cast<size_t>(2) * channels * out_size * out_size);
    std::vector<float> again(y);
    fwht::Fwht2dParams p{};
    p.x = x.data();
    p.thresholds = p.scale = weights.data();
    p.gain = p.bias = ends.data();
    p.y = y.data();
    p.batch = 2;
    p.channels = channels;
    p.height = p.width = size;
    p.n = n;
    p.stride = stride;
    p.keep_dc = 1;
    p.activation = 6;
    p.paths = paths;
    p.soft = soft;
    bool wrong = said("FWHT2D", fwht_native_fwht_2d(&p, 1));
    p.y = again.data();
    wrong |= said("FWHT2D", fwht_native_fwht_2d(&p, 3));
    if (std::memcmp(y.data(), again.data(), y.size() * sizeof(float)) != 0) {
        wrong |= said("FWHT2D", "three threads give other bits than one");
    }
    return wrong;
}

// In training, forward and backward, in either type; the same bits on three threads, and on those of a team.
bool run_training(int channels, int size, int n, int stride, int paths, int apart) {
    const int out_size = (size + stride - 1) / stride;
    const std::vector<float> x = pattern(int64_t{2} * channels * (apart != 0 ? paths : 1) * size * size);
    const std::vector<float> dy = pattern(int64_t{2} * channels * out_size * out_size);
    const std::vector<float> weights = pattern(int64_t{n} * n * paths);
    bool wrong = false;
    for (const int bfloat16 : {0, 1}) {  // of bfloat16 the tensors hold twice as many values as are looked at
        std::vector<float> found[3][4];
        for (int i = 0; i < 3; ++i) {
            found[i][0].resize(dy.size());
            found[i][1].resize(x.size());
            found[i][2].resize(weights.size());
            found[i][3].resize(weights.size());
            fwht::Fwht2dTrainingParams p{};
            p.x = x.data();
            p.thresholds = p.scale = weights.data();
            p.y = found[i][0].data();
            p.batch = 2;
            p.channels = channels;
            p.height = p.width = size;
            p.n = n;
            p.stride = stride;
            p.keep_dc = 1;
            p.paths = paths;
            p.soft = bfloat16;
            p.apart = apart;
            p.bfloat16 = bfloat16;
            fwht_native_set_team(i == 2 ? run_team : nullptr);
            wrong |= said("FWHT2D in training", fwht_native_fwht_2d_training(&p, i == 0 ? 1 : 3));
            p.y_gradient = dy.data();
            p.x_gradient = found[i][1].data();
            p.thresholds_gradient = found[i][2].data();
            p.scale_gradient = found[i][3].data();
            wrong |= said("gradients of FWHT2D", fwht_native_fwht_2d_training(&p, i == 0 ? 1 : 3));
            for (int k = 0; k < 4; ++k) {
                const size_t bytes = found[i][k].size() * sizeof(float);
                if (std::memcmp(found[i][k].data(), found[0][k].data(), bytes) != 0) {
                    wrong |= said("FWHT2D in training", "three threads give other bits than one");
                }
            }
        }
    }
    fwht_native_set_team(nullptr);
    return wrong;
}

}  // namespace
