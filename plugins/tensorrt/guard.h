// The border of the library: no exception crosses it. TensorRT's overrides are noexcept, so one that did would end the
// process.
#pragma once

#include <exception>

namespace fwht {

// body(), or `failure` after telling `log`, a callable that takes the sentence and throws nothing.
template <typename Result, typename Body, typename Log>
Result guarded(Result failure, Body body, Log log) noexcept {
    try {
        return body();
    } catch (const std::exception& error) {
        log(error.what());
    } catch (...) {
        log("an exception of unknown type");
    }
    return failure;
}

}  // namespace fwht
