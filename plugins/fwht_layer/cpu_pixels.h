// Where the pixels of a tile lie in a tensor, and the way between there and rows of the tile. Included per instruction
// set.
#pragma once

#include "../cpu/vector.h"
#include "params.h"

namespace fwht {
namespace {

FWHT_INLINE const float* floats(const void* tensor) { return static_cast<const float*>(tensor); }
FWHT_INLINE float* floats(void* tensor) { return static_cast<float*>(tensor); }

// to[c * to_channel + i * to_pixel] = from[c * from_channel + i * from_pixel]
FWHT_INLINE void copy_pixels(const float* from, ptrdiff_t from_channel, ptrdiff_t from_pixel, float* to,
                             ptrdiff_t to_channel, ptrdiff_t to_pixel, int channels, int count) {
    for (int channel = 0; channel < channels; ++channel) {
        for (int i = 0; i < count; ++i) {
            to[channel * to_channel + i * to_pixel] = from[channel * from_channel + i * from_pixel];
        }
    }
}

// Pixels `first` to `first` + `width` of all images, one after the other. In layout NCHW a tile may end beyond its image
// and go on in the next one; the last tile may be short, and is filled up with zeros.
class TilePixels {
  public:
    TilePixels(const FwhtLayerParams& layer, int64_t first, int width)
        : pixels_(layer.pixels),
          first_(first),
          width_(width),
          count_(left_of(layer.batch * layer.pixels - first, width)),
          nhwc_(layer.layout == kNHWC) {}

    // Channel c of pixel i to rows[c * width + i].
    void gather(const float* tensor, int channels, float* rows) const {
        gather(tensor, channels, channels * pixels_, pixels_, rows);
    }

    // The same where image i begins at i * image_stride and its channel c at c * channel_stride in layout NCHW.
    void gather(const float* tensor, int channels, int64_t image_stride, int64_t channel_stride, float* rows) const {
        for_each_piece(channels, image_stride, channel_stride, [&](ptrdiff_t place, ptrdiff_t channel, ptrdiff_t pixel, int at, int count) {
            if (nhwc_ && count == kLanes) {  // a number of pixels that is known when this is compiled
                copy_pixels(tensor + place, 1, pixel, rows + at, width_, 1, channels, kLanes);
            } else {
                copy_pixels(tensor + place, channel, pixel, rows + at, width_, 1, channels, count);
            }
        });
        for (int c = 0; count_ < width_ && c < channels; ++c) {
            for (int i = count_; i < width_; ++i) {
                rows[int64_t{c} * width_ + i] = 0.0f;
            }
        }
    }

    // The way back.
    void scatter(const float* rows, int channels, float* tensor) const {
        scatter(rows, channels, tensor, channels * pixels_, pixels_);
    }

    void scatter(const float* rows, int channels, float* tensor, int64_t image_stride, int64_t channel_stride) const {
        for_each_piece(channels, image_stride, channel_stride, [&](ptrdiff_t place, ptrdiff_t channel, ptrdiff_t pixel, int at, int count) {
            if (nhwc_ && count == kLanes) {
                copy_pixels(rows + at, width_, 1, tensor + place, 1, pixel, channels, kLanes);
            } else {
                copy_pixels(rows + at, width_, 1, tensor + place, channel, pixel, channels, count);
            }
        });
    }

  private:
    static int left_of(int64_t left, int width) { return left < width ? static_cast<int>(left) : width; }

    // Pixels that lie evenly: where the first one is, from channel to channel, from pixel to pixel, its place in the
    // tile, how many.
    template <typename Body>
    FWHT_INLINE void for_each_piece(int channels, int64_t image_stride, int64_t channel_stride, Body body) const {
        if (nhwc_) {
            body(first_ * channels, 1, channels, 0, count_);
            return;
        }
        for (int at = 0; at < count_;) {
            const int64_t image = (first_ + at) / pixels_;
            const int64_t pixel = (first_ + at) % pixels_;
            const int count = left_of(pixels_ - pixel, count_ - at);
            body(image * image_stride + pixel, channel_stride, 1, at, count);
            at += count;
        }
    }

    const int64_t pixels_;
    const int64_t first_;
    const int width_;
    const int count_;
    const bool nhwc_;
};

}  // namespace
}  // namespace fwht
