"""The ops: PyTorch modules, float64 references, error bounds, and the contracts shared with the plugins."""
