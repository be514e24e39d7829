"""Measures of agreement between two masks; arrays in, numbers out."""

from slicewise.metrics.failures import failures
from slicewise.metrics.lesions import lesions
from slicewise.metrics.overlap import overlap
from slicewise.metrics.surface import surface_distances

__all__ = ["failures", "lesions", "overlap", "surface_distances"]
