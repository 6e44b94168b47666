"""The folder between recorders and uploader."""
