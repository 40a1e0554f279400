// The inputs and outputs of one call, and the threads it may use.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ort_api.h"

namespace fwht {
namespace ort {

using Shape = std::vector<int64_t>;  // -1 where a size is not known

struct Tensor {
    const char* name;
    Shape shape;
    const float* data;
};

// What ONNX Runtime itself complained of; whoever catches it hands the status back.
struct StatusError {
    Status* status;
};

// Throws StatusError where the status is one of failure.
void check(Status* status);

class Call {
  public:
    Call(Api api, KernelContext* context) : api_(api), context_(context) {}

    // Throws std::invalid_argument where it has another rank.
    Tensor input(size_t index, const char* name, size_t rank) const;
    float* output(const Shape& shape) const;

    // run(part, scratch) for each part below `parts`, on the session's threads; scratch is `bytes` bytes of the
    // thread's own, on an address divisible by 64. Throws std::bad_alloc where memory for that is out; some parts are
    // not run then.
    void run_parts(int64_t parts, size_t bytes, const std::function<void(int64_t, void*)>& run) const;

  private:
    Api api_;
    KernelContext* context_;
};

// The size of dimension `axis` of a tensor must be `size`. Throws std::invalid_argument with a sentence that names
// both.
void require_size(const Tensor& tensor, size_t axis, int64_t size, const char* meaning);

// A size as the kernels hold it. Throws std::invalid_argument where it is too large.
int32_t narrow_size(const Tensor& tensor, size_t axis);

}  // namespace ort
}  // namespace fwht
