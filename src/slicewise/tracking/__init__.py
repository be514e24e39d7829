"""MLflow, the mirror of the files under results (MLflow is imported here only)."""

from slicewise.tracking.provenance import git_state, provenance
from slicewise.tracking.runs import Tracker, flatten

__all__ = ["Tracker", "flatten", "git_state", "provenance"]
