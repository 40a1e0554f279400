// Threads of someone else's. The type is that of GOMP_parallel, which every OpenMP for gcc's code has.
#pragma once

// Calls work(data) on up to `threads` threads at once, the calling one among them, and returns when all are done.
typedef void FwhtTeam(void (*work)(void*), void* data, unsigned threads, unsigned flags);
