"""Many cases: layouts, patients and split, case records, duplicates and leakage."""
