// The smallest test runner: CHECK_THAT(name) { expect(...); } registers itself, main() runs all and prints a line each.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

struct Check {
    const char* name;
    void (*body)();
};

inline std::vector<Check>& checks() {
    static std::vector<Check> all;
    return all;
}

struct Registered {
    Registered(const char* name, void (*body)()) { checks().push_back({name, body}); }
};

#define CHECK_THAT(name)                         \
    static void name();                          \
    static Registered registered_##name(#name, name); \
    static void name()

inline void expect(bool holds, const std::string& what) {
    if (!holds) {
        throw std::runtime_error(what);
    }
}

inline void expect_equal(int64_t actual, int64_t expected, const std::string& what) {
    expect(actual == expected, what + " is " + std::to_string(actual) + " instead of " + std::to_string(expected));
}

inline void expect_equal(const std::string& actual, const std::string& expected, const std::string& what) {
    expect(actual == expected, what + " is '" + actual + "' instead of '" + expected + "'");
}

inline void expect_within(const std::string& part, const std::string& whole) {
    expect(whole.find(part) != std::string::npos, "'" + part + "' is missing in '" + whole + "'");
}
