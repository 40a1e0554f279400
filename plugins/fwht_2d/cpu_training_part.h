// A part of one run in training, forward or backward: the maps of as many channels as a vector has lanes at a time.
// Included per instruction set.
#pragma once

#include "cpu_channels_last.h"
#include "cpu_training.h"
#include "cpu_training_middle.h"
#include "cpu_weights.h"

namespace fwht {
namespace {

// The factor of a transform, a power of two.
struct Scaled {
    Vector factor;
    FWHT_INLINE Vector of(Vector y) const { return y * factor; }
};

template <int kSide, typename Element>
class TrainingPart {
    typedef typename Element::Value Value;

  public:
    TrainingPart(const Fwht2dTrainingParams& p, const Fwht2dTrainingPlan& plan, void* scratch)
        : p_(p),
          plan_(plan),
          distance_(plan.distance),
          a_(static_cast<float*>(scratch)),
          b_(a_ + tile_size()),
          limits_(b_ + tile_size()),
          scales_(limits_ + p.paths * kPeriod),
          limit_sums_(scales_ + p.paths * kPeriod),
          scale_sums_(limit_sums_ + p.paths * kPeriod),
          weights_{limits_, scales_, limit_sums_, scale_sums_, kPeriod, kArea, p.keep_dc != 0, 1.0f / p.n} {
        lay_out_weights<kSide>(p, p.thresholds, limits_, 1.0f);
        lay_out_weights<kSide>(p, p.scale, scales_, weights_.factor);
        for (int64_t i = int64_t{kLanes} * distance_; i < tile_size(); ++i) {  // shares a vector with the last map
            a_[i] = b_[i] = 0.0f;
        }
        for (int i = 0; i < 2 * p.paths * kPeriod; ++i) {
            limit_sums_[i] = 0.0f;
        }
    }

    void run_item(int64_t item) {
        const int64_t image = item / plan_.blocks;
        const int wanted = static_cast<int>(item % plan_.blocks) * kLanes;
        // A last block of fewer channels begins with some of the block before, so that it can be read as vectors.
        const int channel = wanted + kLanes <= p_.channels ? wanted : p_.channels < kLanes ? 0 : p_.channels - kLanes;
        const int lanes = p_.channels - channel < kLanes ? p_.channels - channel : kLanes;
        const Block block = {image, channel, wanted - channel, lanes};
        if (p_.y_gradient == nullptr) {
            run_forward(block);
        } else {
            run_backward(block);
        }
    }

    // The sums of the vectors that maps share, in the order of the weights: (paths, kArea) of either kind.
    void write_sums(float* partial) const {
        const float factor = weights_.factor;
        for (int path = 0; path < p_.paths; ++path) {
            for (int i = 0; i < kArea; ++i) {
                float limit = 0.0f;
                float scale = 0.0f;
                for (int at = path * kPeriod + i; at < (path + 1) * kPeriod; at += kArea) {
                    limit -= limit_sums_[at];
                    scale += scale_sums_[at];
                }
                const bool passes = p_.keep_dc != 0 && i == 0;
                partial[path * kArea + i] = passes ? 0.0f : limit * factor;
                partial[(p_.paths + path) * kArea + i] = passes ? 0.0f : scale * factor * factor;
            }
        }
    }

  private:
    static constexpr int kArea = kSide * kSide;
    static constexpr int kPeriod = kArea > kLanes ? kArea : kLanes;  // small maps share a vector
    static constexpr int kVectors = kPeriod / kLanes;
    static constexpr int kBlock = kVectors < kBlockVectors ? kVectors : kBlockVectors;
    static constexpr int kStages = log_of(kArea < kLanes ? kArea : kLanes);

    // The channels `channel` to `channel` + `lanes` - 1 of an image, of which those before `first` are not meant.
    struct Block {
        int64_t image;
        int channel, first, lanes;
    };

    int64_t tile_size() const { return int64_t{kLanes} * distance_ + 16; }  // as plan_fwht_2d_training has it

    ImageShape x_shape(const Block& block) const {
        const int channels = p_.apart != 0 ? p_.paths * p_.channels : p_.channels;
        return {p_.height, p_.width, channels, p_.stride, kSide, block.lanes};
    }

    ImageShape y_shape(const Block& block) const {
        const int height = (p_.height + p_.stride - 1) / p_.stride;
        const int width = (p_.width + p_.stride - 1) / p_.stride;
        return {height, width, p_.channels, 1, kSide, block.lanes};
    }

    // Where the block's channels of the image begin; of path `path`, where each has its own.
    static int64_t place(const ImageShape& shape, const Block& block, int64_t path, int64_t channels) {
        return block.image * shape.height * shape.width * shape.channels + path * channels + block.channel;
    }

    // body(stretch) for the block's maps: large ones each by itself.
    template <typename Body>
    void for_stretches(const Block& block, const Body& body) const {
        const int maps = block.lanes - block.first;
        if (distance_ == kArea) {
            const ptrdiff_t from = ptrdiff_t{block.first} * kArea;
            body(Stretch{a_ + from, b_ + from, (maps * kArea + kPeriod - 1) / kPeriod, maps});
            return;
        }
        for (int map = block.first; map < block.lanes; ++map) {
            const ptrdiff_t from = ptrdiff_t{map} * distance_;
            body(Stretch{a_ + from, b_ + from, 1, 1});
        }
    }

