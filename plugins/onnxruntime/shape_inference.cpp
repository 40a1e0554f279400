#include "op.h"

namespace fwht {
namespace ort {
namespace {

// Releases a shape of our own making.
class OwnTensorInfo {
  public:
    explicit OwnTensorInfo(Api api) : api_(api) {}
    ~OwnTensorInfo() { api_.release_tensor_info(info_); }
    TensorInfo* info_ = nullptr;

  private:
    Api api_;
};

}  // namespace

Shape ShapeInference::input(size_t index) const {
    TensorInfo* info = nullptr;  // belongs to the context
    Status* status = api_.input_shape(context_, index, &info);
    if (status != nullptr) {
        api_.release_status(status);
        return Shape();
    }
    size_t rank = 0;
    check(api_.dimensions_count(info, &rank));
    if (rank > Shape::kMostDimensions) {
        return Shape();
    }
    Shape shape(rank);
    check(api_.dimensions(info, shape.data(), rank));
    return shape;
}

Shape ShapeInference::integers(const char* name, const Shape& fallback) const {
    const OpAttribute* attribute = nullptr;
    Status* status = api_.attribute(context_, name, &attribute);
    Shape values(fallback);
    size_t bytes = 0;
    if (status == nullptr) {
        status = api_.read_integers(attribute, values.data(), values.size() * sizeof(int64_t), &bytes);
    }
    if (status == nullptr && bytes == values.size() * sizeof(int64_t)) {
        return values;
    }
    if (status != nullptr) {
        api_.release_status(status);
    }
    return fallback;
}

void ShapeInference::set_output(const Shape& shape) const {
    TensorInfo* x = nullptr;
    check(api_.input_shape(context_, 0, &x));
    const char* names[Shape::kMostDimensions] = {"", "", "", ""};
    check(api_.symbolic_dimensions(x, names, shape.size()));
    for (size_t i = 0; i < shape.size(); ++i) {
        names[i] = shape[i] < 0 ? names[i] : "";
    }
    OwnTensorInfo y(api_);
    check(api_.create_tensor_info(&y.info_));
    check(api_.set_element_type(y.info_, kFloat));
    check(api_.set_dimensions(y.info_, shape.data(), shape.size()));
    check(api_.set_symbolic_dimensions(y.info_, names, shape.size()));
    check(api_.set_output_shape(context_, 0, y.info_));
}

}  // namespace ort
}  // namespace fwht
