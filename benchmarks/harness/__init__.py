"""What benchmarks and tests share: builds of the kernels, error bounds, stand-ins, servers, timing."""
