#include "plugin_fields.h"

#include <cstring>

namespace fwht {
namespace {

using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;

const PluginField* find(const PluginFieldCollection* fields, const char* name) {
    if (fields == nullptr || fields->fields == nullptr) {
        return nullptr;
    }
    for (int i = 0; i < fields->nbFields; ++i) {
        const PluginField& field = fields->fields[i];
        if (field.name != nullptr && std::strcmp(field.name, name) == 0) {
            return &field;
        }
    }
    return nullptr;
}

void check_field(const Attribute& attribute, const PluginField& field) {
    if (field.type != PluginFieldType::kINT32) {
        refuse("attribute ", attribute.name, " has TensorRT's field type ", static_cast<int>(field.type),
               "; it is an integer (", static_cast<int>(PluginFieldType::kINT32), ")");
    }
    if (field.data == nullptr || field.length != attribute.count) {
        refuse("attribute ", attribute.name, " holds ", field.data == nullptr ? 0 : field.length, " integers; ",
               attribute.count, attribute.count == 1 ? " is needed" : " are needed");
    }
}

// The data need not be aligned.
int32_t integer_of(const PluginField& field, int place) {
    int32_t value;
    std::memcpy(&value, static_cast<const char*>(field.data) + place * sizeof value, sizeof value);
    return value;
}

void append(const Attribute& attribute, const PluginField* field, Values& values) {
    if (field == nullptr && attribute.required) {
        refuse("attribute ", attribute.name, " is missing; it is needed (", range_of(attribute), ")");
    }
    if (field != nullptr) {
        check_field(attribute, *field);
    }
    for (int k = 0; k < attribute.count; ++k) {
        values.push_back(field == nullptr ? attribute.fallback : integer_of(*field, k));
        check_value(attribute, values.back());
    }
}

}  // namespace

Values read_attributes(const Op& op, const PluginFieldCollection* fields) {
    Values values;
    for (int i = 0; i < op.attribute_count; ++i) {
        append(op.attributes[i], find(fields, op.attributes[i].name), values);
    }
    return values;
}

}  // namespace fwht
