"""The file formats of images: which are taken, which are refused by what name, and what is mended in a damaged file."""
