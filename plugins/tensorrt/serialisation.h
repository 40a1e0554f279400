// What an engine file holds of a layer: tag, version, number of values, values; each a little-endian 32-bit integer.
// The weights are inputs of the node, which TensorRT keeps itself. No TensorRT here.
#pragma once

#include <cstddef>

#include "op.h"

namespace fwht {

enum : uint32_t { kSerialVersion = 1 };

size_t serialised_size(const Op& op);

// Writes exactly serialised_size(op) bytes.
void serialise(const Op& op, const Values& values, void* buffer);

// Refuses what is of another length, op or version. The values are checked by the layer made of them.
Values deserialise(const Op& op, const void* data, size_t length);

}  // namespace fwht
