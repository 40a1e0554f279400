"""Training: options, batches, loss, optimizer, one step, a whole run, and its state on disk."""
