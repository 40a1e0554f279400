"""Image data sets: folders, CIFAR-10's batches, packed files; read into arrays."""
