#include "scratch.h"

#include <cstdlib>

namespace fwht {
namespace {

class Scratch {
  public:
    ~Scratch() { std::free(memory_); }

    void* of_size(size_t bytes) {
        if (bytes > size_) {
            std::free(memory_);
            memory_ = nullptr;
            size_ = posix_memalign(&memory_, 4096, bytes) == 0 ? bytes : 0;
        }
        return size_ >= bytes ? memory_ : nullptr;
    }

  private:
    void* memory_ = nullptr;
    size_t size_ = 0;
};

}  // namespace

void* thread_scratch(size_t bytes) {
    static thread_local Scratch scratch;
    return scratch.of_size(bytes);
}

void* thread_sums(size_t bytes) {
    static thread_local Scratch sums;
    return sums.of_size(bytes);
}

}  // namespace fwht
