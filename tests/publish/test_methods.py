"""Methods in sentences: what is said is what was recorded, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.evaluation.sweep import Tried, table_of
from slicewise.files import write_text
from slicewise.publish.gathered import Gathered, gather
from slicewise.publish.methods import abstract, methods
from slicewise.publish.prose import sources_of
from tests.published import ensemble, experiment, known, with_folds


def gathered(folder: Path, **blocks) -> Gathered:
    return gather(experiment(folder / "results" / "tiny" / "baseline", **blocks))


def text_of(one: Gathered, title: str = "") -> str:
    sections = methods([one])
    return " ".join(s.text for each in sections if title in each.title for s in each.said)


def test_methods_that_were_not_used_are_not_cited(tmp_path):
    cited = sources_of(methods([gathered(tmp_path)]))
    assert "cicek2016unet" not in cited
    assert "salehi2017tversky" not in cited
    assert "wilcoxon1945ranking" not in cited  # nothing is compared


def test_settings_of_the_run_tell_of_seed_and_exclusions(tmp_path, monkeypatch):
    known(
        monkeypatch,
        tmp_path,
        dataset={"exclude": {"bad": "another patient"}},
        split={"seed": 13, "check_against": ["other/cases.tsv"], "not_the_same": [["a", "b"]]},
        evaluation={"absent_labels": "exclude"},
    )
    said = text_of(gathered(tmp_path))
    assert "1 case excluded: another patient (1)." in said
    assert "was drawn at random (seed 13)." in said
    assert "So were those of 1 further data set." in said
    assert "1 pair of cases that look alike were declared different." in said
    assert "Patients without a label have no Dice of it" in said
    known(monkeypatch, tmp_path, evaluation={"absent_labels": "challenge"})
    said = text_of(gathered(tmp_path))
    assert "A label that a patient does not have counts as 1 where none was predicted" in said


def test_what_a_sweep_chose_is_told_with_how_many_it_chose_among(tmp_path):
    one = gathered(tmp_path)
    assert "combinations" not in text_of(one)
    values = {"optimizer.learning_rate": 0.001, "network.filters": [8, 16]}
    tried = [Tried(f"c{k}", values, [0.5] * rungs, 10, 1.0) for k, rungs in enumerate((3, 1, 1, 2))]
    folder = tmp_path / "results" / "tiny" / "baseline"
    write_text(folder / "sweep.tsv", table_of(tried).to_csv(sep="\t", index=False))
    said = text_of(gather(folder), "Training")
    assert "optimizer.learning_rate, network.filters were chosen among 4 combinations" in said
    assert "without a test patient; by successive halving 1 of them was trained to the end" in said
    assert "jamieson2016nonstochastic" in sources_of(methods([gather(folder)]))
    whole = [Tried(each.name, values, [0.5], 10, 1.0) for each in tried]
    write_text(folder / "sweep.tsv", table_of(whole).to_csv(sep="\t", index=False))
    assert "all were trained to the end" in text_of(gather(folder), "Training")
    assert "jamieson2016nonstochastic" not in sources_of(methods([gather(folder)]))
    write_text(folder / "sweep.tsv", "combination\tdice\nc1\t0.5\n")
    with pytest.raises(SlicewiseError, match=r"sweep\.tsv"):
        gather(folder)


def test_a_plane_that_the_network_is_told_is_told(tmp_path):
    assert "along which plane" not in text_of(gathered(tmp_path))
    said = text_of(gathered(tmp_path / "told", input={"plane": True}), "Preprocessing")
    assert said.endswith("The network was told along which plane each slice was cut.")


def test_an_abstract_counts_seeds_and_names_no_repeat(tmp_path):
    one = gathered(tmp_path)
    said = " ".join(each.text for each in abstract([one], ["x is better"]).said)
    assert "A U-net (baseline) was trained to segment liver and scored" in said
    assert "baseline, liver: Dice 0.767" in said
    assert said.endswith("x is better.")
    seeded = replace(one, seeds=(1, 2))
    said = " ".join(each.text for each in abstract([seeded, one], []).said)
    assert "U-nets (baseline: 2 seeds and baseline) were trained" in said
    assert "baseline (seed 1), liver: Dice 0.767" in said
    seeded = replace(seeded, over_seeds=one.result.summary)
    said = " ".join(each.text for each in abstract([seeded, one], []).said)
    assert "baseline (mean of 2 seeds), liver: Dice 0.767" in said
    together = gather(ensemble(tmp_path / "results" / "tiny", {"axial": 0.5, "volume": 0.5}))
    said = " ".join(each.text for each in abstract([together], []).said)
    assert "U-nets (together, the mean of axial and volume) were trained" in said


def test_an_ensemble_is_how_its_members_were_made_and_how_they_are_weighed(tmp_path):
    place = tmp_path / "results" / "tiny"
    experiment(place / "axial", inference={"flip": "one"}, augmentation={"flip": True})
    experiment(place / "volume", network={"filters": [8, 16], "dimensions": 3, "block": 16})
    made = {
        "fitted": True,
        "because": "fitted: of 9 held-out patients each gains",
        "postprocessing": {"threshold": 0.4, "largest_component": True, "fill_holes": False},
    }
    together = gather(ensemble(place, {"axial": 0.3, "volume": 0.7}, **made))
    sections = {each.title: each for each in methods([together])}
    assert list(sections) == [
        "Data",
        "Split",
        *(
            f"{title} of {name}"
            for name in ("axial", "volume")
            for title in ("Preprocessing", "Network", "Training")
        ),
        "Prediction of together",
        "Evaluation",
        "Software and hardware",
    ]
    assert "three dimensions" in sections["Network of volume"].said[0].text
    told = [each.text for each in sections["Prediction of together"].said]
    assert told == [
        "Probabilities of axial are means of mirrored slices.",
        "The probabilities of axial and volume were brought to the voxels of each scan and "
        "averaged there, and the mean decided.",
        "Their weights are axial 0.3, volume 0.7.",
        "Weights are fitted: of 9 held-out patients each gains.",
        "In each voxel the threshold was 0.4.",
        "Afterwards the largest connected piece of each label was kept.",
    ]
    assert "dietterich2000ensemble" in sources_of(sections.values())
    software = " ".join(each.text for each in sections["Software and hardware"].said)
    assert "Training of axial took" in software and "Training of volume took" in software
    # an experiment beside it, of which it is a member, is told of once, and of its own masks
    both = [each.title for each in methods([gather(place / "axial"), together])]
    assert both.count("Network of axial") == both.count("Network of volume") == 1
    assert {"Prediction of axial", "Prediction of together"} <= set(both)
    assert "Prediction of volume" not in both


def test_patients_that_folds_held_out_were_weighed_by_others(tmp_path):
    together = ensemble(
        tmp_path / "results" / "tiny",
        {"axial": 0.5, "volume": 0.5},
        by_fold=[{"axial": 0.5, "volume": 0.5}],
    )
    said = text_of(gather(together), "Prediction")
    assert "with weights that the patients of the other folds chose." in said
    assert "Weights are equal, as 1 patient alone could choose them and it takes 4." in said
    assert "Their weights are" not in said


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({}, "In 2 folds, each training patient was held out once; test patients by none of them."),
        ({"leave_out": "site"}, "Each of 2 folds held out one whole site."),
        # as a file of another program gave them
        ({"leave_out": "given_fold"}, "In 2 folds, which were given, each training patient was"),
    ],
)
def test_folds_are_told_as_they_came_about(tmp_path, monkeypatch, split, said):
    known(monkeypatch, tmp_path, split=split)
    assert said in text_of(with_folds(gathered(tmp_path)), "Split")
