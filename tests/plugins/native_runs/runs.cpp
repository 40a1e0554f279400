// Runs of the CPU kernels as a program of its own, for sanitizers and for emulated processors: the self-check, the same
// bits on several threads at once, and tensors that end where their memory ends.
#include "maps.h"
#include "tools.h"

namespace {

struct Layer {
    int batch, pixels, in_channels, out_channels, n, pool, paths, soft, residual, block;
};

// Whether something is wrong.
bool run_layer(const Layer& a) {
    const std::vector<float> x = pattern(int64_t{a.batch} * a.pixels * a.in_channels);
    const std::vector<float> weights = pattern(int64_t{a.n} * a.paths);
    const std::vector<float> ends = pattern(a.out_channels);
    std::vector<float> y(static_cast<size_t>(a.batch) * a.pixels * a.out_channels);
    std::vector<float> again(y);
    const std::vector<float> residual = pattern(static_cast<int64_t>(y.size()));
    fwht::FwhtLayerParams p{};
    p.x = x.data();
    p.thresholds = p.scale = weights.data();
    p.gain = p.bias = ends.data();
    p.residual = a.residual != 0 ? residual.data() : nullptr;
    p.y = y.data();
    p.batch = a.batch;
    p.pixels = a.pixels;
    p.in_channels = a.in_channels;
    p.out_channels = a.out_channels;
    p.n = a.n;
    p.pool = a.pool;
    p.keep_dc = 1;
    p.activation = 6;
    p.paths = a.paths;
    p.soft = a.soft;
    p.block = a.block;
    bool wrong = said("FWHTLayer", fwht_native_fwht_layer(&p, 1));
    p.y = again.data();
    wrong |= said("FWHTLayer", fwht_native_fwht_layer(&p, 3));
    if (std::memcmp(y.data(), again.data(), y.size() * sizeof(float)) != 0) {
        wrong |= said("FWHTLayer", "three threads give other bits than one");
    }
    return wrong;
}

// The backward pass, in both layouts; the same bits on three threads, and on those of a team.
bool run_gradients(const Layer& a, int layout) {
    const std::vector<float> x = pattern(int64_t{a.batch} * a.pixels * a.in_channels);
    const std::vector<float> dy = pattern(int64_t{a.batch} * a.pixels * a.out_channels);
    const std::vector<float> weights = pattern(int64_t{a.n} * a.paths);
    std::vector<float> dx[3];
    std::vector<float> thresholds[3];
    std::vector<float> scale[3];
    bool wrong = false;
    for (int i = 0; i < 3; ++i) {
        dx[i].resize(x.size());
        thresholds[i].resize(weights.size());
        scale[i].resize(weights.size());
        fwht::FwhtLayerGradientsParams p{};
        p.layer.x = x.data();
        p.layer.thresholds = p.layer.scale = weights.data();
        p.layer.batch = a.batch;
        p.layer.pixels = a.pixels;
        p.layer.in_channels = a.in_channels;
        p.layer.out_channels = a.out_channels;
        p.layer.n = a.n;
        p.layer.pool = a.pool;
        p.layer.keep_dc = 1;
        p.layer.layout = layout;
        p.layer.paths = a.paths;
        p.layer.soft = a.soft;
        p.y_gradient = dy.data();
        p.x_gradient = dx[i].data();
        p.thresholds_gradient = thresholds[i].data();
        p.scale_gradient = scale[i].data();
        fwht_native_set_team(i == 2 ? run_team : nullptr);
        wrong |= said("gradients of FWHTLayer", fwht_native_fwht_layer_gradients(&p, i == 0 ? 1 : 3));
        if (dx[i] != dx[0] || thresholds[i] != thresholds[0] || scale[i] != scale[0]) {
            wrong |= said("gradients of FWHTLayer", "three threads give other bits than one");
        }
    }
    fwht_native_set_team(nullptr);
    return wrong;
}

bool run_convolution(int batch, int size, int kernel_size, int stride, int op) {
    const int channels = 3;
    fwht::MfDepthwiseConvParams p{};
    p.batch = batch;
    p.channels = channels;
    p.height = p.width = size;
    p.kernel_size = kernel_size;
    p.stride_h = p.stride_w = stride;
    p.pad_top = p.pad_left = kernel_size / 2;
    p.out_height = p.out_width = (size - 1) / stride + 1;
    p.op = op;
    const std::vector<float> x = pattern(int64_t{batch} * channels * size * size);
    const std::vector<float> weight = pattern(int64_t{channels} * kernel_size * kernel_size);
    std::vector<float> y(static_cast<size_t>(batch) * channels * p.out_height * p.out_width);
    p.x = x.data();
    p.weight = p.gain = p.bias = weight.data();
    p.y = y.data();
    return said("MFDepthwiseConv", fwht_native_mf_depthwise_conv(&p, 2));
}

struct Bottleneck {
    int batch, in_channels, hidden, out_channels, n, size, stride, op, residual;
};

bool run_bottleneck(const Bottleneck& a) {
    const int out_size = (a.size - 1) / a.stride + 1;
    const std::vector<float> x = pattern(int64_t{a.batch} * a.in_channels * a.size * a.size);
    const std::vector<float> weights = pattern(a.n);
    const std::vector<float> filter = pattern(int64_t{a.hidden} * 9);
    std::vector<float> y(static_cast<size_t>(a.batch) * a.out_channels * out_size * out_size);
    std::vector<float> again(y);
    fwht::FwhtBottleneckParams p{};
    p.expand.thresholds = p.expand.scale = p.expand.gain = p.expand.bias = weights.data();
    p.expand.n = a.n;
    p.expand.pool = p.expand.keep_dc = p.expand.paths = 1;
    p.project = p.expand;
    p.expand.x = x.data();
    p.expand.activation = 6;
    p.expand.in_channels = a.in_channels;
    p.expand.out_channels = p.project.in_channels = a.hidden;
    p.project.out_channels = a.out_channels;
    p.project.y = y.data();
    p.weight = filter.data();
    p.gain = p.bias = weights.data();
    p.batch = a.batch;
    p.height = p.width = a.size;
    p.stride = a.stride;
    p.op = a.op;
    p.residual = a.residual;
    bool wrong = said("FWHTBottleneck", fwht_native_fwht_bottleneck(&p, 1));
    p.project.y = again.data();
    wrong |= said("FWHTBottleneck", fwht_native_fwht_bottleneck(&p, 3));
    if (std::memcmp(y.data(), again.data(), y.size() * sizeof(float)) != 0) {
        wrong = !said("FWHTBottleneck", "three threads give other bits than one");
    }
    return wrong;
}

}  // namespace

