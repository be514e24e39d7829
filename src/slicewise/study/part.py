"""What all parts of a study have: the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slicewise.study.study import Study


class Part:
    """What some of the rules ask of a study.

    Parameters
    ----------
    study : Study
        Of which it is a part.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.settings = study.settings
