"""Measures of agreement between two masks; arrays in, numbers out."""

from slicewise.metrics.overlap import overlap
from slicewise.metrics.surface import surface_distances

__all__ = ["overlap", "surface_distances"]
