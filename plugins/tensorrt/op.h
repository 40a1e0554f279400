// What an op is to its adapter: its name, its tensors and its attributes, as contract.json has them (a test compares
// the two). No TensorRT here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "refuse.h"

namespace fwht {

// All attributes are integers: one, or a fixed number of them.
struct Attribute {
    const char* name;
    int count;         // how many integers it holds
    bool required;     // otherwise each of them is `fallback` where it is missing
    int32_t fallback;
    int32_t smallest;  // the range of each, unless there are choices
    int32_t largest;
    int32_t choices[4];
    int choice_count;
};

enum : int { kMaxInputs = 12, kNone = -1 };

// An op in one of its versions: a later one has more attributes, which follow those of the earlier ones.
struct Op {
    const char* name;
    const char* version;  // plugin_version of the nodes that it takes
    uint32_t tag;         // the first four bytes of what it serialises
    const Attribute* attributes;
    int attribute_count;
    const char* inputs[kMaxInputs];
    int input_count;
    int residual;  // place of the input that has the type and layout of X and Y, or kNone; the others are weights
};

// The integers of all attributes, one after the other in the order of the table.
using Values = std::vector<int32_t>;

inline int value_count(const Op& op) {
    int count = 0;
    for (int i = 0; i < op.attribute_count; ++i) {
        count += op.attributes[i].count;
    }
    return count;
}

inline std::string range_of(const Attribute& attribute) {
    if (attribute.choice_count == 0) {
        return text_of(attribute.smallest) + " to " + text_of(attribute.largest);
    }
    std::string text = text_of(attribute.choices[0]);
    for (int i = 1; i < attribute.choice_count; ++i) {
        text += (i + 1 < attribute.choice_count ? ", " : " or ") + text_of(attribute.choices[i]);
    }
    return text;
}

inline bool allows(const Attribute& attribute, int32_t value) {
    for (int i = 0; i < attribute.choice_count; ++i) {
        if (attribute.choices[i] == value) {
            return true;
        }
    }
    return attribute.choice_count == 0 && value >= attribute.smallest && value <= attribute.largest;
}

inline void check_value(const Attribute& attribute, int32_t value) {
    if (!allows(attribute, value)) {
        refuse("attribute ", attribute.name, " is ", value, "; it may be ", range_of(attribute));
    }
}

// For a layer to be made, from a node or from an engine file.
inline void check_values(const Op& op, const Values& values) {
    if (static_cast<int>(values.size()) != value_count(op)) {
        refuse("there are ", values.size(), " attribute values; ", value_count(op), " are needed");
    }
    size_t next = 0;
    for (int i = 0; i < op.attribute_count; ++i) {
        for (int k = 0; k < op.attributes[i].count; ++k) {
            check_value(op.attributes[i], values[next++]);
        }
    }
}

}  // namespace fwht
