"""The same classifier behind other servers, each as its own documentation advises; see benchmarks/serving/rivals.py."""
