"""Benchmarks of the server and of bulk runs, and what breaks them."""
