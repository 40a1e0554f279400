// Says no with one sentence made of its parts: refuse("n = ", n, " is no power of two"). The overrides that TensorRT
// calls catch it (guard.h), so that none of it leaves the library.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>

namespace fwht {

inline std::string text_of(const char* part) { return part; }
inline std::string text_of(const std::string& part) { return part; }
template <typename Integer>
std::string text_of(Integer part) {
    return std::to_string(part);
}

template <typename... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
    std::string sentence;
    const int each[] = {(sentence += text_of(parts), 0)...};
    (void)each;
    throw std::invalid_argument(sentence);
}

// "FWHTLayer: X is ..." without the name, which stands before every line of the log already.
inline const char* without_name(const char* sentence) {
    const char* colon = std::strstr(sentence, ": ");
    return std::strncmp(sentence, "FWHTLayer", 9) == 0 && colon != nullptr ? colon + 2 : sentence;
}

}  // namespace fwht
