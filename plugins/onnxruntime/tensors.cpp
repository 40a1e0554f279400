#include "tensors.h"

#include <atomic>
#include <new>

#include "../cpu/scratch.h"
#include "../tensorrt/refuse.h"

namespace fwht {
namespace ort {
namespace {

struct Parts {
    const std::function<void(int64_t, void*)>& run;
    size_t bytes;
    std::atomic<bool> out_of_memory;

    void run_one(int64_t part) {
        void* scratch = thread_scratch(bytes);
        if (scratch == nullptr) {
            out_of_memory = true;
        } else {
            run(part, scratch);
        }
    }
};

}  // namespace

void check(Status* status) {
    if (status != nullptr) {
        throw StatusError{status};
    }
}

Tensor Call::input(size_t index, const char* name, size_t rank) const {
    const Value* value = nullptr;
    check(api_.input(context_, index, &value));
    if (value == nullptr) {
        refuse("input ", name, " is missing");
    }
    TensorInfo* info = nullptr;
    check(api_.tensor_info(value, &info));
    size_t found = 0;
    Shape shape;
    Status* status = api_.dimensions_count(info, &found);
    if (status == nullptr) {
        shape.resize(found);
        status = api_.dimensions(info, shape.data(), found);
    }
    api_.release_tensor_info(info);
    check(status);
    if (found != rank) {
        refuse(name, " has ", found, " dimensions, it must have ", rank);
    }
    void* data = nullptr;
    check(api_.tensor_data(value, &data));
    return Tensor{name, shape, static_cast<const float*>(data)};
}

float* Call::output(const Shape& shape) const {
    Value* value = nullptr;
    check(api_.output(context_, 0, shape.data(), shape.size(), &value));
    void* data = nullptr;
    check(api_.tensor_data(value, &data));
    return static_cast<float*>(data);
}

void Call::run_parts(int64_t parts, size_t bytes, const std::function<void(int64_t, void*)>& run) const {
    Parts all{run, bytes, {false}};
    if (parts == 1) {
        all.run_one(0);
    } else if (parts > 1) {
        const auto run_one = [](void* data, size_t part) {
            static_cast<Parts*>(data)->run_one(static_cast<int64_t>(part));
        };
        check(api_.parallel_for(context_, run_one, static_cast<size_t>(parts), &all));
    }
    if (all.out_of_memory) {
        throw std::bad_alloc();
    }
}

void require_size(const Tensor& tensor, size_t axis, int64_t size, const char* meaning) {
    if (tensor.shape[axis] != size) {
        refuse("dimension ", axis, " of ", tensor.name, " is ", tensor.shape[axis], ", it must be ", size, ", ",
               meaning);
    }
}

int32_t narrow_size(const Tensor& tensor, size_t axis) {
    const int64_t size = tensor.shape[axis];
    if (size > INT32_MAX) {
        refuse("dimension ", axis, " of ", tensor.name, " is ", size, ", it must be below 2^31");
    }
    return static_cast<int32_t>(size);
}

}  // namespace ort
}  // namespace fwht
