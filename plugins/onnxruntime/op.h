// An op of ours as ONNX Runtime calls it: op.cpp turns the definition into a table of callbacks that let no exception
// out.
#pragma once

#include <memory>

#include "attributes.h"
#include "tensors.h"

namespace fwht {
namespace ort {

// One node of a session. Several threads may run it at once, so a run changes nothing in it.
class Kernel {
  public:
    virtual ~Kernel() = default;
    virtual void run(const Call& call) const = 0;
};

// The shapes of a graph before it is run, with -1 for a size that is not known.
class ShapeInference {
  public:
    ShapeInference(Api api, ShapeContext* context) : api_(api), context_(context) {}

    // Empty where the rank is not known.
    Shape input(size_t index) const;
    // A list of integers, or a single one; `fallback` where the attribute is missing or of another type.
    Shape integers(const char* name, const Shape& fallback) const;
    // The output has the names of the first input's sizes where the size is not known.
    void set_output(const Shape& shape) const;

  private:
    Api api_;
    ShapeContext* context_;
};

struct OpDefinition {
    const Op& op;
    std::unique_ptr<Kernel> (*make)(const Values& attributes, const Constants& constants);
    void (*infer)(const ShapeInference& shapes);
    size_t outputs = 1;
};

struct RegisteredOp : CustomOp {
    RegisteredOp(const OpDefinition& definition, Api api);
    const OpDefinition& definition;
    const Api api;
};

extern const OpDefinition kFwhtLayerOp;
extern const OpDefinition kFwhtLayerAddOp;
extern const OpDefinition kMfDepthwiseConvOp;
extern const OpDefinition kFwht2dOp;
extern const OpDefinition kFwhtBottleneckOp;
extern const OpDefinition kFwhtBottleneckTimedOp;

}  // namespace ort
}  // namespace fwht
