"""Every benchmark starts: what it imports is where it looks, and it says what it takes."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from slicewise.config import load_settings
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.volumes.volume import Volume
from tests import forked

BENCHMARKS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
# imported by others
HELPERS = {"synthetic"}


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_starts(path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(path.parent))
    if path.stem in HELPERS:
        assert runpy.run_path(str(path))["__doc__"]
        return
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code == 0
    assert f"usage: {path.name}" in capsys.readouterr().out


def test_distances_on_the_whole_grid_are_those_of_the_cropped_one(monkeypatch):
    path = BENCHMARKS[0].with_name("metrics.py")
    benchmark = runpy.run_path(str(path))
    boxes = []
    crop = benchmark["surface"].bounding_box
    truth = np.zeros((16, 16, 12), bool)
    truth[4:9, 4:10, 3:8] = True
    pair = [Volume(mask, np.eye(4)) for mask in (truth, np.roll(truth, 1, 0))]
    monkeypatch.setattr(
        benchmark["surface"], "bounding_box", lambda mask: boxes.append(mask) or crop(mask)
    )
    cropped = benchmark["score"](*pair)
    assert len(boxes) == 1
    whole = benchmark["uncropped"](*pair)
    # the whole grid is asked for in place of the box
    assert len(boxes) == 1
    assert whole == pytest.approx(cropped, nan_ok=True)


# --- study.py ------------------------------------------------------------------------

PHANTOMS = {
    "dataset": {
        "name": "made",
        "layout": "phantom",
        "labels": {"liver": 1},
        "other_labels": "background",
        "phantom": {"cases": 8, "size": 64, "slices": [8, 10]},
    },
    "split": {"test": 2, "validation": 0.3},
    "slices": {"axial32": {"plane": "axial", "size": 32}},
    "experiments": {
        "baseline": {
            "slices": "axial32",
            "network": {"filters": [4, 8]},
            "training": {"epochs": 9, "batch": 4, "precision": "float32", "threads": 1},
        }
    },
}
BARE = {"optimizer": {"ema": None}}
VARIANTS = {
    "tried": {
        "usual": {},
        "bare": BARE,
        "old": {"preset": "tutorial", "slices": "axial32", "training": {"epochs": 1}},
    }
}


@pytest.fixture
def study(monkeypatch):
    path = BENCHMARKS[0].with_name("study.py")
    monkeypatch.syspath_prepend(str(path.parent))
    return runpy.run_path(str(path))


@pytest.fixture
def phantoms(tmp_path):
    """A configuration, variants of its experiment, and the arguments of a study on it."""
    configuration, variants = tmp_path / "made.yaml", tmp_path / "variants.yaml"
    configuration.write_text(yaml.safe_dump(PHANTOMS))
    variants.write_text(yaml.safe_dump(VARIANTS, sort_keys=False))
    page = str(tmp_path / "study.md")
    return [
        *("tried", "--configfile", str(configuration), "--variants", str(variants)),
        *("--page", page, "--cores", "2"),
    ]


def cases_of(configuration, subset):
    """Return the cases of a subset of a configuration."""
    settings = load_settings(configuration)
    split = split_cases(find_cases(settings.dataset, Path()), settings.split)
    return {each.case for each in split if each.subset == subset}


@pytest.mark.parametrize("how", [["--folds", "2"], ["--rounds", "3"]])
def test_a_study_never_sees_a_test_patient(study, phantoms, how, tmp_path):
    options = study["parsed"]([*phantoms, "--steps", "120", "--seeds", "1", "2", *how])
    made = study["data_sets"](tmp_path / "made.yaml", VARIANTS["tried"], options)
    kept_apart = cases_of(PHANTOMS, "test")
    assert len(kept_apart) == 2
    scored = []
    for text in made.values():
        each = yaml.safe_load(text)
        assert kept_apart == set(each["dataset"]["exclude"])
        scored.append(cases_of(each, "test"))
    if how[0] == "--folds":
        assert list(made) == ["study-made"]
        assert scored == [set()]
    else:
        assert list(made) == ["study-made-1", "study-made-2", "study-made-3"]
        assert len(set(map(frozenset, scored))) > 1
        assert all(scored)


def test_variants_differ_in_nothing_else(study, phantoms, tmp_path):
    options = study["parsed"]([*phantoms, "--steps", "120", "--seeds", "1", "2"])
    (text,) = study["data_sets"](tmp_path / "made.yaml", VARIANTS["tried"], options).values()
    settings = load_settings(yaml.safe_load(text))
    usual, bare, old = (settings.experiments[name] for name in VARIANTS["tried"])
    assert settings.repeats["usual"] == ["usual", "usual-seed2"]
    training = usual.training
    assert (training.epochs, training.steps_per_epoch, training.batch) == (3, 40, 4)
    assert bare.optimizer.ema is None
    assert usual.model_copy(update={"optimizer": bare.optimizer}) == bare
    assert old.optimizer.name == "adam", "a preset begins anew"
    assert (old.training.epochs, old.training.steps_per_epoch) == (1, 40), "a variant wins"
    options = study["parsed"]([*phantoms, "--minutes", "0.5"])
    (text,) = study["data_sets"](tmp_path / "made.yaml", {"usual": {}}, options).values()
    training = load_settings(yaml.safe_load(text)).experiments["usual"].training
    assert (training.epochs, training.minutes) == (None, 0.5)


def table_of(dice):
    """Return a table of scores, a patient a value, two scans of the first."""
    names = ["p0", *(f"p{k}" for k in range(len(dice)))]
    return pd.DataFrame(
        {
            "subset": "validation",
            "case": [f"c{k}" for k in range(len(names))],
            "patient": names,
            "label": "liver",
            "dice": [dice[0], *dice],
            "volume_ml": 100.0,
            "predicted_ml": 100.0,
        }
    )


def test_a_study_counts_by_patient_against_the_first_variant(study):
    random = np.random.default_rng(0)
    base = random.uniform(0.6, 0.8, 12)
    tables = {
        "a": table_of(base),
        "a-seed2": table_of(base + 0.02),
        "b": table_of(base + 0.1),
        "b-seed2": table_of(base + 0.1),
        "c": table_of(base + 0.01),
    }
    repeats = {"a": ["a", "a-seed2"], "b": ["b", "b-seed2"]}
    # the reference may come after what it is compared with
    turned = {name: tables[name] for name in ("b", "b-seed2", "c", "a", "a-seed2")}
    for given in (tables, turned):
        found = study["corrected"](study["rows"](given, repeats, "a"))
        rows = {row["variant"]: row for row in found if row["label"] == "mean"}
        assert set(rows) == {"b", "c"}
        b, c = rows["b"], rows["c"]
        assert b["patients"] == 12
        assert b["difference"] == pytest.approx(0.09)
        assert b["low"] <= b["difference"] <= b["high"]
        assert b["reference"] == pytest.approx(base.mean() + 0.01)
        assert b["sd_seeds"] == pytest.approx(np.std([0, 0.02], ddof=1))
        assert c["difference"] == pytest.approx(0.0, abs=1e-9)
        assert b["p"] == pytest.approx(2 / 2**12)
        assert b["p_holm"] == pytest.approx(2 * b["p"]), "two were tried"
    told = [{**row, "data": "d", "minutes": 1, "reference_minutes": 2} for row in found]
    text = study["markdown"](told, "a").splitlines()
    assert {line.count("|") for line in text} == {11}
    assert sum("`a` | mean" in line for line in text) == 1


def test_rounds_are_put_together_by_patient(study, monkeypatch):
    def read(path):
        scored = table_of([0.5, 0.7] if "one" in path else [0.7, 0.9]).assign(subset="test")
        return pd.concat([scored, table_of([0.1, 0.1])])

    monkeypatch.setitem(study["scores"].__globals__, "read_metrics", read)
    tables = study["scores"](["one", "two"], ["a"], Path("place"), subset="test")
    assert set(tables["a"]["subset"]) == {"test"}, "who validates is not scored"
    by_patient = study["rows"](tables | {"b": tables["a"].assign(dice=0.6)}, {}, "b")
    (mean,) = (row for row in by_patient if row["label"] == "mean")
    assert (mean["patients"], mean["Dice"]) == (2, pytest.approx(0.7))


@pytest.mark.slow
def test_a_study_runs_the_workflow_on_phantoms(phantoms, tmp_path):
    place = tmp_path / "workflow"
    place.mkdir()
    root = BENCHMARKS[0].parents[1]
    for name in ("Snakefile", "rules", "scripts", "src", "profiles", "config", "environment.yml"):
        copied = shutil.copytree if (root / name).is_dir() else shutil.copy
        copied(root / name, place / name)
    fewer = {"phantom": {**PHANTOMS["dataset"]["phantom"], "cases": 6}}
    few = {**PHANTOMS, "dataset": {**PHANTOMS["dataset"], **fewer}}
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(few))
    variants = yaml.safe_dump({"tried": {"usual": {}, "bare": BARE}}, sort_keys=False)
    (tmp_path / "variants.yaml").write_text(variants)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "SLICEWISE_"))}
    benchmark = BENCHMARKS[0].with_name("study.py")
    done = subprocess.run(
        [
            *(forked.python(), str(benchmark), *phantoms),
            *("--steps", "2", "--folds", "2", "--place", str(place)),
        ],
        capture_output=True,
        text=True,
        env={**kept, "PYTHONPATH": str(place / "src")},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "study.md").read_text()
    assert page in done.stdout
    lines = [line for line in page.splitlines() if line.startswith("| made")]
    said = [line.split("|")[2].strip() for line in lines if "| mean |" in line]
    assert said == ["`usual`", "`bare`"]
    assert {line.split("|")[4].strip() for line in lines} == {"4"}, "all that are not tested on"
    assert all(float(line.split("|")[-2]) > 0 for line in lines), "minutes"
