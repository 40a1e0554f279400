"""Benchmarks of training and of the accuracy it reaches."""
