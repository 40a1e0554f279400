// Throws std::invalid_argument with a sentence made of its parts: refuse("n = ", n, " is no power of two"). The overrides
// that TensorRT calls catch it (exception_guard.h), so that it never leaves the library.
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

// The sentence of a check, "FWHTLayer: X must ...", without the op's name, which every line of the log begins with. A
// sentence that begins with no single word and a colon is returned as it is.
inline const char* skip_op_name(const char* sentence) {
    const char* end = sentence + std::strcspn(sentence, ": ");
    return end != sentence && std::strncmp(end, ": ", 2) == 0 ? end + 2 : sentence;
}

}  // namespace fwht
