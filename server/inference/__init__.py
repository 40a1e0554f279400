"""From the event loop to an engine and back: the models served, threads, batches, deadlines."""
