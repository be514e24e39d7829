"""Making a tracked run again beside the old one: ``slicewise reproduce RUN``."""

from slicewise.reproduce.again import Way, reproduce, reproduce_published
from slicewise.reproduce.outcome import Reproduction

__all__ = ["Reproduction", "Way", "reproduce", "reproduce_published"]
