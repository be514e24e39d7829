"""Fixtures of `tests.discs`."""

from tests.discs import folders, slices, watched

__all__ = ["folders", "slices", "watched"]
