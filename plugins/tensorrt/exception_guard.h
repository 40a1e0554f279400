// No exception leaves the library: TensorRT's overrides are noexcept, so one that did would end the process.
#pragma once

#include <exception>

namespace fwht {

// body(), or `failure` after a call of `log`, which takes the sentence and throws nothing.
template <typename Result, typename Body, typename Log>
Result run_guarded(Result failure, Body body, Log log) noexcept {
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
