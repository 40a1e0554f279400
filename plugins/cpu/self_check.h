// Whether this library computes on this machine what it is meant to: a build for another processor, or one that is
// damaged, shows before a model runs on it.
#pragma once

#include <string>

namespace fwht {

// Empty where every op gives its stored answer.
std::string self_check();

}  // namespace fwht
