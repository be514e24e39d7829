"""Fixtures of `tests.scans`."""

from tests.scans import write_series

__all__ = ["write_series"]
