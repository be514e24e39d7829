"""What was measured, and how far it is to be trusted, in sentences."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from slicewise.evaluation.statistics import summarise
from slicewise.files import write_json, write_text
from slicewise.publish.cards import model_card
from slicewise.publish.gathered import gather
from slicewise.publish.measuring import COUNTED, headline, metrics, software, statistics
from slicewise.publish.prose import Section, sources_of
from slicewise.publish.reloaded import recommended
from slicewise.report.cost import Cost
from tests.publish.test_methods import gathered, text_of
from tests.published import experiment, known, lacking, split_as_scored, write_scores


def test_few_patients_have_rough_intervals_and_many_have_not(tmp_path):
    one = gathered(tmp_path)
    assert "With 6 test patients, intervals are rough" in text_of(one, "Evaluation")
    many = pd.concat([one.result.metrics.assign(patient=f"p{n}") for n in range(50)])
    object.__setattr__(one.result, "metrics", many)
    assert "rough" not in text_of(one, "Evaluation")


def test_each_tolerance_of_the_surface_dice_is_told(tmp_path):
    one = gathered(tmp_path)
    other = replace(
        one, result=replace(one.result, metrics=one.result.metrics.copy()), name="other"
    )
    for each, tolerance in ((one, 2.0), (other, 5.0)):
        each.result.metrics["tolerance_mm"] = tolerance
    said = " ".join(each.text for each in metrics([one, other]))
    assert "within 2 mm (baseline) and 5 mm (other) of the other" in said
    assert "within 2 mm of the other" in " ".join(each.text for each in metrics([one, one]))


def test_what_is_counted_beside_the_means_is_said_where_it_is_counted(tmp_path, monkeypatch):
    known(monkeypatch, tmp_path, evaluation={"absent_labels": "exclude"})
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    said = " ".join(each.text for each in metrics([gather(folder)]))
    assert "have no Dice of it." in said
    assert not re.search("specificity|False volume|lesion", said)
    lacking(folder, ["a"], lesions=2.0, lesions_found=1.0, lesions_false=1.0, lesion_iou=0.1)
    said = " ".join(each.text for each in metrics([gather(folder)]))
    assert "specificity that of patients without it in whom none was predicted" in said
    assert "False volume is what was predicted in patients without the label." in said
    assert "overlaps it by 0.1 or more (intersection over union)." in said
    # a card has no table of it
    assert "baseline, liver: 5 of 6 have it, found in 5 of 5, wrongly" in model_card(gather(folder))


def test_labels_that_are_not_there_are_told_where_they_count(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    told = "In means a label that is not there counts as 1 if not predicted, or 0."
    apart = "Differences between experiments are of labels that a patient has, unlike means."
    lacking(folder, ["a"])
    one = gather(folder)
    said = [each.text for tell in (headline, metrics, statistics) for each in tell([one, one])]
    assert told not in said and apart not in said
    scores = one.result.metrics.fillna({"dice": 0.0})
    write_scores(folder, scores)
    one = gather(folder)
    assert told in model_card(one)
    # it follows from the scores, also where no run tells of settings
    said = [each.text for tell in (headline, metrics, statistics) for each in tell([one, one])]
    assert said.count(told) == said.count(apart) == said.count(COUNTED) == 1
    assert apart not in [each.text for each in statistics([one])]


def test_how_seeds_come_together_is_said_where_means_are_over_them(tmp_path):
    one = gathered(tmp_path)
    seeded = replace(one, seeds=(1, 2))
    # as in the card of a model, which is one of them
    assert "seeds" not in " ".join(each.text for each in statistics([seeded]))
    seeded = replace(seeded, over_seeds=one.result.summary)
    said = " ".join(each.text for each in statistics([seeded, one]))
    assert "trained with several seeds counts with the mean over them" in said
    assert "scatter of seeds" not in said
    section = Section("", statistics([seeded, seeded]))
    assert "holds the scatter of seeds, too" in " ".join(each.text for each in section.said)
    assert {"welch1947generalization", "zou2008construction"} <= set(sources_of([section]))


@pytest.mark.parametrize(("number", "given"), [(1, False), (2, False), (3, True)])
def test_an_interval_that_is_not_given_is_not_described(tmp_path, number, given):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    scores = pd.read_csv(folder / "metrics.tsv", sep="\t").head(number)
    write_text(folder / "metrics.tsv", scores.to_csv(sep="\t", index=False))
    write_json(folder / "summary.json", summarise(scores))
    split_as_scored(folder)
    one = gather(folder)
    said = " ".join(each.text for each in statistics([one, one]))
    assert ("percentile bootstrap" in said) is given
    assert ("no interval is given" in said) is not given
    assert "No experiment is called better than another by" in said
    spread = [row for row in recommended([one]).tables[0].rows if row[0].startswith("Spread")]
    assert [row[2] for row in spread] == ["yes" if given else "no"]


def test_what_no_nifti_file_needed_is_not_cited(tmp_path):
    one = gathered(tmp_path)
    for file, is_cited in (("a.nii.gz", False), ("PATIENT_DICOM.zip", True), ("a.nrrd", True)):
        other = replace(one, cases=one.cases.assign(image="b.nii", mask=file))
        assert ("lowekamp2013simpleitk" in sources_of([software([other])])) is is_cited


def test_time_and_memory_are_said_where_they_are_known(tmp_path):
    one = gathered(tmp_path)
    assert "Training took 1.5 minutes on processors." in text_of(one, "Software")
    costs = [
        Cost("train", 1, 2.0, 2.0, 1634.0, None),
        Cost("predict", 2, 0.25, 0.2, None, None),
    ]
    said = text_of(replace(one, costs=costs), "Software")
    assert "1.5 minutes on processors, with 1.6 GB of memory at most." in said
    assert "Prediction took 0.2 minutes for 6 cases." in said
    assert "Which processors did it run on?" in software([one]).questions
    gpu = gathered(tmp_path / "gpu", resolved={"device": "NVIDIA H100"})
    assert "Which processors did it run on?" not in software([gpu]).questions
