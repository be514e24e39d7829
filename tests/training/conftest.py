"""Fixtures of `tests.discs`."""

from tests.discs import folders, slices, validation_slices

__all__ = ["folders", "slices", "validation_slices"]
