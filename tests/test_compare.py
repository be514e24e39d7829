"""`slicewise compare`: experiments in any folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from slicewise import compare
from slicewise.cli import main
from slicewise.compare import compare_folders, name_folders, seeds_beside, set_side_by_side
from slicewise.dataset.case_record import write_case_records
from slicewise.errors import SlicewiseError
from slicewise.evaluation import ledger
from slicewise.evaluation.folds import Folds
from slicewise.evaluation.results import read_result
from slicewise.evaluation.statistics import summarise
from slicewise.files import write_json, write_text
from slicewise.report.cost import Cost
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.case_records import case_record
from tests.pages import history, measured, table

DICE = dict(zip("abcdef", (0.80, 0.70, 0.90, 0.60, 0.75, 0.85), strict=True))


def scored(folder: Path, by: float = 0.0, **settings: Any) -> Path:
    """Write what an experiment leaves, every patient better by so much."""
    metrics = measured(table({name: value + by for name, value in DICE.items()}), [3.0] * 6)
    metrics["truth_sha256"] = [f"digest of {name}" for name in metrics["case"]]
    training = {"epochs": 4, "seed": settings.pop("seed", 1)}
    used = {
        "experiment": {
            "preset": "baseline",
            "slices": "axial",
            "also": [],
            **{key: {} for key in ("input", "inference", "postprocessing")},
            **settings,
            "training": training,
        },
        "train": ["z"],
        "content": {
            "intensity": "hu",
            "contiguous": True,
            "labels": {"liver": [1]},
            "other_labels": "background",
        },
        "folds": 1,
        "resolved": {
            "parameters": 1000,
            "weights_sha256": "w",
            "postprocessing": {},
            "selected_by": "final",
            "selected_epoch": None,
        },
        "origin": {"git_commit": "abc"},
    }
    write_text(folder / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    write_json(folder / "summary.json", summarise(metrics))
    write_text(folder / "fold-0" / "config.yaml", yaml.safe_dump(used))
    write_text(folder / "fold-0" / "history.csv", history().to_csv(index=False))
    return folder


def test_folders_of_different_results_are_told_apart(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scored(tmp_path / "results" / "tiny" / "baseline")
    scored(tmp_path / "other" / "tiny" / "baseline", 0.05)
    write_text(tmp_path / "other" / "tiny" / "baseline" / "report.html", "a report")
    assert main(["compare", "results/tiny/baseline", "other/tiny/baseline"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines() == [
        "other/tiny/baseline is better than results/tiny/baseline by 0.050 [0.050, 0.050], "
        "p = 0.031",
        "the page: results/comparison/comparison.html",
    ]
    made = tmp_path / "results" / "comparison"
    found = pd.read_csv(made / "comparison.tsv", sep="\t").set_index("metric").loc["dice"]
    assert (found["second"], found["n"]) == ("other/tiny/baseline", 6)
    cases = pd.read_csv(made / "comparison_cases.tsv", sep="\t")
    assert cases["other/tiny/baseline"].tolist() == [value + 0.05 for value in DICE.values()]
    page = (made / "comparison.html").read_text()
    assert 'href="../../other/tiny/baseline/report.html"' in page
    assert "Where they differ most" not in page


def test_the_page_says_where_the_size_of_voxels_is_not_known(tmp_path):
    folders = [scored(tmp_path / "r" / "tiny" / name) for name in ("one", "two")]
    place = tmp_path / "r" / "tiny"
    digests = {key: [*DICE] for key in ("patient", "image_sha256", "mask_sha256", "fingerprint")}
    cases = pd.DataFrame({"case": [*DICE], **digests, "spacing": "1x1x1"})
    cases.loc[cases["case"] == "c", "spacing"] = "0.8x0.8x5"
    write_text(place / "cases.tsv", cases.to_csv(sep="\t", index=False))
    records = [case_record(name, lost=name in "ac") for name in DICE]
    write_case_records(place / "cases" / "_shards" / "test-0.json", records)
    compare_folders(folders, tmp_path / "out", lambda line: None)
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert "The headers of 1 of 6 scored cases do not say how large voxels are" in page


def test_names_are_as_short_as_they_can_be(tmp_path):
    folders = [tmp_path / "x" / "tiny" / "a", tmp_path / "x" / "tiny" / "b"]
    assert list(name_folders(folders)) == ["a", "b"]
    folders.append(tmp_path / "x" / "huge" / "a")
    assert list(name_folders(folders)) == ["tiny/a", "tiny/b", "huge/a"]
    for few in (folders[:1], [folders[0], folders[0]]):
        with pytest.raises(SlicewiseError, match="two or more different folders"):
            name_folders(few)


def test_a_folder_that_is_a_link_to_another_disk_keeps_its_name(tmp_path):
    place = tmp_path / "r" / "tiny"
    scored(tmp_path / "disk" / "number 7")
    folders = [place / "one", scored(place / "two", 0.1)]
    folders[0].symlink_to(tmp_path / "disk" / "number 7")
    compare_folders(folders, tmp_path / "out", lambda line: None)
    table = pd.read_csv(tmp_path / "out" / "comparison_cases.tsv", sep="\t")
    assert {"one", "two"} <= {*table.columns}
    assert "disk" not in (tmp_path / "out" / "comparison.html").read_text()
    (place / "again").symlink_to(folders[1])
    with pytest.raises(SlicewiseError, match="two or more different folders"):
        name_folders([place / "two", place / "again"])


def test_other_patients_are_refused_in_one_sentence(tmp_path, capsys):
    one, two = scored(tmp_path / "r" / "t" / "one"), scored(tmp_path / "r" / "t" / "two")
    metrics = pd.read_csv(two / "metrics.tsv", sep="\t")
    write_text(two / "metrics.tsv", metrics.iloc[1:].to_csv(sep="\t", index=False))
    output = tmp_path / "output"
    assert main(["compare", str(one), str(two), "--output", str(output)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("slicewise: one and two: they cannot be compared")
    assert said.count("\n") == 1
    assert not output.exists()
    assert main(["compare", str(one), str(tmp_path)]) == 1
    assert f"{tmp_path}: it has no metrics.tsv" in capsys.readouterr().err


def with_regions(folder: Path, numbers: dict[str, int], **regions: list[str]) -> Path:
    """Let an experiment be of regions: mask values of labels, and labels of regions, by name."""
    path = folder / "fold-0" / "config.yaml"
    used = yaml.safe_load(path.read_text())
    order = list(numbers)
    used["content"]["labels"] = {name: [value] for name, value in numbers.items()}
    used["content"]["regions"] = {
        region: [order.index(name) + 1 for name in names] for region, names in regions.items()
    }
    write_text(path, yaml.safe_dump(used, sort_keys=False))
    return folder


@pytest.mark.parametrize("name", ["patient", "label"])
def test_a_folder_that_is_called_as_a_column_is_refused_in_one_sentence(tmp_path, capsys, name):
    folders = [str(scored(tmp_path / each)) for each in ("one", name)]
    assert main(["compare", *folders, "--output", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert f"{name}: no experiment that is compared can be called so" in said
    assert said.count("\n") == 1


def test_regions_of_other_labels_are_refused_in_one_sentence(tmp_path, capsys):
    one, two, like = (scored(tmp_path / "r" / "t" / name) for name in ("one", "two", "like"))
    with_regions(one, {"necrosis": 1, "rim": 2}, liver=["necrosis", "rim"])
    with_regions(two, {"necrosis": 1, "rim": 2}, liver=["rim"])
    with_regions(like, {"rim": 7, "necrosis": 9}, liver=["rim", "necrosis"])
    output = tmp_path / "output"
    assert main(["compare", str(one), str(two), "--output", str(output)]) == 1
    said = capsys.readouterr().err
    assert "liver is made of other labels (necrosis and rim against rim)" in said
    assert said.count("\n") == 1
    assert not output.exists()
    # the numbers of labels say nothing
    assert main(["compare", str(one), str(like), "--output", str(output)]) == 0


def test_trainings_that_differ_by_their_seed_are_one_experiment(tmp_path):
    place = tmp_path / "results" / "tiny"
    folders = [
        scored(place / "base", 0.00),
        scored(place / "base-seed2", 0.02, seed=2),
        scored(place / "large", 0.05, network="large"),
        scored(place / "large-seed2", 0.06, network="large", seed=2),
    ]
    found = compare_folders(folders, tmp_path / "out", lambda line: None).table
    dice = found[found["metric"] == "dice"]
    assert list(zip(dice["first"], dice["second"], strict=True)) == [("base", "large")]
    assert dice["difference"].tolist() == pytest.approx([0.045])
    assert dice["sd_seeds"].tolist() == pytest.approx([np.hypot(0.02, 0.01) / np.sqrt(2)])
    # asked for two seeds, it compares these
    found = compare_folders(folders[:2], tmp_path / "out", lambda line: None).table
    assert set(found["second"]) == {"base-seed2"}
    # the same seed twice is no repeat
    folders[1] = scored(place / "again", 0.02)
    found = compare_folders(folders, tmp_path / "out", lambda line: None).table
    assert list(dict.fromkeys(found["first"])) == ["base", "again"]


MODEL = {"name": "m", "sha256": "1", "weights_sha256": "1", "says": "1", "known": True, "scans": {}}


@pytest.mark.parametrize(
    ("blocks", "other"),
    [
        ({}, {"resolved": {"slices_sha256": "of corrected masks"}}),
        ({}, {"resolved": {"watched_sha256": "of corrected masks"}}),
        ({"started_from": MODEL}, {"started_from": MODEL | {"weights_sha256": "2"}}),
        ({"taught_by": MODEL}, {"taught_by": MODEL | {"says": "2"}}),
    ],
)
def test_trainings_on_other_data_or_models_are_no_seeds(tmp_path, blocks, other):
    """Masks are corrected under the same names, and files of models are replaced."""

    def training(name: str, changed: dict[str, Any], **settings: Any) -> Path:
        folder = scored(tmp_path / "t" / name, **settings)
        path = folder / "fold-0" / "config.yaml"
        record = yaml.safe_load(path.read_text())
        resolved = record["resolved"] | blocks.get("resolved", {}) | changed.get("resolved", {})
        text = yaml.safe_dump({**record, **blocks, **changed, "resolved": resolved})
        write_text(path, text)
        return folder

    training("one", {})
    training("seed", {}, seed=2)
    training("other", other, seed=3)
    results = {name: read_result(tmp_path / "t" / name) for name in ("one", "seed", "other")}
    assert compare.repeats_of(results) == {"one": ["one", "seed"]}


def test_overlays_are_drawn_where_images_are_at_hand(tmp_path):
    place = tmp_path / "results" / "tiny"
    folders = [scored(place / "one"), scored(place / "two")]
    metrics = pd.read_csv(folders[1] / "metrics.tsv", sep="\t")
    metrics.loc[metrics["case"] == "c", "dice"] = 0.1
    write_text(folders[1] / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    mask = np.zeros((40, 40, 4), np.uint8)
    mask[10:30, 10:30, 1:3] = 1
    for k, (path, array) in enumerate(
        [
            (place / "cases" / "c" / "image.nii.gz", 100 * mask.astype(np.int16)),
            (place / "cases" / "c" / "mask.nii.gz", mask),
            (folders[0] / "predictions" / "c.nii.gz", mask),
            (folders[1] / "predictions" / "c.nii.gz", np.zeros_like(mask)),
        ]
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_nifti(path, Volume(array, np.eye(4)), dtype=np.uint8 if k else np.int16)
    made = compare_folders(folders, tmp_path / "out", lambda line: None)
    assert made.page.count("data:image/jpeg") == 2
    assert "c, slice 2 of 4, as two has it" in made.page


def test_cost_and_scored_runs_come_from_beside_the_results(tmp_path):
    place = tmp_path / "results" / "tiny"
    for k, name in enumerate(("one", "two")):
        folder = scored(place / name, k / 100)
        write_text(
            place / "timings" / "train" / name / "fold-0.tsv",
            "s\tmax_rss\tcpu_time\n720\t2345.6\t1\n",
        )
        metrics = read_result(folder).metrics
        ledger.note_scored(folder / "tracking", ledger.test_set_digest(metrics), [name])
    results = {name: read_result(place / name) for name in ("one", "two")}
    page = set_side_by_side("tiny", results, {}, {}, {}).page
    assert "2 runs have been scored on this test set" in page
    assert ">2 346<" in page
    # start and first epoch are part of it; epochs alone are 2 minutes
    assert ">12.0<" in page


def test_a_training_in_parts_counts_with_all_of_them(tmp_path):
    folder = scored(tmp_path / "t" / "one")
    result = read_result(folder)
    job = Cost("train", 1, 0.5, 0.5, None, None)  # its last part
    assert compare._minutes(result.folds, job) == pytest.approx(2.0), "four epochs of 30 s"
    assert compare._minutes(result.folds, None) == pytest.approx(2.0)
    result.folds.records[0].resolved.seconds = 420.0
    assert compare._minutes(result.folds, job) == pytest.approx(7.0)
    assert compare._minutes(result.folds, Cost("train", 1, 9.0, 9.0, None, None)) == 9.0


def test_an_ensemble_costs_what_its_members_cost_and_has_no_curve(tmp_path):
    place = tmp_path / "results" / "tiny"
    members = {name: read_result(scored(place / name)) for name in ("one", "two")}
    for name, (seconds, megabytes) in {"one": (300, 900), "two": (480, 700)}.items():
        write_text(
            place / "timings" / "train" / name / "fold-0.tsv",
            f"s\tmax_rss\tcpu_time\n{seconds}\t{megabytes}\t1\n",
        )
    folds = Folds(
        [each.folds.records[0] for each in members.values()],
        {f"{name}/fold-0": each.folds.histories["fold-0"] for name, each in members.items()},
        ensemble=SimpleNamespace(folds=1, members=dict.fromkeys(members)),
    )
    both = replace(members["one"], folder=place / "both", folds=folds)
    cost = compare._cost(both)
    assert (cost["minutes"], cost["memory_mb"], cost["energy_wh"]) == (13.0, 900.0, None)
    assert compare._histories(both) == {}
    assert list(compare._histories(members["one"])) == ["fold-0"]
    # elsewhere, nobody knows what it took beyond the epochs
    alone = compare._cost(replace(both, folder=tmp_path / "sent" / "both"))
    assert (alone["minutes"], alone["memory_mb"]) == (pytest.approx(4.0), None)


def test_older_tables_are_compared_too(tmp_path):
    folders = [scored(tmp_path / "t" / "one"), scored(tmp_path / "t" / "two", 0.01)]
    for folder in folders:
        metrics = pd.read_csv(folder / "metrics.tsv", sep="\t")
        old = metrics.drop(columns=["truth_sha256", "nsd", "hd95_mm", "assd_mm", "tolerance_mm"])
        write_text(folder / "metrics.tsv", old.to_csv(sep="\t", index=False))
    made = compare_folders(folders, tmp_path / "out", lambda line: None)
    assert set(made.table["metric"]) == {"dice", "volume_error_percent"}
    assert "scored on this test set" not in made.page


def test_a_page_that_fails_loses_no_table(tmp_path, monkeypatch, caplog):
    place = tmp_path / "results" / "tiny"
    folders = [scored(place / "one"), scored(place / "two", 0.05)]

    def fail(shown):
        raise ZeroDivisionError("a <fault> of ours")

    monkeypatch.setattr("slicewise.compare.comparison_report", fail)
    made = compare_folders(folders, tmp_path / "out", lambda line: None)
    assert len(pd.read_csv(tmp_path / "out" / "comparison.tsv", sep="\t")) == len(made.table)
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert "ZeroDivisionError: a &lt;fault&gt; of ours" in page
    assert "better than" in page
    assert "The page of the comparison could not be drawn" in caplog.text


def test_what_tables_say_of_cases_is_kept_and_groups_them(tmp_path):
    results = {
        name: read_result(scored(tmp_path / name, by)) for name, by in (("a", 0), ("b", 0.1))
    }
    sites = dict(zip(DICE, ("Ulm", "Ulm", "Ulm", "Bonn", "", ""), strict=True))
    made = set_side_by_side("tiny", results, {}, {}, {}, columns={"site": sites})
    assert list(made.cases["site"]) == [sites[case] for case in made.cases["case"]]
    assert "Mean Dice by site" in made.page
    assert "not given" in made.page
    plain = set_side_by_side("tiny", results, {}, {}, {})
    assert "site" not in plain.cases
    assert "Group by group" not in plain.page


def test_seeds_that_lie_beside_are_named(tmp_path):
    place = tmp_path / "results" / "tiny"
    base = scored(place / "base", seed=1)
    scored(place / "base-seed2", seed=2)
    scored(place / "base-seed3", seed=3, preset="another")
    scored(place / "baseline-seed4", seed=4)
    write_text(scored(place / "base-seed5", seed=5) / "fold-0" / "config.yaml", "damaged")
    assert seeds_beside(read_result(base)) == ["base-seed2"]
    assert seeds_beside(read_result(place / "base-seed2")) == ["base"]
    assert seeds_beside(read_result(place / "base-seed3")) == []
