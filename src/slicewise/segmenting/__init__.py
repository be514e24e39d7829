"""Masks of new scans, of which nobody knows the truth: what ``slicewise segment`` does."""
