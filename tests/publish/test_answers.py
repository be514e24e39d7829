"""Answers to items of checklists: those that records give."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import yaml

from slicewise.dataset.training_record import StartedFrom
from slicewise.evaluation.statistics import summarise
from slicewise.files import write_json, write_text
from slicewise.publish import making
from slicewise.publish.claim import CLAIM
from slicewise.publish.gathered import Gathered, gather
from slicewise.publish.tripod import TRIPOD
from tests.published import ensemble, experiment, split_as_scored


def gathered(folder, **blocks) -> Gathered:
    return gather(experiment(folder / "results" / "tiny" / "baseline", **blocks))


def answer(one: Gathered, number: str, checklist=CLAIM):
    return {item.number: each for item, each in checklist.answers([one])}[number]


def test_a_model_that_was_started_from_is_named(tmp_path):
    assert answer(gathered(tmp_path), "24").text == "Weights began at random (seed 1)."
    folder = tmp_path / "results" / "tiny" / "baseline"
    path = folder / "fold-0" / "config.yaml"
    record = yaml.safe_load(path.read_text())
    record["started_from"] = {
        "name": "/of/somebody/first.keras",
        "sha256": "0123456789abcdef",
        "known": True,
        "scans": {"f1": "p1", "f2": "p2", "f3": "p2"},
    }
    write_text(path, yaml.safe_dump(record))
    text = answer(gather(folder), "24").text
    assert "the weights of first.keras (SHA-256 0123456789ab)" in text
    assert "trained on 2 patients, of whom, by digests of their scans, none is tested" in text
    assert "somebody" not in text
    record["started_from"] |= {"known": False}
    write_text(path, yaml.safe_dump(record))
    text = answer(gather(folder), "24").text
    assert "not known on whom it had been trained: if patients who are scored here" in text


def test_a_model_that_was_learnt_from_is_named(tmp_path):
    folder = gathered(tmp_path, training={"distil": {"teacher": "large", "share": 0.25}})
    path = folder.result.folder / "fold-0" / "config.yaml"
    record = yaml.safe_load(path.read_text())
    teacher = {"name": "large", "weights_sha256": "0123456789abcdef", "says": "s"}
    record["taught_by"] = {**teacher, "known": True, "scans": {"f1": "p1"}}
    record["experiment"]["training"]["distil"] = {"teacher": "large", "share": 0.25}
    write_text(path, yaml.safe_dump(record))

    def told(**more) -> list[str]:
        record["taught_by"] |= more
        write_text(path, yaml.safe_dump(record))
        return [said.text for said in making.taught(gather(folder.result.folder))]

    share, whom = told()
    assert share.startswith("A share of 0.25 of the loss was to the probabilities that another")
    assert "(large, digest of its weights 0123456789ab)" in share
    assert whom.endswith("on 1 patient, of whom, by digests of their scans, none is tested here.")
    _, whom, before = told(known=False, earlier=["/of/somebody/m.keras (ff)"])
    assert "of which is not known on whom it had been trained: if patients who are scored" in whom
    assert before == "It had itself started or learnt from m.keras (ff)."
    share, _, before = told(earlier=["large (01)", "large (02)", "first (ff)"])
    assert "that an ensemble of 2 models (large, digest" in share
    assert before == "It had itself started or learnt from first (ff)."
    assert making.taught(gathered(tmp_path / "other")) == []


def test_a_model_of_one_fold_that_nobody_knows_makes_it_unknown(tmp_path):
    one = gathered(tmp_path)
    known = StartedFrom(name="first", sha256="0", known=True, scans={"f": "p"})
    folds = [
        one.first.model_copy(update={"started_from": known.model_copy(update={"known": is_known})})
        for is_known in (True, False)
    ]
    every = replace(one, result=replace(one.result, folds=replace(one.result.folds, records=folds)))
    (said,) = making.started(every)
    assert "of which is not known on whom it had been trained" in said.text


def test_several_folds_are_an_ensemble_and_one_is_none(tmp_path):
    one = gathered(tmp_path)
    assert answer(one, "27").status == "not applicable"
    path = one.result.folder / "fold-0" / "config.yaml"
    record = yaml.safe_load(path.read_text()) | {"folds": 2}
    write_text(path, yaml.safe_dump(record))
    second = one.result.folder / "fold-1"
    write_text(second / "config.yaml", yaml.safe_dump(record))
    write_text(second / "history.csv", (path.parent / "history.csv").read_text())
    assert (
        "all folds are averaged: baseline of 2 folds" in answer(gather(path.parents[1]), "27").text
    )


def test_without_test_patients_nobody_is_called_one(tmp_path):
    one = gathered(tmp_path)
    assert answer(one, "32").text == "On 6 test patients, of the same data set."
    metrics = pd.read_csv(one.result.folder / "metrics.tsv", sep="\t")
    metrics["subset"] = "validation"
    write_text(one.result.folder / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    write_json(one.result.folder / "summary.json", summarise(metrics))
    split_as_scored(one.result.folder)
    other = gather(one.result.folder)
    assert "validation patients (there are no test patients)" in answer(other, "32").text
    assert "There are no test patients apart from" in answer(other, "40").text
    assert "6 validation patients, intervals are rough" in answer(other, "29").text


def test_scores_are_those_of_the_summary(tmp_path):
    text = answer(gathered(tmp_path), "37").text
    assert text.startswith("baseline, liver: Dice 0.767 (95 % interval 0.")
    assert "mean over labels" not in text
    assert answer(gathered(tmp_path), "39").text.startswith(
        "The lowest Dice of patients: 0.600, 0.700, 0.750"
    )


def test_what_settings_do_not_tell_is_asked(tmp_path):
    one = gathered(tmp_path)  # its tracked run is gone
    assert answer(one, "12").status == "asked"
    assert answer(one, "8").status == "asked"
    assert answer(one, "30").status == "asked"
    assert answer(one, "14", TRIPOD).status == "asked"


def test_slices_without_a_label_are_said_as_they_were_drawn(tmp_path):
    training = {"empty": 0, "foreground": 0}
    one = gathered(tmp_path, training=training, resolved={"training_slices": 20})
    assert "used 20 slices of its cases: those that show a label." in answer(one, "10").text
    imbalance = answer(one, "13", TRIPOD).text
    assert imbalance.startswith("Only slices that show a label were trained on. The loss is")
    every = {"empty": 1, "foreground": 0.33}
    other = gathered(tmp_path / "all", training=every, resolved={"training_slices": 20})
    assert "used 20 slices of its cases: all." in answer(other, "10").text
    assert "At least 33 % of the slices of each batch" in answer(other, "13", TRIPOD).text


def test_folds_are_held_out_patients(tmp_path):
    one = gathered(tmp_path)
    path = one.result.folder / "fold-0" / "config.yaml"
    record = yaml.safe_load(path.read_text()) | {"folds": 2}
    for fold in (path.parent, one.result.folder / "fold-1"):
        write_text(fold / "config.yaml", yaml.safe_dump(record))
        write_text(fold / "history.csv", (path.parent / "history.csv").read_text())
    metrics = one.result.metrics.assign(subset="validation")
    write_text(path.parents[1] / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    write_json(path.parents[1] / "summary.json", summarise(metrics))
    split_as_scored(one.result.folder)
    folds = gather(path.parents[1])
    assert "of 6 held-out patients." in answer(folds, "37").text
    assert "each by a model that was not trained on them" in answer(folds, "32").text
    assert "baseline has 2 folds, each trained on other patients." in answer(folds, "30").text
    assert answer(folds, "30").status == "in part"
    assert "Held-out patients have their ground truth" in answer(folds, "17").text


def test_experiments_of_several_commits_name_each(tmp_path):
    one = gathered(tmp_path)
    assert "Code: commit abc;" in answer(one, "42").text
    other = replace(
        one,
        name="other",
        result=replace(one.result, folds=replace(one.result.folds, records=[changed(one)])),
    )
    text = {item.number: each for item, each in CLAIM.answers([one, other])}["42"].text
    assert text.startswith("Code: baseline by commit abc and other by commit def;")


def changed(one: Gathered):
    """The training of an experiment, as if another commit had made it."""
    return one.first.model_copy(update={"origin": {"git_commit": "def"}})


def test_one_patient_has_no_lowest_dice(tmp_path):
    one = gathered(tmp_path)
    metrics = one.result.metrics.head(1)
    alone = replace(one, result=replace(one.result, metrics=metrics))
    assert answer(alone, "39").text.startswith("The Dice of the only patient: 0.800.")


def test_answers_of_an_ensemble_are_of_its_members(tmp_path):
    place = tmp_path / "results" / "tiny"
    experiment(
        place / "axial", training={"seed": 3}, network={"filters": [8, 16], "residual": True}
    )
    together = gather(ensemble(place, {"axial": 0.5, "volume": 0.5}))
    assert answer(together, "24").text == (
        "axial: Weights began at random (seed 3). volume: Weights began at random (seed 1)."
    )
    assert "axial: A U-net in two dimensions" in answer(together, "22").text
    told = answer(together, "27")
    assert told.status == "answered"
    assert told.text.startswith("The probabilities of axial and volume were brought")
    assert answer(together, "12g", TRIPOD).text.startswith("A mask of liver. The probabilities of")
    assert answer(gathered(tmp_path), "27").status == "not applicable"
    assert answer(together, "37").text.startswith("together, liver: Dice 0.767")
