"""A served model: image files in, labels and scores out; and the table of those that are loaded."""
