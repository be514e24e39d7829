"""Predictions of a phantom's liver that are spoilt, each in one way, are called what they are."""

from __future__ import annotations

import re
from functools import cache
from html import unescape

import numpy as np
import pandas as pd
import pytest

from slicewise.config import UNDRAWN, Evaluation
from slicewise.evaluation.statistics import Masks, case_rows, metrics_table, summarise
from slicewise.report import experiment
from slicewise.report.faults import Fault, dice_of, find_faults
from slicewise.report.gallery import CaseFigures
from slicewise.report.picked import telling_slice
from slicewise.report.undrawn import Undrawn
from slicewise.report.words import failure_note, meaning
from tests import spoilt
from tests.pages import history

LABELS = {"liver": [1]}
NAMED = {
    "sponge": r"20\d ml that are no liver hang on it and reach [56]\d mm away",
    "specks": r"1 000 islands that touch no liver were predicted, 112 ml together",
    "half": r"volume was too small by 51 %.*left out: 972 ml missing",
    "other organ": r"What was predicted as liver, 160 ml, lies elsewhere, \d+ mm away: none of it",
    "everything": r"100 % of all voxels of the image were predicted as liver",
    "nothing": r"0 % of the reference liver was found, and nothing was predicted as liver",
    "slices too many": r"goes on for 1 slice .* too many towards the feet.* 1 slice .* the head",
    "mirrored": r"mirrored, left for right: mirrored back, its Dice is 1\.000 and not 0\.235",
    "moved": r"lies 1 slice \(6\.9 mm\) too far towards the head: moved back, its Dice is 1\.000",
    "shell": r"outline of liver lies too far out, by about 2\.9 mm on average.*too large by 24 %",
    "hole": r"3\.5 ml are missing inside of the predicted liver",
}
KINDS = {
    "sponge": {"hanging"},
    "everything": {"most"},
    "slices too many": {"hanging", "ends"},
    "mirrored": {"mirrored"},
    "moved": {"moved"},
    "shell": {"ends"},
    "hole": {"hole"},
}
"""What a look at the voxels finds; of the others scores tell."""
DENIED = (
    "In none",
    "No whole piece",
    "Nothing wrong",
)


def seen(name: str) -> list[Fault]:
    truth, guess = masks(name)
    return find_faults(truth, guess, spoilt.organs()[2], LABELS)


@cache
def masks(name: str) -> tuple[np.ndarray, np.ndarray]:
    return spoilt.liver().astype(np.uint8), spoilt.SPOILT[name]().astype(np.uint8)


@cache
def rows(name: str) -> pd.DataFrame:
    spacing = spoilt.organs()[2]
    known = {"case": "a", "patient": "a", "subset": "validation", "fold": None}
    scored = Masks(*masks(name), ["liver"], float(np.prod(spacing)) / 1000, spacing)
    return metrics_table(case_rows(known, scored, Evaluation()))


@pytest.mark.parametrize("name", spoilt.SPOILT)
def test_the_fault_is_named_and_no_sentence_denies_it(name: str) -> None:
    faults = seen(name)
    said = meaning(rows(name), "validation", {"a": faults})
    note = failure_note(rows(name).to_dict("records"), faults)
    assert re.search(NAMED[name], " ".join(said)), said
    assert not any(denial in f"{' '.join(said)} {note}" for denial in DENIED), (said, note)
    assert {fault.kind.split()[0] for fault in faults} == KINDS.get(name, set())


@pytest.mark.parametrize("name", spoilt.SPOILT)
def test_the_page_names_the_fault_first_and_nothing_on_it_denies_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(experiment, "themed", lambda what, draw: Undrawn(what))
    metrics = rows(name)
    html = experiment.experiment_report(
        experiment.ReportedExperiment(
            dataset="torso",
            experiment="baseline",
            summary=summarise(metrics),
            metrics=metrics,
            histories={"fold-0": history()},
            cases=[CaseFigures("a", faults=seen(name))],
            settings={"training": {"epochs": 4}},
            split=metrics[["case", "patient", "subset", "fold"]],
            provenance={},
        )
    )
    body = html[html.index("<main>") :]
    words = re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", body)))
    # before anything else than the number itself
    first = words[: words.index("No test patients")]
    assert re.search(NAMED[name], first), first
    assert not any(denial in words for denial in DENIED)


@pytest.mark.parametrize("name", ["sponge", "half", "mirrored", "moved", "hole", "slices too many"])
def test_some_plane_opens_where_the_organ_and_the_fault_are(name: str) -> None:
    truth, guess = masks(name)
    shown = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        organ = truth.sum(axis=others)
        wrong = (truth != guess).sum(axis=others)
        index = telling_slice(organ, wrong)
        assert wrong[index] > 0
        shown.append(organ[index] > 0)
    assert sum(shown) >= 2


def test_a_good_prediction_has_no_fault() -> None:
    truth = spoilt.liver()
    rough = truth & (np.random.default_rng(0).random(truth.shape) < 0.98)
    found = find_faults(truth.astype(np.uint8), rough.astype(np.uint8), (4.0, 4.0, 7.0), LABELS)
    assert {fault.kind for fault in found} <= {"hole"}
    whole = truth.astype(np.uint8)
    assert find_faults(whole, whole, (4.0, 4.0, 7.0), LABELS) == []


def test_nobody_is_blamed_for_what_was_not_drawn_or_is_empty() -> None:
    truth, guess = masks("sponge")
    part = truth.copy()
    part[0] = UNDRAWN
    spacing = spoilt.organs()[2]
    assert find_faults(part, guess, spacing, LABELS) == []
    assert find_faults(truth * 0, guess, spacing, LABELS) == []
    assert find_faults(truth, guess * 0, spacing, LABELS) == []


def test_an_organ_that_was_taken_for_another_is_named() -> None:
    truth = spoilt.organs()[1].astype(np.uint8)
    guess = np.where(truth == spoilt.SPLEEN, np.uint8(1), np.uint8(0))
    found = find_faults(truth, guess, spoilt.organs()[2], {"liver": [1], "spleen": [2]})
    assert [fault.sentence for fault in found] == ["100 % of what was predicted as liver is spleen"]
    # a part of a region is the region, too
    regions = {"both": [1, 2], "core": [2]}
    assert not any(
        fault.kind == "other" for fault in find_faults(truth, truth, (1.0, 1.0, 1.0), regions)
    )


def test_to_each_side_a_fault_is_of_another_kind() -> None:
    truth = spoilt.liver().astype(np.uint8)
    spacing = spoilt.organs()[2]
    axes = [np.roll(truth, by, 2) for by in (1, -1)]
    (head,), (feet,) = (find_faults(truth, guess, spacing, LABELS) for guess in axes)
    assert (head.kind, feet.kind) == ("moved towards the head", "moved towards the feet")
    more, fewer = truth.copy(), truth.copy()
    top = int(np.flatnonzero(truth.any(axis=(0, 1)))[-1])
    more[:, :, top + 1 : top + 3] = truth[:, :, top - 3, None]
    fewer[:, :, top - 3 :] = 0
    late = {fault.kind for fault in find_faults(truth, more, spacing, LABELS)}
    early = {fault.kind for fault in find_faults(truth, fewer, spacing, LABELS)}
    assert "ends late towards the head" in late
    assert early == {"ends early towards the head"}


def test_dice_is_that_of_the_definition() -> None:
    one, two = np.random.default_rng(0).random((2, 5, 6, 7)) < 0.4
    assert dice_of(one, two) == pytest.approx(2 * (one & two).sum() / (one.sum() + two.sum()))
    assert np.isnan(dice_of(one & False, two & False))
