"""From the event loop to an engine and back: threads, batches, deadlines."""
