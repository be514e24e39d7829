"""A data set with its split and its experiments: which cases each job takes, and where files lie.

All of it follows from names and settings, before any image is opened. Only the rules use it, so an
edit reruns what it changes and nothing else.
"""

from slicewise.study.study import Study, marks_beside

__all__ = ["Study", "marks_beside"]
