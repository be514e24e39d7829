"""What a model makes of patients whose truth is known, against the prediction of each by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Content
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.predict import mixed, predict_volume
from slicewise.network.card import model_card
from slicewise.network.model import weights_digest
from slicewise.training.calibrating import calibrated
from slicewise.training.known import known_cases
from slicewise.training.spoilt import ways_of
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.volume import Volume, from_canonical
from slicewise.volumes.write import write_nifti
from tests.discs import disc_volume
from tests.inference.test_predict import TURNS, finished

CONTENT = Content(
    intensity="hu",
    contiguous=True,
    labels={"organ0": [5, 90], "organ1": [6, 91]},
    other_labels="refuse",
)
PARTLY = CONTENT.model_copy(update={"ignore": 7})
OWN = {"a": "ann", "b": "ben"}
"""Whose the cases are."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list:
    """Two patients, in different orientations; the second lacks organ1."""
    folder = tmp_path_factory.mktemp("cases")
    paths = []
    for number in range(2):
        image, disc = disc_volume(number)
        mask = disc.astype(np.uint8) * 5
        if number == 0:
            mask[:4, :4, 3:6] = 91
        affine = np.eye(4)
        affine[:3, :3] = TURNS[number] @ np.diag([1.0, 1.0, 3.0])
        own = {"image": image.array, "mask": mask}
        for kind, array in own.items():
            volume = Volume(from_canonical(array, affine), affine)
            write_nifti(folder / f"{kind}{number}.nii.gz", volume, dtype=array.dtype)
        paths.append([str(folder / f"{kind}{number}.nii.gz") for kind in own])
    images, masks = zip(*paths, strict=True)
    return known_cases(["a", "b"], images, masks, CONTENT)


def test_dice_is_that_of_the_prediction(cases: list) -> None:
    model = finished(2)
    said: list[str] = []
    made = calibrated(model, weights_digest(model), cases, OWN, log=said.append)
    again = calibrated(model, weights_digest(model), cases, OWN, log=said.append)
    assert made == again, "to the bit"
    assert made.weights_sha256 == weights_digest(model)
    assert {mask.spoilt for mask in made.masks if mask.patient == 0} <= {"", *ways_of(0)}
    assert not [m for m in made.masks if m.patient == 1 and m.label == "organ1"], "has no Dice"
    plain = {(m.patient, m.label): m.dice for m in made.masks if not m.spoilt}
    assert plain
    for number, case in enumerate(cases):
        predicted = predict_volume([model], read_nifti(case.image)[0])
        truth = read_nifti(case.mask)[0].array
        for k, (name, values) in enumerate(CONTENT.labels.items()):
            true, own = np.isin(truth, values), predicted == 5 + k
            if (number, name) in plain:
                dice = 2 * (true & own).sum() / (true.sum() + own.sum())
                assert plain[number, name] == pytest.approx(dice, abs=1e-6)
            else:
                assert not (true.any() and own.any())
    assert said[-1].startswith("6 predictions of 2 patients in ")


def test_masks_of_an_ensemble_are_tried_with_what_its_members_say_alone(cases: list) -> None:
    models = {"one": [finished(2)], "two": [finished(2, 4)]}
    after = model_card(models["one"][0]).postprocessing.model_dump()
    together = Ensemble.of(models, {"one": 0.3, "two": 0.7}, after)
    made = calibrated(together, "all of it", cases, OWN, log=lambda line: None)
    assert made.weights_sha256 == "all of it"
    plain = {(m.patient, m.label): m for m in made.masks if not m.spoilt}
    image, truth = (read_nifti(path)[0].array for path in (cases[0].image, cases[0].mask))
    assert image.shape == truth.shape
    predicted = mixed(together, read_nifti(cases[0].image)[0]).mask()
    true, own = np.isin(truth, CONTENT.labels["organ0"]), predicted == 5
    dice = 2 * (true & own).sum() / (true.sum() + own.sum())
    assert plain[0, "organ0"].dice == pytest.approx(dice, abs=1e-6)
    # members that differ say so
    alone = calibrated(models["one"][0], "w", cases, OWN, log=lambda line: None)
    signs = {(m.patient, m.label): m.signs for m in alone.masks if not m.spoilt}
    assert plain[0, "organ0"].signs != signs[0, "organ0"]


def in_part(mask: Path, folder: Path) -> str:
    """Write a mask of which a plane was not drawn, and return its file."""
    stored = read_nifti(mask)[0]
    array = np.array(stored.array)
    array[0] = 7
    write_nifti(folder / "part.nii.gz", Volume(array, stored.affine), dtype=np.uint8)
    return str(folder / "part.nii.gz")


def test_patients_who_were_drawn_in_part_tell_nothing(cases: list, tmp_path: Path) -> None:
    model = finished(2)
    masks = [in_part(cases[0].mask, tmp_path), str(cases[1].mask)]
    known = known_cases(["a", "b"], [str(case.image) for case in cases], masks, PARTLY)
    said: list[str] = []
    made = calibrated(model, weights_digest(model), known, OWN, log=said.append)
    assert said[0] == "a: drawn in part, so the Dice of a whole mask is not known"
    assert " predictions of 1 patient in " in said[-1]
    whole = calibrated(model, weights_digest(model), cases, OWN, log=lambda line: None)
    told = {
        (mask.label, mask.dice) for mask in whole.masks if mask.patient == 1 and not mask.spoilt
    }
    assert told
    # whoever tells is counted, and spoilt in the ways of that number
    assert {mask.patient for mask in made.masks} == {0}
    assert {(mask.label, mask.dice) for mask in made.masks if not mask.spoilt} == told


def test_of_a_patient_the_first_case_counts_that_was_drawn_as_a_whole(
    cases: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = finished(2)
    images = [str(cases[number].image) for number in (0, 0, 1, 1)]
    masks = [in_part(cases[0].mask, tmp_path), *(str(cases[n].mask) for n in (0, 1, 1))]
    known = known_cases(["a1", "a2", "b1", "b2"], images, masks, PARTLY)
    patients = {"a1": "ann", "a2": "ann", "b1": "ben", "b2": "ben"}
    said: list[str] = []
    made = calibrated(model, "w", known, patients, log=said.append)
    assert made == calibrated(model, "w", cases, OWN, log=lambda line: None)
    assert [line.split(":")[0] for line in said[:-1]] == ["a1", "a2", "b1"]
    monkeypatch.setattr("slicewise.training.calibrating.MOST", 1)
    few = calibrated(model, "w", known, patients, log=said.append)
    assert few.masks == [mask for mask in made.masks if mask.patient == 0]


def test_it_names_nobody(cases: list) -> None:
    text = calibrated(finished(2), "w", cases, OWN, log=lambda line: None).model_dump_json()
    assert "image" not in text and str(Path(cases[0].image).parent) not in text
