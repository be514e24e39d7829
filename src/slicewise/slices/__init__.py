"""Slices: extraction to .npy, their index, and batches of them."""
