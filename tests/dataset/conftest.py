"""Fixtures of `tests.scans` and `tests.layouts`."""

from tests.layouts import data
from tests.scans import real_data, refused, write_series

__all__ = ["data", "real_data", "refused", "write_series"]
