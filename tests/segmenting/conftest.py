"""Fixtures of `tests.scans`."""

from tests.scans import real_data, refused, write_series

__all__ = ["real_data", "refused", "write_series"]
