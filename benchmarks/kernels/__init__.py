"""Benchmarks of the ops and of whole models on an engine, without a server."""
