"""A teacher is asked about cases once, and what it says is kept on the slices of who learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Content, Recipe
from slicewise.dataset.case_record import write_case_records
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import pack
from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.inference.assembled import assembled
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.predict import mixed
from slicewise.inference.teaching import Lesson, teach_cases
from slicewise.network.card import Predictor
from slicewise.slices.taught import TaughtFolder, cut_taught, read_taught
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.case_records import case_record
from tests.discs import CARD, card_with, disc_volume

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [5]}, other_labels="background")


class Says:
    """A model that says of each pixel by its intensity; it counts how often it was asked."""

    def __init__(self, card, factor: float = 1.0) -> None:
        self.card = card
        self.factor = factor
        self.asked = 0

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        self.asked += 1
        middle = images[..., images.shape[-1] // 2, None]
        return (1 / (1 + np.exp(-middle / 60)) * self.factor).astype(np.float32)


def model(factor: float = 1.0, **changed) -> Predictor:
    return Says(card_with(**changed) if changed else CARD, factor)


@pytest.fixture
def image() -> Volume:
    return disc_volume(3)[0]


def teacher(*models: Predictor) -> Ensemble:
    """Models that count alike."""
    named = {str(number): [each] for number, each in enumerate(models)}
    return Ensemble.of(named, dict.fromkeys(named, 1 / len(named)), {})


def test_one_model_says_what_it_predicts(image):
    planes = {"flip": "none", "shift": 0, "planes": ["axial", "coronal"]}
    for changed in ({}, {"inference": planes}):
        one = model(**changed)
        said = mixed(teacher(one), image).probabilities()
        wanted = assembled([one], image, keep=True).probabilities()
        np.testing.assert_array_equal(said["liver"], wanted["liver"])


@pytest.fixture
def cases(tmp_path) -> Path:
    records = []
    for number in range(2):
        path = tmp_path / f"case{number}.nii.gz"
        volume = disc_volume(number)[0]
        write_nifti(path, volume)
        records.append(
            case_record(
                f"case{number}",
                image={"file": path.name, "sha256": f"source{number}"},
                marks=pack(slice_marks(volume)),
                content={},
                read={"image": sha256(path)},
            )
        )
    write_case_records(tmp_path / "records.json", records)
    return tmp_path


def taught(cases: Path, lesson: Lesson) -> dict[str, str]:
    names = ["case0", "case1"]
    return teach_cases(
        names,
        lesson,
        case_records=[str(cases / "records.json")],
        images=[str(cases / f"{name}.nii.gz") for name in names],
        batch=4,
        log=lambda line: None,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"context": {"slices": 3, "mm": 2.5}},
        {"inference": {"planes": [], "tilt": 20.0}},
        {"recipe": {"spacing": 1.5, "size": 16}},
    ],
)
def test_a_lost_geometry_is_refused_where_the_teacher_goes_by_it(cases, changed):
    records = [case_record(f"case{n}", lost=True, spacing=[1.0] * 3) for n in range(2)]
    write_case_records(cases / "records.json", records)
    cut_by = Recipe(plane="coronal", size=24)
    lesson = Lesson(teacher(model(**changed)), "digest", CONTENT, cut_by, cases / "taught")
    with pytest.raises(SlicewiseError, match=r"case0: .* its teacher .* that counts pixels"):
        taught(cases, lesson)
    assert not (cases / "taught").exists()


def test_cases_are_asked_about_once_and_again_where_something_changed(cases):
    one = Says(CARD)
    cut_by = Recipe(plane="coronal", size=24)
    lesson = Lesson(teacher(one), "digest", CONTENT, cut_by, cases / "taught")
    said = taught(cases, lesson)
    asked = one.asked
    assert asked
    assert taught(cases, lesson) == said and one.asked == asked
    known, array = read_taught(TaughtFolder.below(cases / "taught", "case1"))
    assert (known.found, known.teacher, known.recipe) == (["liver"], "digest", cut_by)
    whole = mixed(teacher(model()), disc_volume(1)[0]).probabilities()["liver"]
    volume = Volume(whole, disc_volume(1)[0].affine)
    shape, sha = cut_taught([volume], cut_by, cases / "alone.npy")
    assert (known.shape, known.sha256) == (shape, sha) == (shape, said["case1"])
    assert array.shape == tuple(shape)
    # of one that is gone alone
    TaughtFolder.below(cases / "taught", "case0").array.unlink()
    assert taught(cases, lesson) == said and asked < one.asked < 2 * asked
    before = one.asked
    other = replace(lesson, says="of other weights", teacher=teacher(Says(CARD, 0.5)))
    assert taught(cases, other).keys() == said.keys() and taught(cases, other) != said
    assert one.asked == before


def test_an_image_that_changed_since_it_was_ingested_is_refused(cases):
    lesson = Lesson(teacher(model()), "digest", CONTENT, Recipe(), cases / "taught")
    write_nifti(cases / "case1.nii.gz", disc_volume(7)[0])
    with pytest.raises(SlicewiseError, match="case1"):
        taught(cases, lesson)
    assert not TaughtFolder.below(cases / "taught", "case1").is_there
