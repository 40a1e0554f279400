#include "serialisation.h"

namespace fwht {
namespace {

enum : size_t { kWord = 4, kHeaderWords = 3 };

void put(unsigned char*& to, uint32_t word) {
    for (size_t i = 0; i < kWord; ++i) {
        *to++ = static_cast<unsigned char>(word >> (8 * i));
    }
}

uint32_t get(const unsigned char*& from) {
    uint32_t word = 0;
    for (size_t i = 0; i < kWord; ++i) {
        word |= static_cast<uint32_t>(*from++) << (8 * i);
    }
    return word;
}

void check_header(const Op& op, const unsigned char*& from) {
    if (get(from) != op.tag) {
        refuse("the serialised layer is another one or damaged; build the engine again");
    }
    const uint32_t version = get(from);
    if (version != kSerialVersion) {
        refuse("the serialised layer has version ", version, " and this library reads ",
               static_cast<uint32_t>(kSerialVersion), "; build the engine again");
    }
    const uint32_t count = get(from);
    if (count != static_cast<uint32_t>(value_count(op))) {
        refuse("the serialised layer holds ", count, " values instead of ", value_count(op),
               "; build the engine again");
    }
}

}  // namespace

size_t serialised_size(const Op& op) { return (kHeaderWords + static_cast<size_t>(value_count(op))) * kWord; }

void serialise(const Op& op, const Values& values, void* buffer) {
    auto* to = static_cast<unsigned char*>(buffer);
    put(to, op.tag);
    put(to, kSerialVersion);
    put(to, static_cast<uint32_t>(values.size()));
    for (const int32_t value : values) {
        put(to, static_cast<uint32_t>(value));
    }
}

Values deserialise(const Op& op, const void* data, size_t length) {
    if (data == nullptr || length != serialised_size(op)) {
        refuse("the serialised layer has ", data == nullptr ? 0 : length, " bytes instead of ", serialised_size(op),
               "; build the engine again");
    }
    auto* from = static_cast<const unsigned char*>(data);
    check_header(op, from);
    Values values(static_cast<size_t>(value_count(op)));
    for (int32_t& value : values) {
        value = static_cast<int32_t>(get(from));
    }
    return values;
}

}  // namespace fwht
