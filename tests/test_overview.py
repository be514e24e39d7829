"""The last lines of a run."""

from pathlib import Path

import pandas as pd

from slicewise.evaluation.statistics import summarise
from slicewise.files import write_json
from slicewise.overview import lines
from tests.masks import HIT, NOTHING, UNKNOWN, WRONG, scored, untrained
from tests.trained import note_scored


def summary(results: Path, name: str, subset="test", n=7, low: float | None = 0.81) -> None:
    dice = {"mean": 0.8712, "ci_low": low, "ci_high": low and 0.914, "n": n}
    write_json(results / name / "summary.json", {subset: {"mean": {"dice": dice}}})
    (results / name / "report.html").touch()


def test_each_experiment_that_is_there_has_its_number_and_its_report(tmp_path):
    results = tmp_path / "ircad"
    summary(results, "tutorial")
    summary(results, "base", n=1, low=None)
    said = lines(results, ["tutorial", "base", "not-made"])
    text = "\n".join(said)
    assert "ircad" in said[1]
    assert "tutorial  0.871 [95 % interval 0.810 to 0.914] over 7 test patients" in text
    assert "base      0.871 over 1 test patient\n" in text
    assert str(results / "tutorial" / "report.html") in text
    assert "not-made" not in text
    assert "slicewise ui" in text
    assert "comparison" not in text


def test_the_number_of_an_earlier_training_is_not_said(tmp_path):
    for name in ("again", "kept"):
        summary(tmp_path, name)
        write_json(tmp_path / name / "fold-0" / "config.yaml", {"seed": 1})
        note_scored(tmp_path / name, tmp_path / name / "fold-0" / "config.yaml")
    write_json(tmp_path / "again" / "fold-0" / "config.yaml", {"seed": 2})
    said = lines(tmp_path, ["again", "kept"])
    assert "  again  not scored yet (the scores that lie there are of an earlier training)" in said
    assert [line.split()[:2] for line in said if "0.871" in line] == [["kept", "0.871"]]


def test_the_comparison_is_named_when_it_is_there(tmp_path):
    summary(tmp_path, "e")
    assert "data.html" not in "\n".join(lines(tmp_path, ["e"]))
    for page in ("comparison.html", "data.html"):
        (tmp_path / page).touch()
        assert str(tmp_path / page) in "\n".join(lines(tmp_path, ["e"]))


def test_scores_and_pages_that_are_not_of_now_are_called_so(tmp_path):
    """A part of the run was asked for: what was not made again says so."""
    for name in ("scored", "shown", "kept"):
        summary(tmp_path, name)
    (tmp_path / "index.html").touch()
    stale = {tmp_path / "scored" / "metrics.tsv", tmp_path / "shown" / "report.html"}
    said = lines(tmp_path, ["scored", "shown", "kept"], stale={*stale, tmp_path / "index.html"})
    assert [line.split()[0] for line in said if "0.871" in line] == ["shown", "kept"]
    assert said[2].startswith("  scored  not scored yet (the scores that lie there are of other")
    marked = [line for line in said if line.endswith("(as it was: not made again yet)")]
    assert [line.split("(")[0].split("/")[-1].strip() for line in marked] == [
        "report.html",
        "index.html",
    ]


def test_masks_of_new_scans_are_named_where_there_are_any(tmp_path):
    summary(tmp_path, "e")
    assert "new scans" not in "\n".join(lines(tmp_path, ["e"]))
    page = tmp_path / "segmented" / "e" / "gallery.html"
    page.parent.mkdir(parents=True)
    page.touch()
    assert f"masks of new scans: {page}" in "\n".join(lines(tmp_path, ["e"]))


def test_without_test_patients_the_number_says_what_it_is_of(tmp_path):
    summary(tmp_path, "e", subset="validation", n=3)
    assert "over 3 validation patients" in "\n".join(lines(tmp_path, ["e"]))
    assert "over 3 held-out patients" in "\n".join(lines(tmp_path, ["e"], crossed=True))


