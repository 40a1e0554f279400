// Between tensors whose channels come last and tiles in which each map lies by itself, as many maps as a vector has
// lanes. Included per instruction set.
#pragma once

#include "../cpu/vector.h"

namespace fwht {
namespace {

struct Float32 {
    typedef float Value;
    static FWHT_INLINE Vector load_lanes(const float* from) { return load(from); }
    static FWHT_INLINE void store_lanes(float* to, Vector value) { store(to, value); }
};

struct BFloat16 {
    typedef uint16_t Value;
    static FWHT_INLINE Vector load_lanes(const uint16_t* from) { return load_bfloat16(from); }
    static FWHT_INLINE void store_lanes(uint16_t* to, Vector value) { store_bfloat16(to, value); }
};

// An image (height, width, channels), of which `lanes` channels from the pointer given on are meant, and a tile of
// side x side of its windows of stride x stride pixels.
struct ImageShape {
    int height, width, channels, stride, side;
    int lanes;  // at most kLanes

    // Whether every vector of the tile is one of the image.
    bool fits() const { return stride == 1 && height == side && width == side && lanes == kLanes; }
};

template <typename Element>
class ChannelsLast {
    typedef typename Element::Value Value;

  public:
    // The sums of the windows, 0 where there are no pixels and no channels.
    static void read(const ImageShape& shape, const Value* image, float* tile, ptrdiff_t distance) {
        bool fits = shape.fits();
        const int area = shape.side * shape.side;
        ptrdiff_t channels = shape.channels;
        if (area == 1) {
            store(tile, sum_window(shape, image, 0));
            return;
        }
        for (int at = 0; at < area; at += 4) {
            Vector pixels[4];
            const Value* const from = image + at * channels;
            repeat<4>([&](auto k) FWHT_UNROLLED {
                pixels[k] = fits ? Element::load_lanes(from + k * channels) : sum_window(shape, image, at + k);
            });
            store_quads(tile + at, distance, pixels);
        }
    }

    // Each value of the tile to all pixels of its window: the lanes from `first` on.
    static void write(const ImageShape& shape, const float* tile, ptrdiff_t distance, int first, Value* image) {
        bool fits = shape.fits() && first == 0;
        const int area = shape.side * shape.side;
        ptrdiff_t channels = shape.channels;
        if (area == 1) {
            fill_window(shape, load(tile), 0, first, image);
            return;
        }
        for (int at = 0; at < area; at += 4) {
            Vector pixels[4];
            load_quads(tile + at, distance, pixels);
            Value* const to = image + at * channels;
            repeat<4>([&](auto k) FWHT_UNROLLED {
                if (fits) {
                    Element::store_lanes(to + k * channels, pixels[k]);
                } else {
                    fill_window(shape, pixels[k], at + k, first, image);
                }
            });
        }
    }

  private:
    static int smaller(int a, int b) { return a < b ? a : b; }

    static Vector sum_window(const ImageShape& shape, const Value* image, int at) {
        const int top = at / shape.side * shape.stride;
        const int left = at % shape.side * shape.stride;
        const int bottom = smaller(top + shape.stride, shape.height);
        const int right = smaller(left + shape.stride, shape.width);
        Vector sum = splat(0.0f);
        for (int i = top; i < bottom; ++i) {
            for (int j = left; j < right; ++j) {
                sum = sum + load_some(image + (ptrdiff_t{i} * shape.width + j) * shape.channels, shape.lanes);
            }
        }
        return sum;
    }

    static void fill_window(const ImageShape& shape, Vector value, int at, int first, Value* image) {
        const int top = at / shape.side * shape.stride;
        const int left = at % shape.side * shape.stride;
        const int bottom = smaller(top + shape.stride, shape.height);
        const int right = smaller(left + shape.stride, shape.width);
        for (int i = top; i < bottom; ++i) {
            for (int j = left; j < right; ++j) {
                Value* const pixel = image + (ptrdiff_t{i} * shape.width + j) * shape.channels;
                store_some(pixel, value, first, shape.lanes);
            }
        }
    }

    static Vector load_some(const Value* from, int lanes) {
        if (lanes == kLanes) {
            return Element::load_lanes(from);
        }
        Value values[kLanes] = {};
        for (int lane = 0; lane < lanes; ++lane) {
            values[lane] = from[lane];
        }
        return Element::load_lanes(values);
    }

    static void store_some(Value* to, Vector value, int first, int lanes) {
        if (first == 0 && lanes == kLanes) {
            Element::store_lanes(to, value);
            return;
        }
        Value values[kLanes];
        Element::store_lanes(values, value);
        for (int lane = first; lane < lanes; ++lane) {
            to[lane] = values[lane];
        }
    }
};

}  // namespace
}  // namespace fwht
