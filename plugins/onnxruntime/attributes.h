// The attributes of a node, as the session that is being opened has them.
#pragma once

#include "../tensorrt/op.h"
#include "ort_api.h"

namespace fwht {
namespace ort {

// All integers in the order of the op's table, fallbacks where there is no such attribute. Throws std::invalid_argument
// where one is missing, is of another type or is out of range.
Values read_attributes(Api api, const KernelInfo* info, const Op& op);

}  // namespace ort
}  // namespace fwht
