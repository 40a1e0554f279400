"""What python -m server runs: serve, classify, health."""
