"""The server's own routes: classify, models, probes."""
