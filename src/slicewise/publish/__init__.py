"""What a paper needs of scored experiments, from recorded facts alone."""

from slicewise.publish.publishing import publish

__all__ = ["publish"]
