"""Slices: extraction to .npy, their index, and minibatches of them."""
