"""The Dice to expect of new scans: of which models it is known, and what it is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import write_json
from slicewise.inference.trust import FoundLabel
from slicewise.inference.unlike import seen_of
from slicewise.metrics.expected import Expectation
from slicewise.network.model import weights_digest
from slicewise.segmenting.expecting import with_expected
from slicewise.segmenting.models import Chosen, choose
from tests.inference.test_predict import finished
from tests.inference.test_unlike import card, patient
from tests.segmenting.made import calibration, experiment, with_calibrations


def test_folds_tell_together(tmp_path: Path) -> None:
    folder = with_calibrations(experiment(tmp_path / "x"))
    chosen = choose(str(folder))
    assert chosen.expectation is not None and chosen.expectation.patients == 10
    assert chosen.uncalibrated == "" and len(chosen.calibration_digest) == 64
    one = choose(str(folder / "fold-0"))
    assert one.expectation is None and one.calibration_digest == ""
    assert one.uncalibrated.startswith("of the 9 patients that it takes, 5 were held out")


def test_what_others_told_is_not_taken(tmp_path: Path) -> None:
    folder = with_calibrations(experiment(tmp_path / "x"), fold0="another", fold1="another")
    chosen = choose(str(folder))
    assert chosen.expectation is None and chosen.calibrations == []
    assert "0 were held out of the training" in chosen.uncalibrated
    alone = tmp_path / "alone.keras"
    (folder / "fold-0" / "model.keras").rename(alone)
    assert choose(str(alone)).uncalibrated.startswith("there is no calibration.json")


def test_one_that_is_damaged_is_refused(tmp_path: Path) -> None:
    folder = with_calibrations(experiment(tmp_path / "x"))
    (folder / "fold-1" / "calibration.json").write_text('{"weights_sha256": 3}')
    with pytest.raises(SlicewiseError, match=r"fold-1/calibration\.json: the file is damaged"):
        choose(str(folder))


def test_models_of_mlflow_have_theirs_in_a_folder(tmp_path: Path) -> None:
    """As `slicewise.tracking.fetch` lays them out."""
    place = tmp_path / "data" / "models"
    place.mkdir(parents=True)
    for fold, seed in enumerate((3, 4)):
        finished(2, seed).save(place / f"fold-{fold}.keras")
        (place / "calibration").mkdir(exist_ok=True)
        told = calibration(weights_digest(finished(2, seed)))
        write_json(place / "calibration" / f"fold-{fold}.json", told.model_dump())
    chosen: Chosen = choose(str(tmp_path))
    assert chosen.expectation is not None and chosen.expectation.patients == 10


def test_what_was_found_nowhere_is_missed_unless_many_lack_it() -> None:
    known = Expectation.fit(calibration("w", 12, ("liver",)).masks)
    told = card(3)
    seen = seen_of(patient(0)[0], told)
    (found,) = with_expected([FoundLabel("liver", 0.0)], seen, told, known)
    assert (found.expected_dice, found.expected_low, found.expected_high) == (0, 0, 0)
    lacking = told.ranges.labels["liver"].model_copy(update={"lacking": 0.4})
    ranges = told.ranges.model_copy(update={"labels": {"liver": lacking}})
    often = told.model_copy(update={"ranges": ranges})
    (found,) = with_expected([FoundLabel("liver", 0.0)], seen, often, known)
    assert found.expected_dice is None
    # found, though no slice of the network shows it
    unsure = FoundLabel("liver", 0.1, [0.1])
    assert with_expected([unsure], seen, told, known) == [unsure]
    there = FoundLabel("liver", 1500.0, [1500.0], confidence=0.9)
    (found,) = with_expected([there], seen, often, known)
    assert 0 < found.expected_low < found.expected_dice < found.expected_high < 1
    assert with_expected([there], seen, told, None) == [there]
    # a label that no held-out patient has
    other = FoundLabel("spleen", 200.0, [200.0], confidence=0.9)
    assert with_expected([other], seen, told, known) == [other]
