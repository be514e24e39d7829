"""Calibrations: which cases they are of, and how those of folds are put together."""

from __future__ import annotations

import pytest

from slicewise.dataset.calibration import (
    CALIBRATION,
    Calibration,
    KnownMask,
    chosen_patients,
    joined,
)
from slicewise.errors import SlicewiseError
from slicewise.files import write_json
from slicewise.stored import read_typed


def calibration(weights: str, patients: int) -> Calibration:
    masks = [
        KnownMask(patient=k, label="liver", signs=[0.9, 0.0, 0.0, 0.0, 0.0], dice=0.8)
        for k in range(patients)
    ]
    return Calibration(weights_sha256=weights, masks=masks)


def test_of_each_patient_one_case_and_of_many_patients_some() -> None:
    patients = {f"c{k}{n}": f"p{k}" for k in range(30) for n in "ab"}
    chosen = chosen_patients(patients, 24)
    assert len(chosen) == 24 and all(case.endswith("a") for case in chosen)
    fewer = {case: patients[case] for case in sorted(patients)[:40]}
    # a patient more displaces none of the others
    assert [case for case in chosen if case in fewer] == chosen_patients(fewer, 20)[
        : sum(case in fewer for case in chosen)
    ]
    assert chosen_patients({}) == []


def test_patients_of_folds_are_different_people() -> None:
    masks = joined([calibration("a", 3), calibration("b", 2)])
    assert [mask.patient for mask in masks] == [0, 1, 2, 3, 4]
    assert joined([]) == []


def test_it_is_read_as_it_was_written_or_refused(tmp_path) -> None:
    path = tmp_path / "calibration.json"
    made = calibration("a", 2)
    write_json(path, made.model_dump())
    assert read_typed(path, CALIBRATION) == made
    later = made.masks[0].model_copy(update={"signs": [0.9, 0, 0, 0, 0, 0.2, 0.03]})
    write_json(path, made.model_copy(update={"masks": [later]}).model_dump())
    assert read_typed(path, CALIBRATION).masks == [later]
    write_json(path, {"weights_sha256": "a", "masks": [{"patient": 1}]})
    with pytest.raises(SlicewiseError, match="damaged or was edited"):
        read_typed(path, CALIBRATION)
