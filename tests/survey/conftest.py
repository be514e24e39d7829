from tests.scans import real_data, write_series

__all__ = ["real_data", "write_series"]
