// What this library uses of ONNX Runtime's C interface, declared by ourselves: its header is in no Python wheel. The
// table of functions only ever grows at its end, so a function's place in it is its name; those below stand in every
// ONNX Runtime from 1.17 on. tests/plugins/test_onnxruntime_versions.py runs them all.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fwht {
namespace ort {

constexpr uint32_t kApiVersion = 17;  // the oldest that has all of this

// Objects of ONNX Runtime's, known by address only. A null status is success.
struct Status;
struct KernelInfo;
struct KernelContext;
struct Value;
struct TensorInfo;
struct OpDomain;
struct SessionOptions;
struct ShapeContext;
struct OpAttribute;

struct ApiTable {
    void* functions[1];  // and more; see Api
};

struct ApiBase {
    const ApiTable* (*get_api)(uint32_t version);  // null, and a line on stderr, where the runtime is older
    const char* (*get_version)();                  // "1.17.3"
};

enum ErrorCode : int { kFail = 1, kInvalidArgument = 2 };
enum ElementType : int { kFloat = 1 };

// OrtCustomOp. Members that stay null are optional or have a second version that is used.
struct CustomOp {
    uint32_t version;
    void* (*create)(const CustomOp*, const ApiTable*, const KernelInfo*);
    const char* (*name)(const CustomOp*);
    const char* (*provider)(const CustomOp*);
    int (*input_type)(const CustomOp*, size_t index);
    size_t (*input_count)(const CustomOp*);
    int (*output_type)(const CustomOp*, size_t index);
    size_t (*output_count)(const CustomOp*);
    void (*compute)(void* kernel, KernelContext*);
    void (*destroy)(void* kernel);
    int (*input_characteristic)(const CustomOp*, size_t index);  // 0: required
    int (*output_characteristic)(const CustomOp*, size_t index);
    int (*input_memory)(const CustomOp*, size_t index);  // 0: default
    int (*variadic_input_least)(const CustomOp*);
    int (*variadic_input_homogeneous)(const CustomOp*);
    int (*variadic_output_least)(const CustomOp*);
    int (*variadic_output_homogeneous)(const CustomOp*);
    Status* (*create_v2)(const CustomOp*, const ApiTable*, const KernelInfo*, void** kernel);
    Status* (*compute_v2)(void* kernel, KernelContext*);
    Status* (*infer_shape)(const CustomOp*, ShapeContext*);
    int (*start_version)(const CustomOp*);
    int (*end_version)(const CustomOp*);
    void* later[8];  // of versions that this library does not declare
};

// The functions by name. Cheap to copy.
class Api {
  public:
    // `version`: the newest that the runtime has; that of CustomOp stays the oldest.
    explicit Api(const ApiTable* table, int version = static_cast<int>(kApiVersion))
        : table_(table), version_(version) {}

    Status* create_status(ErrorCode code, const char* text) const {
        return at<Status*, int, const char*>(0)(code, text);
    }
    void release_status(Status* status) const { at<void, Status*>(93)(status); }

    Status* create_domain(const char* name, OpDomain** domain) const {
        return at<Status*, const char*, OpDomain**>(26)(name, domain);
    }
    Status* add_op(OpDomain* domain, const CustomOp* op) const {
        return at<Status*, OpDomain*, const CustomOp*>(27)(domain, op);
    }
    Status* add_domain(SessionOptions* options, OpDomain* domain) const {
        return at<Status*, SessionOptions*, OpDomain*>(28)(options, domain);
    }

