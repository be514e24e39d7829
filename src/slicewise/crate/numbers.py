"""What a crate calls cases and patients: by their names, or by numbers."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from slicewise.errors import SlicewiseError

PREDICTIONS = "predictions"
"""The folder of an experiment in which each file is called as a case is."""
EARLIER = "of an earlier training"
"""What a patient is called whom only the model that a training started from was trained on."""


class Names:
    """Cases and patients keep their names."""

    hidden = False
    """Whether they have numbers instead."""

    def case_called(self, name: str) -> str:
        """Return what a case is called."""
        return name

    def table(self, content: bytes) -> bytes:
        """Return a table of results."""
        return content

    def settings(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return settings, see `slicewise.crate.private.portable`."""
        return settings

    def training(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the ``config.yaml`` of a training."""
        return record

    def file(self, name: str) -> str:
        """Return the path of a file that may be called as a case is."""
        return name


@dataclass(frozen=True)
class Numbers(Names):
    """Cases and patients have numbers, so that nobody is named.

    Attributes
    ----------
    case, patient : mapping of str to str
        The number of each name. Numbers follow the order of names, so that tables keep theirs.
    """

    case: Mapping[str, str]
    patient: Mapping[str, str]
    hidden = True

    @classmethod
    def of(cls, cases: Collection[str], patients: Collection[str]) -> Numbers:
        """Number names by their order, with as many digits each as the last one has.

        >>> Numbers.of({"b", "a"}, {"x"})
        Numbers(case={'a': 'case-1', 'b': 'case-2'}, patient={'x': 'patient-1'})
        """
        return cls(_numbered("case", cases), _numbered("patient", patients))

    def case_called(self, name: str) -> str:
        """Return the number of a case."""
        return _known(self.case, name, "case")

    def table(self, content: bytes) -> bytes:
        """Return a table of results with numbers in its columns ``case`` and ``patient``."""
        rows = pd.read_csv(io.BytesIO(content), sep="\t", dtype=str, keep_default_na=False)
        changed = {
            column: [_known(numbers, name, column) for name in rows[column]]
            for column, numbers in (("case", self.case), ("patient", self.patient))
            if column in rows
        }
        return rows.assign(**changed).to_csv(sep="\t", index=False).encode()

    def settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings that name nobody, see `slicewise.crate.private.portable`.

        Which cases were excluded follows from those that are there, and whether two spellings
        are one patient from the numbers.
        """
        dataset = settings["dataset"]
        split = settings["split"]
        apart = [self._cases(pair) for pair in split["not_the_same"]]
        return {
            **settings,
            "dataset": {**dataset, "exclude": [], "different_patients": "all"},
            "split": {**split, "not_the_same": apart},
        }

    def training(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ``config.yaml`` of a training that names nobody."""
        shown = dict(record)
        for key in ("train", "validation_cases"):
            if key in shown:
                shown[key] = self._cases(shown[key])
        if "patients" in shown:
            shown["patients"] = self._of_cases(shown["patients"])
        if "fingerprints" in shown:
            marks = shown["fingerprints"]
            shown["fingerprints"] = {self.case_called(case): marks[case] for case in marks}
        validation = shown.get("validation") or {}
        if "patients" in validation:
            patients = self._of_cases(validation["patients"])
            shown["validation"] = {**validation, "patients": patients}
        for key in ("started_from", "taught_by"):
            model = shown.get(key)
            if model and model.get("scans"):
                known = model["scans"].items()
                scans = {mark: self.patient.get(who, EARLIER) for mark, who in known}
                shown[key] = {**model, "scans": scans}
        return shown

    def file(self, name: str) -> str:
        """Return the path of a file that may be called as a case is."""
        path = PurePosixPath(name)
        stem, dot, ending = path.name.partition(".nii")
        is_of_case = path.parts[0] == PREDICTIONS
        called = self.case_called(stem) if is_of_case else self.case.get(stem, stem)
        return str(path.with_name(f"{called}{dot}{ending}"))

    def _cases(self, names: Iterable[str]) -> list[str]:
        return [self.case_called(name) for name in names]

    def _of_cases(self, patients: Mapping[str, str]) -> dict[str, str]:
        return {
            self.case_called(case): _known(self.patient, who, "patient")
            for case, who in patients.items()
        }


def _numbered(what: str, names: Collection[str]) -> dict[str, str]:
    digits = len(str(len(names)))
    return {
        name: f"{what}-{number:0{digits}}" for number, name in enumerate(sorted(names), start=1)
    }


def _known(numbers: Mapping[str, str], name: str, what: str) -> str:
    number = numbers.get(name)
    if number is None:
        raise SlicewiseError(
            f"{what} {name}: a training, a mask or a score tells of it, and cases.tsv does not, so "
            "it was made of other data; run snakemake again"
        )
    return number
