#include "tensors.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <thread>

#include "../cpu/scratch.h"
#include "../tensorrt/refuse.h"

namespace fwht {
namespace ort {
namespace {

void require_rank(const char* name, size_t found, size_t rank) {
    if (found != rank) {
        refuse(name, " has ", found, " dimensions, it must have ", rank);
    }
}

struct Parts {
    void (*run)(const void* body, int64_t part, void* scratch);
    const void* body;
    size_t bytes;
    Helpers& helpers;
    const std::thread::id caller;
    std::atomic<bool> out_of_memory;

    void run_one(int64_t part) {
        if (!helpers.seen() && std::this_thread::get_id() != caller) {
            helpers.see();
        }
        void* scratch = thread_scratch(bytes);
        if (scratch == nullptr) {
            out_of_memory = true;
        } else {
            run(body, part, scratch);
        }
    }
};

// The shape is copied where the runtime is too old to show its own, and then into memory that it allocates.
Shape copy_shape(Api api, const Value* value, const char* name, size_t rank) {
    TensorInfo* info = nullptr;
    check(api.tensor_info(value, &info));
    size_t found = 0;
    Shape shape(rank);
    Status* status = api.dimensions_count(info, &found);
    if (status == nullptr && found == rank) {
        status = api.dimensions(info, shape.data(), rank);
    }
    api.release_tensor_info(info);
    check(status);
    require_rank(name, found, rank);
    return shape;
}

Shape read_shape(Api api, const Value* value, const char* name, size_t rank) {
    if (!api.shows_shapes()) {
        return copy_shape(api, value, name, rank);
    }
    int type = 0;
    const int64_t* sizes = nullptr;
    size_t found = 0;
    check(api.show_shape(value, &type, &sizes, &found));
    require_rank(name, found, rank);
    Shape shape(rank);
    std::copy(sizes, sizes + rank, shape.data());
    return shape;
}

// Without data where there are more dimensions than a Shape holds: then every run reads it and says so.
Tensor read_constant(Api api, const Value* value, const char* name) {
    TensorInfo* info = nullptr;
    check(api.tensor_info(value, &info));
    size_t rank = 0;
    Status* status = api.dimensions_count(info, &rank);
    Shape shape(rank);
    const bool fits = rank <= Shape::kMostDimensions;
    if (status == nullptr && fits) {
        status = api.dimensions(info, shape.data(), rank);
    }
    api.release_tensor_info(info);
    check(status);
    void* data = nullptr;
    if (fits) {
        check(api.tensor_data(value, &data));
    }
    return Tensor{name, shape, static_cast<const float*>(data)};
}

}  // namespace

void check(Status* status) {
    if (status != nullptr) {
        throw StatusError{status};
    }
}

Constants read_constants(Api api, const KernelInfo* info, const char* const* names, int count) {
    Constants constants;
    for (int i = 0; i < count; ++i) {
        int is_constant = 0;
        const Value* value = nullptr;
        check(api.constant_input(info, static_cast<size_t>(i), &is_constant, &value));
        constants.push_back(Tensor{names[i], Shape(), nullptr});
        if (is_constant != 0 && value != nullptr) {
            constants.back() = read_constant(api, value, names[i]);
        }
    }
    return constants;
}

Tensor Call::input(size_t index, const char* name, size_t rank) const {
    const Tensor& constant = constants_[index];
    if (constant.data != nullptr) {
        require_rank(name, constant.shape.size(), rank);
        return constant;
    }
    const Value* value = nullptr;
    check(api_.input(context_, index, &value));
    if (value == nullptr) {
        refuse("input ", name, " is missing");
    }
    const Shape shape = read_shape(api_, value, name, rank);
    void* data = nullptr;
    check(api_.tensor_data(value, &data));
    return Tensor{name, shape, static_cast<const float*>(data)};
}

float* Call::output(const Shape& shape, size_t index) const {
    Value* value = nullptr;
    check(api_.output(context_, index, shape.data(), shape.size(), &value));
    void* data = nullptr;
    check(api_.tensor_data(value, &data));
    return static_cast<float*>(data);
}

void Call::run_all(int64_t parts, size_t bytes, RunPart run, const void* body) const {
    Parts all{run, body, bytes, helpers_, std::this_thread::get_id(), {false}};
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
