#include "attributes.h"

namespace fwht {
namespace ort {
namespace {

class NodeAttribute {
  public:
    NodeAttribute(Api api, const KernelInfo* info, const Attribute& attribute)
        : api_(api), info_(info), attribute_(attribute) {}

    void append_to(Values& values) const {
        const std::vector<int64_t> found = attribute_.count == 1 ? integer() : integers();
        if (found.empty() && attribute_.required) {
            refuse("attribute ", attribute_.name, " is missing; it is needed (", range_of(attribute_), ")");
        }
        if (!found.empty() && static_cast<int>(found.size()) != attribute_.count) {
            refuse("attribute ", attribute_.name, " holds ", found.size(), " integers; ", attribute_.count,
                   " are needed");
        }
        for (int i = 0; i < attribute_.count; ++i) {
            values.push_back(found.empty() ? attribute_.fallback : narrow(found[static_cast<size_t>(i)]));
            check_value(attribute_, values.back());
        }
    }

  private:
    // Empty where there is no such attribute.
    std::vector<int64_t> integer() const {
        int64_t value = 0;
        if (succeeds(api_.attribute_int(info_, attribute_.name, &value))) {
            return {value};
        }
        refuse_other_type(has_integers());
        return {};
    }

    std::vector<int64_t> integers() const {
        size_t count = 0;
        // A single integer reads as an empty list.
        if (succeeds(api_.attribute_ints(info_, attribute_.name, nullptr, &count)) && count > 0) {
            std::vector<int64_t> values(count);
            if (succeeds(api_.attribute_ints(info_, attribute_.name, values.data(), &count))) {
                return values;
            }
        }
        int64_t value = 0;
        refuse_other_type(succeeds(api_.attribute_int(info_, attribute_.name, &value)));
        return {};
    }

    // The interface cannot be asked whether an attribute is there, and one of another type reads as if it were not.
    void refuse_other_type(bool is_there) const {
        float number = 0;
        size_t size = 0;
        if (is_there || succeeds(api_.attribute_float(info_, attribute_.name, &number)) ||
            succeeds(api_.attribute_string(info_, attribute_.name, nullptr, &size))) {
            refuse("attribute ", attribute_.name, " has another type; it is ",
                   attribute_.count == 1 ? "an integer" : "a list of integers");
        }
    }

    bool has_integers() const {
        size_t count = 0;
        return succeeds(api_.attribute_ints(info_, attribute_.name, nullptr, &count)) && count > 0;
    }

    int32_t narrow(int64_t value) const {
        if (value < INT32_MIN || value > INT32_MAX) {
            refuse("attribute ", attribute_.name, " is ", value, "; it may be ", range_of(attribute_));
        }
        return static_cast<int32_t>(value);
    }

    bool succeeds(Status* status) const {
        if (status != nullptr) {
            api_.release_status(status);
        }
        return status == nullptr;
    }

    Api api_;
    const KernelInfo* info_;
    const Attribute& attribute_;
};

}  // namespace

Values read_attributes(Api api, const KernelInfo* info, const Op& op) {
    Values values;
    for (int i = 0; i < op.attribute_count; ++i) {
        NodeAttribute(api, info, op.attributes[i]).append_to(values);
    }
    return values;
}

}  // namespace ort
}  // namespace fwht
