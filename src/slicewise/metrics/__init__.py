"""Measures of agreement between two masks; arrays in, numbers out.

Nothing is imported here: settings read names of metrics from `slicewise.metrics.table`, in every
job, and need no SciPy for it.
"""
