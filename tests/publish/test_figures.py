"""Figures of a paper: vectors with their own letters."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace

import pandas as pd

from slicewise.evaluation.statistics import summarise
from slicewise.publish.answers import internal
from slicewise.publish.figures import figures, vector
from slicewise.publish.gathered import gather
from slicewise.publish.tables import results
from slicewise.report.dots import DotRow
from tests.published import ensemble, experiment, predicted, with_folds
from tests.test_compare import DICE


def drawn(folder):
    return {each.name: each for each in figures([gather(folder)])}


def test_letters_are_in_the_file(tmp_path):
    draw = drawn(experiment(tmp_path / "results" / "tiny" / "baseline"))["dice-baseline"].draw
    pdf = vector(draw(), "pdf")
    assert pdf.startswith(b"%PDF")
    streams = [zlib.decompress(each) for each in _streams(pdf)]
    assert b"/Subtype /Type0" in pdf  # TrueType, of which journals take the letters
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"/Subtype /Image" not in pdf
    assert any(b" l\n" in each or b" m\n" in each for each in streams)
    svg = vector(draw(), "svg").decode()
    assert "<text" not in svg  # letters are outlines
    assert "<image" not in svg
    assert vector(draw(), "pdf") == pdf


def _streams(pdf: bytes) -> list[bytes]:
    found = re.findall(rb"/FlateDecode[^>]*>>\s*stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return [each for each in found if each[:1] == b"x"]


def test_numbers_stand_behind_each_figure(tmp_path):
    one = drawn(experiment(tmp_path / "results" / "tiny" / "baseline"))
    assert set(one) == {"dice-baseline", "training-baseline", "volumes-baseline-liver"}
    dice = one["dice-baseline"].numbers.set_index("patient")["liver"]
    assert dice["d"] == 0.60
    assert list(one["volumes-baseline-liver"].numbers) == ["patient", "volume_ml", "predicted_ml"]
    assert {"epoch", "train/dice", "fold"} <= set(one["training-baseline"].numbers)


def test_expected_dice_is_drawn_where_it_is_known(tmp_path, monkeypatch):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    scores = pd.DataFrame(
        [["a", "a", "liver", 0.8, 0.82, 0.7, 0.9]],
        columns=["case", "patient", "label", "dice", "expected", "low", "high"],
    )
    asked = []

    def known(metrics, shards, calibrations, is_missed):
        asked.append(len(shards))
        return scores

    monkeypatch.setattr("slicewise.publish.gathered.expected_scores", known)
    predicted(folder, {"0": DICE})
    assert "expected-baseline" in drawn(folder)
    # what an earlier run left tells of a case again
    predicted(folder, {"1": ["a", "gone"]})
    drawn(folder)
    # another way of sharing out than any that is known
    predicted(folder, {"0": ["a"]})
    drawn(folder)
    assert asked == [1, 1, 0]


def test_captions_say_of_whom_a_figure_is_and_what_its_interval_is(tmp_path):
    one = drawn(experiment(tmp_path / "results" / "tiny" / "baseline"))
    assert one["dice-baseline"].caption == (
        "Dice of liver in 6 test patients, by baseline. A dot is a patient, the diamond their "
        "mean, the line its 95 % percentile bootstrap interval over patients."
    )
    assert "in 6 test patients (Bland-Altman)" in one["volumes-baseline-liver"].caption
    assert "bands their 95 % intervals by Student's t." in one["volumes-baseline-liver"].caption
    assert "of 1 training. Dashed: over the batches" in one["training-baseline"].caption


def test_no_interval_is_claimed_of_too_few(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    whole = gather(folder)
    metrics = whole.result.metrics
    for patients, told in (({"a", "b"}, "2 test patients"), ({"a"}, "1 test patient,")):
        few = metrics[metrics["patient"].isin(patients)]
        one = replace(whole, result=replace(whole.result, metrics=few))
        made = {each.name: each.caption for each in figures([one])}
        assert told in made["dice-baseline"]
        assert "of so few there is no interval" in made["dice-baseline"]
        assert ("volumes-baseline-liver" in made) == (len(patients) == 2)
    validated = replace(
        whole, result=replace(whole.result, metrics=metrics.assign(subset="validation"))
    )
    captions = [each.caption for each in figures([validated])]
    assert "6 validation patients (no test patients)" in captions[0]


def test_whom_folds_held_out_has_one_name_in_captions_text_and_table(tmp_path):
    one = with_folds(gather(experiment(tmp_path / "results" / "tiny" / "baseline")))
    captions = {each.name: each.caption for each in figures([one])}
    assert "solid: of held-out patients" in captions["training-baseline"]
    assert "in 6 test patients" in captions["dice-baseline"]
    metrics = one.result.metrics.assign(subset="validation")
    summary = summarise(metrics)
    held_out = replace(one, result=replace(one.result, metrics=metrics, summary=summary))
    captions = {each.name: each.caption for each in figures([held_out])}
    for name in ("dice-baseline", "volumes-baseline-liver"):
        assert "in 6 held-out patients (no test patients)" in captions[name]
    assert "6 held-out patients, each by a model" in internal([held_out]).text
    assert set(results([held_out])["patients"]) == {"held-out"}


def test_trainings_of_members_are_drawn_once(tmp_path):
    place = tmp_path / "results" / "tiny"
    axial = experiment(place / "axial")
    together = ensemble(place, {"axial": 0.5, "volume": 0.5})
    names = [each.name for each in figures([gather(axial), gather(together)])]
    assert [name for name in names if name.startswith("training-")] == [
        "training-axial",
        "training-volume",
    ]
    assert {"dice-axial", "dice-together"} <= set(names) and "dice-volume" not in names
    assert len(set(names)) == len(names)


def test_an_interval_that_holds_the_scatter_of_seeds_is_said_to(tmp_path):
    one = gather(experiment(tmp_path / "results" / "tiny" / "baseline"))
    wide = replace(gather(experiment(tmp_path / "results" / "tiny" / "wide")), seeds=(1, 2))
    repeated = replace(one, seeds=(1, 2), over_seeds=one.result.summary)
    row = DotRow("wide - baseline", pd.Series([0.1, 0.2, 0.3], list("abc")), 0.2, 0.1, 0.3)

    def caption(*every):
        return figures(every, [row])[-1].caption

    assert caption(repeated, wide).endswith("95 % percentile bootstrap interval over patients.")
    several = replace(wide, over_seeds=wide.result.summary)
    assert caption(repeated, several).endswith(
        "interval over patients, widened by the scatter of seeds where both have several."
    )