    Status* tensor_data(const Value* value, void** data) const {
        return at<Status*, const Value*, void**>(51)(value, data);
    }
    Status* tensor_info(const Value* value, TensorInfo** info) const {
        return at<Status*, const Value*, TensorInfo**>(65)(value, info);
    }
    Status* create_tensor_info(TensorInfo** info) const { return at<Status*, TensorInfo**>(57)(info); }
    Status* set_element_type(TensorInfo* info, int type) const { return at<Status*, TensorInfo*, int>(58)(info, type); }
    Status* set_dimensions(TensorInfo* info, const int64_t* values, size_t count) const {
        return at<Status*, TensorInfo*, const int64_t*, size_t>(59)(info, values, count);
    }
    Status* dimensions_count(const TensorInfo* info, size_t* count) const {
        return at<Status*, const TensorInfo*, size_t*>(61)(info, count);
    }
    Status* dimensions(const TensorInfo* info, int64_t* values, size_t count) const {
        return at<Status*, const TensorInfo*, int64_t*, size_t>(62)(info, values, count);
    }
    Status* symbolic_dimensions(const TensorInfo* info, const char** names, size_t count) const {
        return at<Status*, const TensorInfo*, const char**, size_t>(63)(info, names, count);
    }
    Status* set_symbolic_dimensions(TensorInfo* info, const char** names, size_t count) const {
        return at<Status*, TensorInfo*, const char**, size_t>(271)(info, names, count);
    }
    // From version 24 on: the tensor's own sizes, without a copy.
    bool shows_shapes() const { return version_ >= 24; }
    Status* show_shape(const Value* value, int* type, const int64_t** sizes, size_t* rank) const {
        return at<Status*, const Value*, int*, const int64_t**, size_t*>(414)(value, type, sizes, rank);
    }
    void release_tensor_info(TensorInfo* info) const { at<void, TensorInfo*>(99)(info); }

    Status* attribute_float(const KernelInfo* info, const char* name, float* value) const {
        return at<Status*, const KernelInfo*, const char*, float*>(85)(info, name, value);
    }
    Status* attribute_int(const KernelInfo* info, const char* name, int64_t* value) const {
        return at<Status*, const KernelInfo*, const char*, int64_t*>(86)(info, name, value);
    }
    Status* attribute_string(const KernelInfo* info, const char* name, char* text, size_t* size) const {
        return at<Status*, const KernelInfo*, const char*, char*, size_t*>(87)(info, name, text, size);
    }
    Status* attribute_ints(const KernelInfo* info, const char* name, int64_t* values, size_t* count) const {
        return at<Status*, const KernelInfo*, const char*, int64_t*, size_t*>(163)(info, name, values, count);
    }

    // The value of an initializer that cannot be overridden; it lives as long as the session.
    Status* constant_input(const KernelInfo* info, size_t index, int* is_constant, const Value** value) const {
        return at<Status*, const KernelInfo*, size_t, int*, const Value**>(249)(info, index, is_constant, value);
    }

    Status* input(const KernelContext* context, size_t index, const Value** value) const {
        return at<Status*, const KernelContext*, size_t, const Value**>(90)(context, index, value);
    }
    Status* output(KernelContext* context, size_t index, const int64_t* shape, size_t rank, Value** value) const {
        return at<Status*, KernelContext*, size_t, const int64_t*, size_t, Value**>(91)(context, index, shape, rank,
                                                                                        value);
    }
    // body(data, i) for each i below count, on the session's threads, in any order.
    Status* parallel_for(const KernelContext* context, void (*body)(void*, size_t), size_t count, void* data) const {
        constexpr size_t kByItself = 0;  // let the runtime decide how many indices a thread takes at once
        return at<Status*, const KernelContext*, void (*)(void*, size_t), size_t, size_t, void*>(274)(
            context, body, count, kByItself, data);
    }

    Status* input_shape(ShapeContext* context, size_t index, TensorInfo** info) const {
        return at<Status*, ShapeContext*, size_t, TensorInfo**>(268)(context, index, info);
    }
    Status* attribute(const ShapeContext* context, const char* name, const OpAttribute** attribute) const {
        return at<Status*, const ShapeContext*, const char*, const OpAttribute**>(269)(context, name, attribute);
    }
    Status* read_integers(const OpAttribute* attribute, int64_t* values, size_t room, size_t* bytes) const {
        const int type = room == sizeof(int64_t) ? 1 : 2;  // an integer or a list of integers
        return at<Status*, const OpAttribute*, int, void*, size_t, size_t*>(272)(attribute, type, values, room, bytes);
    }
    Status* set_output_shape(const ShapeContext* context, size_t index, const TensorInfo* info) const {
        return at<Status*, const ShapeContext*, size_t, const TensorInfo*>(270)(context, index, info);
    }

  private:
    template <typename Result, typename... Arguments>
    Result (*at(int slot) const)(Arguments...) {
        return reinterpret_cast<Result (*)(Arguments...)>(table_->functions[slot]);
    }

    const ApiTable* table_;
    int version_;
};

}  // namespace ort
}  // namespace fwht
