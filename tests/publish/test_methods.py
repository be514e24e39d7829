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
from tests.published import experiment, known


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


def test_an_abstract_counts_seeds_and_names_no_repeat(tmp_path):
    one = gathered(tmp_path)
    said = " ".join(each.text for each in abstract([one], ["x is better"]).said)
    assert "A U-net (baseline) was trained to segment liver and scored" in said
    assert "baseline, liver: Dice 0.767" in said
    assert said.endswith("x is better.")
    seeded = replace(one, seeds=(1, 2))
    said = " ".join(each.text for each in abstract([seeded, one], []).said)
    assert "U-nets (baseline: 2 seeds and baseline) were trained" in said
    assert "baseline (the first of 2 seeds), liver: Dice 0.767" in said
