"""Measures of agreement between two masks; arrays in, numbers out."""

from slicewise.metrics.overlap import overlap

__all__ = ["overlap"]
