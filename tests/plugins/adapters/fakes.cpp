#include "fakes.h"

#include <mutex>
#include <stdexcept>

namespace {

std::mutex guard;
std::vector<std::string> lines;
bool is_there = true;

class Logger : public nvinfer1::ILogger {
    void log(Severity severity, const char* line) noexcept override {
        const std::lock_guard<std::mutex> lock(guard);
        lines.push_back(severity == Severity::kERROR ? line : std::string("not an error: ") + line);
    }
};

const Expression& own(const nvinfer1::IDimensionExpr& expression) { return static_cast<const Expression&>(expression); }

// Rounds towards minus infinity.
int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

int64_t computed(nvinfer1::DimensionOperation op, int64_t a, int64_t b) {
    switch (op) {
        case nvinfer1::DimensionOperation::kSUM: return a + b;
        case nvinfer1::DimensionOperation::kSUB: return a - b;
        case nvinfer1::DimensionOperation::kPROD: return a * b;
        case nvinfer1::DimensionOperation::kFLOOR_DIV: return floor_div(a, b);
        default: throw std::runtime_error("an operation that the fake does not know");
    }
}

std::string sign_of(nvinfer1::DimensionOperation op) {
    switch (op) {
        case nvinfer1::DimensionOperation::kSUM: return "+";
        case nvinfer1::DimensionOperation::kSUB: return "-";
        case nvinfer1::DimensionOperation::kPROD: return "*";
        default: return "/";
    }
}

}  // namespace

// In place of libnvinfer's.
extern "C" nvinfer1::ILogger* getLogger() noexcept {
    static Logger logger;
    return is_there ? &logger : nullptr;
}

std::vector<std::string> logged() {
    const std::lock_guard<std::mutex> lock(guard);
    return std::exchange(lines, {});
}

std::string logged_line() {
    const std::vector<std::string> all = logged();
    if (all.size() != 1) {
        throw std::runtime_error(std::to_string(all.size()) + " lines were logged instead of one");
    }
    return all[0];
}

void have_logger(bool there) { is_there = there; }

Expression::Expression(Extent value) {
    body_.constant = true;
    body_.value = value;
    mImpl = &body_;
}

Expression::Expression(std::string text) {
    body_.text = std::move(text);
    mImpl = &body_;
}

std::string Expression::text() const { return body_.constant ? std::to_string(body_.value) : body_.text; }

Builder::Builder() { mImpl = &body_; }

nvinfer1::DimsExprs Builder::shape(std::initializer_list<int> extents) {
    nvinfer1::DimsExprs shape{};
    for (const int extent : extents) {
        if (extent < 0) {
            body_.made.emplace_back(std::string(1, "NCHW"[shape.nbDims]));
        } else {
            body_.made.emplace_back(static_cast<Extent>(extent));
        }
        shape.d[shape.nbDims++] = &body_.made.back();
    }
    return shape;
}

const nvinfer1::IDimensionExpr* Builder::Body::constant(Extent value) {
    made.emplace_back(value);
    return &made.back();
}

const nvinfer1::IDimensionExpr* Builder::Body::operation(nvinfer1::DimensionOperation op,
                                                         const nvinfer1::IDimensionExpr& first,
                                                         const nvinfer1::IDimensionExpr& second) {
    if (first.isConstant() && second.isConstant()) {
        return constant(static_cast<Extent>(computed(op, first.getConstantValue(), second.getConstantValue())));
    }
    made.emplace_back("(" + own(first).text() + sign_of(op) + own(second).text() + ")");
    return &made.back();
}

std::string text_of(const nvinfer1::DimsExprs& shape) {
    std::string text;
    for (int i = 0; i < shape.nbDims; ++i) {
        text += (i == 0 ? "" : " ") + own(*shape.d[i]).text();
    }
    return text;
}

nvinfer1::PluginTensorDesc tensor(std::initializer_list<int> extents, nvinfer1::DataType type,
                                  nvinfer1::TensorFormat format) {
    nvinfer1::PluginTensorDesc desc{};
    for (const int extent : extents) {
        desc.dims.d[desc.dims.nbDims++] = extent;
    }
    desc.type = type;
    desc.format = format;
    return desc;
}

std::vector<nvinfer1::DynamicPluginTensorDesc> dynamic(const std::vector<nvinfer1::PluginTensorDesc>& tensors) {
    std::vector<nvinfer1::DynamicPluginTensorDesc> descs;
    for (const nvinfer1::PluginTensorDesc& desc : tensors) {
        nvinfer1::DynamicPluginTensorDesc one{};
        one.desc = desc;
        descs.push_back(one);
    }
    return descs;
}
