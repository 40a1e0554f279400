#include <cstdio>
#include <exception>

#include "check.h"
#include "fakes.h"

static bool passes(const Check& check) {
    try {
        logged();
        launched();
        check.body();
        for (const std::string& line : logged()) {
            throw std::runtime_error("logged unexpectedly: " + line);
        }
        std::printf("ok %s\n", check.name);
        return true;
    } catch (const std::exception& error) {
        std::printf("FAILED %s: %s\n", check.name, error.what());
        return false;
    }
}

int main() {
    int failures = 0;
    for (const Check& check : checks()) {
        failures += passes(check) ? 0 : 1;
    }
    return failures == 0 ? 0 : 1;
}
