"""Making a tracked run again beside the old one: ``slicewise reproduce RUN``."""

from slicewise.reproduce.again import reproduce
from slicewise.reproduce.outcome import Reproduction

__all__ = ["Reproduction", "reproduce"]