def test_nothing_scored_is_said_and_nothing_made_is_silent(tmp_path):
    assert lines(tmp_path, ["e"]) == []
    assert lines(tmp_path, []) == []
    write_json(tmp_path / "e" / "summary.json", {})
    assert "no patient was scored" in "\n".join(lines(tmp_path, ["e"]))


def test_what_mlflow_lacks_is_said(tmp_path):
    summary(tmp_path, "e")
    assert "sync" not in "\n".join(lines(tmp_path, ["e"]))
    assert "lacks something of 1 run: slicewise sync" in lines(tmp_path, ["e"], pending=1)[-1]
    assert "of 2 runs" in lines(tmp_path, ["e"], pending=2)[-1]


def test_without_a_report_the_number_is_there_all_the_same(tmp_path):
    summary(tmp_path, "e")
    (tmp_path / "e" / "report.html").unlink()
    text = "\n".join(lines(tmp_path, ["e"]))
    assert "0.871" in text
    assert f"no report, but {tmp_path / 'e' / 'metrics.tsv'}" in text


def shown(folder: Path, metrics: pd.DataFrame) -> str:
    write_json(folder / "e" / "summary.json", summarise(metrics))
    text = "\n".join(lines(folder, ["e"]))
    assert "nan" not in text.lower()
    return text


def test_a_label_that_some_have_is_told_of_them_and_of_the_others(tmp_path):
    nobody = {f"n{k}": [(NOTHING, NOTHING)] for k in range(7)}
    rows = {"a": [(HIT, HIT)], "b": [(HIT, NOTHING)], "c": [(NOTHING, WRONG)]} | nobody
    text = shown(tmp_path, scored(rows))
    # of two patients there is no interval
    assert "e  0.500 over the 2 of 10 test patients who have the" in text
    assert "tumour: 2 of 10 have it, found in 1 of 2, wrongly found in 1 of 8 (0.5 ml" in text
    challenge = shown(tmp_path, scored(rows, absent_labels="challenge"))
    assert "0.800 [" in challenge
    assert "counts as 1 or 0 (absent_labels: challenge)" in challenge


def test_without_any_label_there_is_no_dice(tmp_path):
    text = shown(tmp_path, scored({"a": [(NOTHING, NOTHING)], "b": [(NOTHING, WRONG)]}))
    assert "e  no Dice, as of 2 test patients none has the label" in text
    assert "wrongly found in 1 of 2" in text


def test_of_many_labels_a_few_are_told(tmp_path):
    labels = tuple(f"l{k}" for k in range(1, 9))
    text = shown(tmp_path, scored({"a": [(HIT, HIT)], "b": [(HIT, HIT)]}, labels=labels))
    assert "l2: 0 of 2 have it" in text
    assert "and 3 more labels: see the report" in text
    assert "l1:" not in text


def test_a_label_that_was_not_trained_is_called_so(tmp_path):
    rows = {"a": [(HIT, HIT)], "b": [(HIT, HIT)], "c": [(NOTHING, NOTHING)]}
    text = shown(tmp_path, untrained(scored(rows)))
    assert "e  no Dice, as no training slice showed what 2 of 3 test patients have" in text
    assert (
        "tumour: 2 of 3 have it, untrained: no training slice showed it, so that it has no" in text
    )
    assert "found" not in text
    text = shown(tmp_path, untrained(scored(rows), patients="a"))
    assert "over the 1 of 3 test patients who has the label and a score of it" in text
    assert "untrained in the models of 1, who have no score of it, found in 1 of 1" in text


def test_who_was_not_drawn_is_not_said_to_lack_a_label(tmp_path):
    text = shown(tmp_path, scored({"a": [(UNKNOWN, NOTHING)], "b": [(NOTHING, NOTHING)]}))
    assert "e  no Dice, as of 2 test patients none is known to have the label" in text
    text = shown(tmp_path, scored({"a": [(UNKNOWN, NOTHING)], "b": [(HIT, HIT)]}))
    assert "over the 1 of 2 test patients who is known to have the label" in text
