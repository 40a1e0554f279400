"""Folders of millions of images, on Ray Data."""
