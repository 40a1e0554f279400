// Memory of a thread's own that is kept until the thread ends: a session allocates it in its first run and never after.
#pragma once

#include <cstddef>

namespace fwht {

// At least `bytes` bytes on an address divisible by 64, or null where there is no memory. What was there before is
// lost.
void* thread_scratch(size_t bytes);

// The same, other memory: of the thread that hands out the parts of a run, for what they sum up or share.
void* thread_sums(size_t bytes);

}  // namespace fwht