int main() {
    const char* name = fwht_native_instruction_set();
    if (name == nullptr) {
        std::printf("%s\n", fwht_native_refusal());
        return 2;
    }
    bool wrong = said("self-check", fwht_native_self_check());
    const Layer layers[] = {{1, 1, 1, 2, 2, 1, 1, 0, 0, 0},       {3, 5, 7, 8, 8, 1, 2, 1, 1, 0},
                            {2, 49, 60, 20, 64, 3, 1, 0, 0, 0},   {5, 4, 40, 100, 128, 1, 1, 0, 1, 0},
                            {1, 530, 200, 30, 256, 1, 1, 0, 1, 0}, {2, 16, 96, 576, 1024, 1, 3, 1, 0, 0},
                            {1, 17, 300, 1280, 2048, 1, 1, 1, 0, 0}};
    const Layer blocks[] = {{2, 49, 24, 144, 16, 1, 1, 0, 1, 16}, {1, 530, 512, 300, 256, 1, 2, 1, 0, 256},
                            {3, 5, 60, 30, 4, 2, 1, 0, 0, 4},     {1, 530, 768, 256, 256, 3, 1, 0, 1, 256},
                            {2, 9, 12, 1, 2, 11, 1, 1, 0, 2}};
    for (const Layer& layer : blocks) wrong |= run_layer(layer);
    for (const Layer& layer : layers) {
        wrong |= run_layer(layer) || run_gradients(layer, fwht::kNCHW) || run_gradients(layer, fwht::kNHWC);
    }
    for (const int op : {1, 2, 3}) {
        for (const int kernel_size : {3, 5}) {
            wrong |= run_convolution(2, 1, kernel_size, 1, op) || run_convolution(1, 75, kernel_size, 2, op);
        }
    }
    for (int n = 2; n <= 128; n *= 2) {
        const int channels = n < 32 ? 19 : 2;
        wrong |= run_maps(channels, n, n, 1, 1, 0) || run_maps(channels, n - 1, n, 1, 2, 1);
        wrong |= run_maps(channels, n, n, 2, 1, 1) || run_maps(channels, n - 1, n, n < 4 ? 2 : 4, 1, 0);
        wrong |= run_training(channels, n, n, 1, 1, 0) || run_training(channels, n - 1, n, n < 4 ? 2 : 4, 2, 0);
        wrong |= run_training(channels, n, n, 1, 2, 1) || run_training(16, n, n, 1, 1, 1);
    }
    const Bottleneck bottlenecks[] = {{1, 1, 1, 1, 2, 1, 1, 0, 1},       {2, 16, 96, 16, 128, 4, 1, 0, 1},
                                      {9, 7, 33, 12, 64, 5, 2, 1, 0},    {5, 8, 48, 8, 64, 7, 1, 3, 1},
                                      {1, 20, 120, 30, 128, 60, 2, 0, 0}, {2, 3, 100, 3, 128, 55, 1, 2, 1}};
    for (const Bottleneck& bottleneck : bottlenecks) {
        wrong |= run_bottleneck(bottleneck);
    }
    std::vector<std::thread> users;  // several sessions at once
    for (int i = 0; i < 3; ++i) {
        users.emplace_back([&] { run_layer(layers[2]) || run_bottleneck(bottlenecks[1]); });
    }
    for (std::thread& user : users) {
        user.join();
    }
    std::printf("%s: %s\n", name, wrong ? "wrong" : "all right");
    return wrong ? 1 : 0;
}
