"""Knowing a scan again that models were trained on: by its voxels, or as like it as a copy."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slicewise.dataset.cases import read_table
from slicewise.dataset.describe import fingerprint
from slicewise.dataset.duplicates import ALIKE, find_alike
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import Marks, beside, read_marks
from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import digest
from slicewise.inference.trust import Flag
from slicewise.volumes.channels import first_channel
from slicewise.volumes.volume import Volume
from slicewise.wording import some

logger = logging.getLogger(__name__)

KIND = "trained on it"
"""Of the flag."""
SHOWN = 8
NO_NEWS = (
    "so its mask does not show how good masks of other scans are, and the Dice to expect is not "
    "meant of it"
)


@dataclass(frozen=True)
class TrainedOn:
    """Scans that models were trained on, in this training or one that it started from.

    Attributes
    ----------
    scans : list of dict of str to str
        Of each model, by the fingerprint of a scan, what the scan is called; empty names of
        models that tell none.
    marks : mapping of str to Scan
        What is kept of those scans whose results lie beside the models, by fingerprint.
    of : str
        What each model is: of an experiment the one of a fold.
    """

    scans: list[dict[str, str]] = field(default_factory=list)
    marks: Marks = field(default_factory=dict)
    of: str = "fold"

    @property
    def digest(self) -> str:
        """Of all that is known; empty where nothing is."""
        if not any(self.scans):
            return ""
        return digest([[sorted(each.items()) for each in self.scans], sorted(self.marks)])

    def flags(self, image: Volume) -> list[Flag]:
        """Say whether models were trained on a scan; nothing where none of them was.

        Parameters
        ----------
        image : Volume
            As `slicewise.inference.fits.checked` returns it.
        """
        if not any(self.scans):
            return []
        mark, score = known_again(image, {mark for own in self.scans for mark in own}, self.marks)
        if mark is None:
            return []
        if score is None:
            said = self._said(mark, "was trained on this scan", "were trained on this scan")
            return [Flag(KIND, f"{said}, {NO_NEWS}.")]
        said = self._said(mark, "was trained on a scan", "were trained on a scan")
        like = f"so like this one as only a copy is ({score:.2f}; 1 is the same, {ALIKE} the limit)"
        return [Flag(KIND, f"{said} {like}, {NO_NEWS}.")]

    def _said(self, mark: str, one: str, several: str) -> str:
        """Begin a sentence about the models that know a fingerprint."""
        folds = [number for number, scans in enumerate(self.scans) if mark in scans]
        called = self.scans[folds[0]][mark]
        of = len(self.scans)
        if of == 1:
            said = f"The model {one}"
        elif len(folds) == of:
            said = f"All {of} {self.of}s {several}"
        elif self.of != "fold":
            said = f"{len(folds)} of {of} {self.of}s {one if len(folds) == 1 else several}"
        elif len(folds) == 1:
            said = f"Of {of} folds, fold {folds[0]} {one}"
        else:
            listed = ", ".join(map(str, folds))
            said = f"Of {of} folds, folds {listed} {several}"
        return f"{said} ({called})" if called else said


def known_again(
    image: Volume, fingerprints: Collection[str], marks: Marks
) -> tuple[str | None, float | None]:
    """Find a scan among others, as it is or changed.

    Parameters
    ----------
    image : Volume
        As ingest takes it.
    fingerprints : collection of str
        Of the others.
    marks : mapping of str to Scan
        What is kept of some of them, by fingerprint.

    Returns
    -------
    str or None
        The fingerprint of the one that it is.
    float or None
        How alike they are; None of the same voxels.
    """
    shown = first_channel(image)
    mark = fingerprint(shown)
    if mark in fingerprints:
        return mark, None
    alike = find_alike({"": slice_marks(shown)}, marks) if marks else []
    return (alike[0][1], alike[0][2]) if alike else (None, None)


def trained_on(
    trainings: Sequence[TrainingRecord], told: Sequence[Sequence[str]], folder: Path | None
) -> TrainedOn:
    """Gather what is known of the scans that models were trained on.

    Parameters
    ----------
    trainings : sequence of TrainingRecord
        Of the models.
    told : sequence of sequence of str
        Of models without a record, the fingerprints that their files tell.
    folder : Path or None
        Results of the experiment that they are of, beside which the table of cases lies.
    """
    scans = [_called(record) for record in trainings] or [dict.fromkeys(own, "") for own in told]
    wanted = {mark for own in scans for mark in own}
    marks = {} if folder is None or not wanted else _marks_of(wanted, folder.parent / "cases.tsv")
    return TrainedOn(scans, marks)


def _called(record: TrainingRecord) -> dict[str, str]:
    """Return what the scans of a training are called, by their fingerprints."""
    before = record.scans_before
    earlier = {mark: f"of {patient}, before it was fine-tuned" for mark, patient in before.items()}
    return earlier | {mark: f"case {case}" for case, mark in record.fingerprints.items()}


def _marks_of(wanted: set[str], table: Path) -> Marks:
    """Read what is kept of scans in a table of cases, as far as that can be read."""
    if not table.is_file():
        return {}
    try:
        cases = read_table(table)
        marks = read_marks(beside(table), cases["case"])
    except SlicewiseError as error:
        logger.warning(
            "scans that the model was trained on are known by their voxels alone, and no longer "
            "once they were resampled, cropped or padded: %s",
            error,
        )
        return {}
    known = zip(cases["case"], cases["fingerprint"], strict=True)
    return {mark: marks[case] for case, mark in known if mark in wanted}


def told_of(flagged: Mapping[str, Sequence[str]]) -> str:
    """Say in a line which scans models were trained on; empty where it is none.

    Parameters
    ----------
    flagged : mapping of str to sequence of str
        By the name of each scan, the kinds of its flags.
    """
    known = [name for name, kinds in flagged.items() if KIND in kinds]
    if not known:
        return ""
    are = "was" if len(known) == 1 else "were"
    return (
        f"{len(known)} of {len(flagged)} scans {are} trained on ({some(known, SHOWN)}): such masks "
        "do not show how good others are"
    )
