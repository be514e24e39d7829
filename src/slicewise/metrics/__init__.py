"""Measures of agreement between two masks; arrays in, numbers out."""

from slicewise.metrics.overlap import mean_dice_by_case, overlap

__all__ = ["mean_dice_by_case", "overlap"]
