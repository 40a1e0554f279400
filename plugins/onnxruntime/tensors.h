// The inputs and outputs of one call, and the threads it may use.
#pragma once

#include <atomic>
#include <initializer_list>
#include <string>
#include <vector>

#include "ort_api.h"

namespace fwht {
namespace ort {

// Sizes, without memory of their own to allocate; -1 where a size is not known.
class Shape {
  public:
    static constexpr size_t kMostDimensions = 4;

    explicit Shape(size_t rank = 0) : rank_(rank) {}
    Shape(std::initializer_list<int64_t> sizes) : rank_(sizes.size()) {
        size_t axis = 0;
        for (const int64_t size : sizes) {
            sizes_[axis++] = size;
        }
    }

    size_t size() const { return rank_; }
    int64_t* data() { return sizes_; }
    const int64_t* data() const { return sizes_; }
    int64_t& operator[](size_t axis) { return sizes_[axis]; }
    int64_t operator[](size_t axis) const { return sizes_[axis]; }

  private:
    size_t rank_;
    int64_t sizes_[kMostDimensions] = {};
};

struct Tensor {
    const char* name;
    Shape shape;
    const float* data;
};

// By input, what is the same in every run of a session: initializers that nobody can override. Data is null where it
// is not.
using Constants = std::vector<Tensor>;

// What ONNX Runtime itself complained of; whoever catches it hands the status back.
struct StatusError {
    Status* status;
};

// Throws StatusError where the status is one of failure.
void check(Status* status);

// Those of a node's inputs, in the order of `names`.
Constants read_constants(Api api, const KernelInfo* info, const char* const* names, int count);

// Whether other threads than the calling one have been seen to take parts of a node's runs: a session does not tell how
// many it has. What follows from it shows in no result.
class Helpers {
  public:
    bool seen() const { return seen_.load(std::memory_order_relaxed); }
    void see() { seen_.store(true, std::memory_order_relaxed); }

  private:
    std::atomic<bool> seen_{false};
};

class Call {
  public:
    // The constants and the helpers, which are the node's, must outlive the call.
    Call(Api api, KernelContext* context, const Constants& constants, Helpers& helpers)
        : api_(api), context_(context), constants_(constants), helpers_(helpers) {}

    // Whether several threads take parts, as far as is known.
    bool is_helped() const { return helpers_.seen(); }

    // Throws std::invalid_argument where it has another rank than `rank`, 4 at most.
    Tensor input(size_t index, const char* name, size_t rank) const;
    float* output(const Shape& shape, size_t index = 0) const;

    // run(part, scratch) for each part below `parts`, on the session's threads; scratch is `bytes` bytes of the
    // thread's own, on an address divisible by 64. Throws std::bad_alloc where memory for that is out; some parts are
    // not run then.
    template <typename Run>
    void run_parts(int64_t parts, size_t bytes, const Run& run) const {
        const auto run_one = [](const void* body, int64_t part, void* scratch) {
            (*static_cast<const Run*>(body))(part, scratch);
        };
        run_all(parts, bytes, run_one, &run);
    }

  private:
    using RunPart = void (*)(const void* body, int64_t part, void* scratch);
    void run_all(int64_t parts, size_t bytes, RunPart run, const void* body) const;

    Api api_;
    KernelContext* context_;
    const Constants& constants_;
    Helpers& helpers_;
};

// The size of dimension `axis` of a tensor must be `size`. Throws std::invalid_argument with a sentence that names
// both.
void require_size(const Tensor& tensor, size_t axis, int64_t size, const char* meaning);

// A size as the kernels hold it. Throws std::invalid_argument where it is too large.
int32_t narrow_size(const Tensor& tensor, size_t axis);

}  // namespace ort
}  // namespace fwht
