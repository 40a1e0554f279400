"""A model: its files, image files in, labels and scores out."""