    static FWHT_INLINE void transform_maps(float* maps, int periods) {
        const ptrdiff_t vectors = ptrdiff_t{periods} * kVectors;
        run_low_pass<kBlock, kStages>(maps, maps, vectors, AsItIs());
        HighPasses<kBlock, kVectors>::run(maps, vectors);
    }

    FWHT_INLINE void transform_back(float* maps, int periods) const {
        const ptrdiff_t vectors = ptrdiff_t{periods} * kVectors;
        HighPasses<kBlock, kVectors>::run(maps, vectors);
        run_low_pass<kBlock, kStages>(maps, maps, vectors, Scaled{splat(weights_.factor)});
    }

    void run_forward(const Block& block) const {
        const ImageShape shape = x_shape(block);
        const auto middle = p_.soft != 0 ? bend_stretch<true> : bend_stretch<false>;
        int runs = p_.apart != 0 ? p_.paths : 1;
        for (int run = 0; run < runs; ++run) {
            const Value* const x = static_cast<const Value*>(p_.x) + place(shape, block, run, p_.channels);
            ChannelsLast<Element>::read(shape, x, a_, distance_);
            for_stretches(block, [&](Stretch maps) {
                maps.b = runs == 1 ? maps.a : maps.b;  // in place where that is all: one tile in the cache
                transform_maps(maps.a, maps.periods);
                middle(weights_, maps, run, p_.apart != 0 ? run + 1 : p_.paths, run > 0);
                if (run + 1 == runs) {
                    transform_back(maps.b, maps.periods);
                }
            });
        }
        const ImageShape out = y_shape(block);
        Value* const y = static_cast<Value*>(p_.y) + place(out, block, 0, 0);
        ChannelsLast<Element>::write(out, runs == 1 ? a_ : b_, distance_, block.first, y);
    }

    void run_backward(const Block& block) const {
        const ImageShape in = y_shape(block);
        const Value* const dy = static_cast<const Value*>(p_.y_gradient) + place(in, block, 0, 0);
        ChannelsLast<Element>::read(in, dy, b_, distance_);
        for_stretches(block, [&](const Stretch& maps) { transform_maps(maps.b, maps.periods); });
        const ImageShape shape = x_shape(block);
        const auto middle = p_.soft != 0 ? differentiate_stretch<true> : differentiate_stretch<false>;
        int runs = p_.apart != 0 ? p_.paths : 1;
        for (int run = 0; run < runs; ++run) {
            const int64_t from = place(shape, block, run, p_.channels);
            ChannelsLast<Element>::read(shape, static_cast<const Value*>(p_.x) + from, a_, distance_);
            for_stretches(block, [&](const Stretch& maps) {
                transform_maps(maps.a, maps.periods);
                middle(weights_, maps, run, p_.apart != 0 ? run + 1 : p_.paths);
                transform_back(maps.a, maps.periods);
            });
            Value* const dx = static_cast<Value*>(p_.x_gradient) + from;
            ChannelsLast<Element>::write(shape, a_, distance_, block.first, dx);
        }
    }

    const Fwht2dTrainingParams& p_;
    const Fwht2dTrainingPlan& plan_;
    const ptrdiff_t distance_;
    float* const a_;
    float* const b_;
    float* const limits_;
    float* const scales_;
    float* const limit_sums_;
    float* const scale_sums_;
    const TrainingWeights weights_;
};

template <int kSide, typename Element>
void run_training(const Fwht2dTrainingParams& p, const Fwht2dTrainingPlan& plan, int64_t part, void* scratch,
                  float* partial) {
    TrainingPart<kSide, Element> run(p, plan, scratch);
    const int64_t last = (part + 1) * plan.items / plan.parts;
    for (int64_t item = part * plan.items / plan.parts; item < last; ++item) {
        run.run_item(item);
    }
    if (p.y_gradient != nullptr) {
        run.write_sums(partial);
    }
}

template <int kSide>
void run_training_of(const Fwht2dTrainingParams& p, const Fwht2dTrainingPlan& plan, int64_t part, void* scratch,
                     float* partial) {
    if (p.bfloat16 != 0) {
        run_training<kSide, BFloat16>(p, plan, part, scratch, partial);
    } else {
        run_training<kSide, Float32>(p, plan, part, scratch, partial);
    }
}

// `partial`: plan.sums floats of this part's own in a backward run.
void run_fwht_2d_training_part(const Fwht2dTrainingParams& p, const Fwht2dTrainingPlan& plan, int64_t part,
                               void* scratch, float* partial) {
    switch (p.n / p.stride) {
        case 1: return run_training_of<1>(p, plan, part, scratch, partial);
        case 2: return run_training_of<2>(p, plan, part, scratch, partial);
        case 4: return run_training_of<4>(p, plan, part, scratch, partial);
        case 8: return run_training_of<8>(p, plan, part, scratch, partial);
        case 16: return run_training_of<16>(p, plan, part, scratch, partial);
        case 32: return run_training_of<32>(p, plan, part, scratch, partial);
        case 64: return run_training_of<64>(p, plan, part, scratch, partial);
        default: return run_training_of<128>(p, plan, part, scratch, partial);
    }
}

}  // namespace
}  // namespace fwht
