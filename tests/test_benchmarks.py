"""Every benchmark starts: what it imports is where it looks, and it says what it takes."""

import dataclasses
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml

from slicewise.config import load_settings
from slicewise.config.configuration import read_configuration
from slicewise.dataset.calibration import FEWEST
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.errors import SlicewiseError
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests import forked

BENCHMARKS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
# imported by others
HELPERS = {"synthetic"}
ROOT = BENCHMARKS[0].parents[1]


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


def test_accuracy_trains_seeds_and_both_within_the_minutes(monkeypatch, tmp_path, capsys):
    accuracy = runpy.run_path(str(BENCHMARKS[0].with_name("accuracy.py")))
    config = tmp_path / "data.yaml"
    config.write_text("dataset: {name: data}\n", encoding="utf-8")
    asked = {}
    reached = {"tutorial": 0.8, "baseline": 0.9, "baseline-seed2": 0.92}

    def run(experiment, dataset, configs, cores, training, folds=1):
        asked[experiment] = training

    def rows(experiment, dataset, folds=1):
        return [{"experiment": experiment, "label": "mean", "Dice": reached[experiment]}]

    main = accuracy["main"]
    for name, instead in (("run", run), ("rows", rows), ("seconds_of", lambda *_: 60.0)):
        monkeypatch.setitem(main.__globals__, name, instead)
    words = ["--configfile", str(config), "--minutes", "1", "--both", "--seeds", "2"]
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *words])
    main()
    limited = {"epochs": None, "minutes": 1.0}
    seeds = {**limited, "seeds": [1, 2]}
    assert asked == {"tutorial": limited, "baseline": seeds, "baseline-seed2": seeds}
    printed = capsys.readouterr().out
    assert "error (1 - Dice) of baseline against tutorial: 0.50" in printed
    assert "2 seeds: mean Dice 0.9100, standard deviation 0.0141, from 0.9000 to 0.9200" in printed


def test_accuracy_shares_minutes_among_folds(monkeypatch, tmp_path, capsys):
    accuracy = runpy.run_path(str(BENCHMARKS[0].with_name("accuracy.py")))
    (tmp_path / "data.yaml").write_text("dataset: {name: data}\n", encoding="utf-8")
    folder = tmp_path / "results/data/baseline"
    (folder / "fold-0").mkdir(parents=True)
    timings = tmp_path / "results/data/timings/train/baseline"
    timings.mkdir(parents=True)
    for fold, seconds in enumerate((100.0, 110.0)):
        (timings / f"fold-{fold}.tsv").write_text(f"s\th:m:s\n{seconds}\t-\n")
    (folder / "fold-0/history.csv").write_text("epoch\n1\n2\n3\n")
    (folder / "metrics.tsv").write_text(
        "case\tpatient\tsubset\tfold\tlabel\tdice\tvolume_ml\tpredicted_ml\n"
        "a\ta\ttest\t\tliver\t0.9\t1\t1\nb\tb\ttest\t\tliver\t0.8\t1\t1\n"
        "c\tc\tvalidation\t0\tliver\t0.1\t1\t1\n"
    )
    of_dice = {"dice": {"mean": 0.85, "ci_low": 0.8, "ci_high": 0.9}}
    (folder / "summary.json").write_text(json.dumps({"test": {"liver": of_dice, "mean": of_dice}}))
    laid = []

    def snakemake(command, **options):
        laid.append(yaml.safe_load(Path(command[-1]).read_text(encoding="utf-8")))

    main = accuracy["main"]
    monkeypatch.setitem(main.__globals__, "ROOT", tmp_path)
    monkeypatch.setattr(subprocess, "run", snakemake)
    words = ["--configfile", str(tmp_path / "data.yaml"), "--minutes", "4.5", "--folds", "2"]
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *words])
    main()
    # half a minute around each of them is no more than around one
    training = {"epochs": None, "minutes": 2.0}
    baseline = {"training": training}
    assert laid == [{"experiments": {"baseline": baseline}, "split": {"folds": 2}}]
    row = capsys.readouterr().out.splitlines()[1]
    assert " ".join(row.split()) == "baseline mean 3.5 3 2 0.85 0.8 0.9 0.85 0.8"
    monkeypatch.setattr(sys, "argv", ["accuracy.py", *words[:2], "--minutes", "1", "--folds", "9"])
    with pytest.raises(SystemExit, match="1 minutes are too few for 9 folds"):
        main()


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


# --- gpu.sh --------------------------------------------------------------------------

RECORDER = """#!/bin/sh
printf '%s\\n' "$*" >> "$SAID"
case "$*" in *"$FAILS"*) echo no memory; exit 1;; esac
echo '{"train": 1}'
"""


@pytest.fixture
def gpu(tmp_path):
    """Run gpu.sh with a program in place of python, which notes what it is told."""
    program = tmp_path / "python"
    program.write_text(RECORDER)
    program.chmod(0o755)
    said = tmp_path / "said.txt"

    def run(*arguments, fails="never"):
        more = {"PYTHON": program, "OUT": tmp_path / "out", "SAID": said, "FAILS": fails}
        done = subprocess.run(
            ["bash", str(BENCHMARKS[0].with_name("gpu.sh")), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **{key: str(value) for key, value in more.items()}},
        )
        return done, said.read_text().splitlines() if said.exists() else []

    return run


def test_what_runs_on_a_gpu_is_known_to_its_benchmarks(gpu, study):
    throughput = runpy.run_path(str(BENCHMARKS[0].with_name("train_throughput.py")))
    for part in ("check", "speed"):
        done, said = gpu(part)
        assert done.returncode == 0, done.stderr
    speeds = [line.split() for line in said if line.startswith("benchmarks/train_throughput.py")]
    assert len(speeds) == 9
    for _, *arguments in speeds:
        options = throughput["parsed"](arguments)
        assert throughput["experiment_of"](options).training.steps_per_epoch == options.steps
    done, said = gpu("study", "4.5")
    assert done.returncode == 1, "the program wrote no page"
    program, *arguments = said[-1].split()
    assert program == "benchmarks/study.py"
    assert study["parsed"](arguments).minutes == 4.5


def test_a_part_that_fails_on_a_gpu_does_not_stop_the_next(gpu, tmp_path):
    done, said = gpu("speed", fails="--size 512")
    assert done.returncode == 1
    assert len(said) == 7
    assert "speed-512x16 failed" in done.stdout
    assert "no memory" in done.stdout
    assert len((tmp_path / "out/speed.jsonl").read_text().splitlines()) == 6


def test_gpu_without_a_part_says_what_there_is(gpu):
    done, said = gpu()
    assert done.returncode == 2
    assert all(f"gpu.sh {part}" in done.stderr for part in ("check", "speed", "study"))
    assert said == []


def test_variants_of_three_dimensions_are_settings(study, monkeypatch, tmp_path):
    """The study that is for a GPU is not run by any test, so its settings are checked."""
    path = ROOT / "config/msd_hippocampus.yaml"
    arguments = ["dimensions", "--configfile", str(path), "--minutes", "1", "--tested"]
    variants = yaml.safe_load((ROOT / "benchmarks/study.yaml").read_text())["dimensions"]
    monkeypatch.setenv("SLICEWISE_DATA", str(hippocampi(tmp_path)))
    (text,) = study["data_sets"](path, variants, study["parsed"](arguments)).values()
    made = load_settings(yaml.safe_load(text)).experiments
    assert [one.network.dimensions for one in made.values()] == [2, 2, 3, 3]


@pytest.mark.parametrize("name", yaml.safe_load((ROOT / "benchmarks/study.yaml").read_text()))
def test_variants_of_every_study_are_settings(study, monkeypatch, tmp_path, name):
    path = ROOT / "config/msd_hippocampus.yaml"
    arguments = [name, "--configfile", str(path), "--minutes", "1"]
    arguments += ["--rounds", "2"] if name in ("select", "validation", "few") else []
    variants = yaml.safe_load((ROOT / "benchmarks/study.yaml").read_text())[name]
    monkeypatch.setenv("SLICEWISE_DATA", str(hippocampi(tmp_path)))
    made = {}
    for text in study["data_sets"](path, variants, study["parsed"](arguments)).values():
        settings = load_settings(yaml.safe_load(text))
        made |= {name: (settings.split, one) for name, one in settings.experiments.items()}
    assert set(made) == set(variants)
    # each is another experiment than the first, or has others to validate
    first, *others = (made[name] for name in variants)
    assert all(other != first for other in others)


def hippocampi(place):
    """Make a folder of the layout, with names alone."""
    folder = place / "msd_hippocampus"
    names = [f"hippocampus_{k:03d}.nii.gz" for k in range(12)]
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
        for name in names:
            (folder / part / name).touch()
    listed = [{"image": f"./imagesTr/{n}", "label": f"./labelsTr/{n}"} for n in names]
    labels = {"0": "background", "1": "Anterior", "2": "Posterior"}
    told = {"training": listed, "labels": labels, "modality": {"0": "MRI"}}
    (folder / "dataset.json").write_text(json.dumps(told))
    return place


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
BASE = PHANTOMS["experiments"]["baseline"]
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


def test_test_patients_are_scored_where_that_was_asked_for(study, phantoms, tmp_path):
    options = study["parsed"]([*phantoms, "--minutes", "0.5", "--folds", "2", "--tested"])
    made = study["data_sets"](tmp_path / "made.yaml", {"usual": {}}, options)
    assert list(made) == ["tested-made"], "results of a study without them stay what they are"
    each = yaml.safe_load(made["tested-made"])
    assert each["dataset"]["exclude"] == []
    assert cases_of(each, "test") == cases_of(PHANTOMS, "test")
    assert study["subsets"](options) == ("validation", "test")
    for more in (["--rounds", "2"], ["--patients", "3"]):
        with pytest.raises(SystemExit):
            study["parsed"]([*phantoms, "--minutes", "0.5", "--tested", *more])


def test_a_variant_brings_slices_of_its_own(study, phantoms, tmp_path):
    options = study["parsed"]([*phantoms, "--minutes", "0.5"])
    coronal = {"plane": "coronal", "size": 32}
    variants = {"one": {}, "two": {"recipes": {"coronal32": coronal}, "also": ["coronal32"]}}
    (text,) = study["data_sets"](tmp_path / "made.yaml", variants, options).values()
    settings = load_settings(yaml.safe_load(text))
    assert settings.slices["coronal32"].plane == "coronal"
    assert settings.experiments["two"].also == ["coronal32"]
    assert settings.experiments["one"].also == []


def test_another_share_validates_and_the_same_patients_are_scored(study, phantoms, tmp_path):
    options = study["parsed"]([*phantoms, "--minutes", "0.5", "--rounds", "3"])
    variants = {"usual": {}, "more": {"validation": 0.5}, "bent": {}}
    made = study["data_sets"](tmp_path / "made.yaml", variants, options)
    usual = ["study-made-1", "study-made-2", "study-made-3"]
    more = [f"{name}-validation-0_5" for name in usual]
    assert list(made) == [*usual, *more]
    configurations = {name: yaml.safe_load(text) for name, text in made.items()}
    for few, many in zip(usual, more, strict=True):
        sides = [configurations[name] for name in (few, many)]
        assert cases_of(sides[0], "test") == cases_of(sides[1], "test") != set()
        assert [len(cases_of(side, "validation")) for side in sides] == [1, 2]
    results = study["results_of"]({name: own["run"] for name, own in configurations.items()})
    assert results == {"usual": usual, "bent": usual, "more": more}
    folds = study["parsed"]([*phantoms, "--minutes", "0.5", "--folds", "2"])
    with pytest.raises(SystemExit, match="use --rounds"):
        study["data_sets"](tmp_path / "made.yaml", variants, folds)


def test_few_are_learnt_from_and_all_others_scored(study, phantoms, tmp_path):
    options = study["parsed"]([*phantoms, "--minutes", "0.5", "--rounds", "2", "--learn", "4"])
    variants = {"usual": {}, "all": {"validation": 0}}
    made = study["data_sets"](tmp_path / "made.yaml", variants, options)
    for name, text in made.items():
        each = yaml.safe_load(text)
        validated = 0 if "validation" in name else 1
        assert len(cases_of(each, "validation")) == validated
        assert len(cases_of(each, "train")) == 4 - validated
        assert len(cases_of(each, "test")) == 2, "6 are not tested on"
    learnt = [cases_of(yaml.safe_load(text), "train") for text in made.values()]
    assert len(set(map(frozenset, learnt))) > 2, "each round has others"
    options = study["parsed"]([*phantoms, "--minutes", "0.5", "--rounds", "2", "--learn", "6"])
    with pytest.raises(SystemExit, match=r"--learn 6: .*made.yaml has 6 patients"):
        study["data_sets"](tmp_path / "made.yaml", variants, options)
    with pytest.raises(SystemExit):
        study["parsed"]([*phantoms, "--minutes", "0.5", "--folds", "2", "--learn", "4"])


@pytest.mark.parametrize("how", [["--folds", "2"], ["--rounds", "2"]])
def test_what_held_out_patients_may_not_choose_is_left_out(study, phantoms, how, tmp_path):
    steps = {"largest_component": "auto", "fill_holes": "auto"}
    chosen = {"training": {"patience": 3}, "postprocessing": steps}
    configuration = {**PHANTOMS, "experiments": {"baseline": {**BASE, **chosen}}}
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(configuration))
    options = study["parsed"]([*phantoms, "--minutes", "0.5", *how])
    text, *_ = study["data_sets"](tmp_path / "made.yaml", {"usual": {}}, options).values()
    usual = yaml.safe_load(text)["experiments"]["usual"]
    assert ("patience" in usual["training"]) == (how[0] == "--rounds")
    assert ("fill_holes" in usual["postprocessing"]) == (how[0] == "--rounds")
    # of which the training masks decide where nobody else may
    assert usual["postprocessing"]["largest_component"] == "auto"


def test_trainings_side_by_side_take_a_processor_each(study, phantoms, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(study["subprocess"], "run", lambda command, **_: said.append(command))
    for more in ([], ["--at-once", "4"]):
        options = study["parsed"]([*phantoms, "--minutes", "0.5", *more])
        made = study["data_sets"](tmp_path / "made.yaml", {"usual": {}}, options)
        study["run"](made["study-made"], "study-made", options)
    one, several = said
    # options of several values swallow the targets that follow
    assert all(command[5].endswith("metrics.tsv") for command in said), said
    assert "gpu=1" in one and "--set-threads" not in one
    assert "gpu=4" in several and "train=1" in several


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


def test_a_study_that_compares_nothing_ends_before_it_trains(study, phantoms, tmp_path):
    variants = tmp_path / "variants.yaml"
    variants.write_text("tried: {alone: {}}\n", encoding="utf-8")
    options = study["parsed"]([*phantoms, "--variants", str(variants), "--steps", "5"])
    for name, said in (("tried", "tried has one variant"), ("other", "no study other: tried")):
        options.study = name
        with pytest.raises(SystemExit, match=said):
            study["study"](options)


def test_halving_drops_the_worse_half_and_gives_the_rest_twice_as_much(
    study, phantoms, tmp_path, monkeypatch
):
    better = {"b": -0.02, "c": 0.01, "d": 0.03, "e": -0.01}
    variants = tmp_path / "variants.yaml"
    variants.write_text(yaml.safe_dump({"tried": {name: {} for name in ("a", *better)}}))
    turns = []

    def measured(chosen, options, dropped):
        turns.append((list(chosen), options.steps, dropped))
        return [
            {
                **{"data": "made", "variant": name, "label": "mean", "patients": 9, "p": 0.01},
                **{"Dice": 0.8 + better[name], "difference": better[name], "low": 0, "high": 0},
                **{"reference": 0.8, "reference_minutes": 1, "minutes": 1, "sd_seeds": None},
            }
            for name in chosen
            if name != "a"
        ]

    monkeypatch.setitem(study["study"].__globals__, "measured", measured)
    arguments = ["tried", *phantoms[1:], "--variants", str(variants), "--steps", "1200"]
    told = study["study"](study["parsed"]([*arguments, "--halve"]))
    assert turns == [
        (["a", "b", "c", "d", "e"], 300, 0),
        (["a", "c", "d"], 600, 2),
        (["a", "d"], 1200, 3),
    ]
    assert [part in told for part in ("0.25 of the steps:", "0.5 of the", "1 of the steps:")]
    turns.clear()
    assert "of the steps" not in study["study"](study["parsed"](arguments))
    assert [turn[1:] for turn in turns] == [(1200, 0)]


def test_p_of_what_is_left_is_corrected_for_what_was_dropped(study):
    found = [{"label": "mean", "p": 0.01}]
    assert study["corrected"](found, 3)[0]["p_holm"] == pytest.approx(0.04)
    assert study["corrected"](found)[0]["p_holm"] == pytest.approx(0.01)


def test_rounds_are_put_together_by_patient(study, monkeypatch):
    def read(path):
        scored = table_of([0.5, 0.7] if "one" in path else [0.7, 0.9]).assign(subset="test")
        return pd.concat([scored, table_of([0.1, 0.1])])

    monkeypatch.setitem(study["scores"].__globals__, "read_metrics", read)
    results = study["results_of"]({"one": ["a"], "two": ["a"]})
    tables = study["scores"](results, Path("place"), subset="test")
    assert set(tables["a"]["subset"]) == {"test"}, "who validates is not scored"
    by_patient = study["rows"](tables | {"b": tables["a"].assign(dice=0.6)}, {}, "b")
    (mean,) = (row for row in by_patient if row["label"] == "mean")
    assert (mean["patients"], mean["Dice"]) == (2, pytest.approx(0.7))


def copy_of_workflow(tmp_path):
    """Return a folder with the workflow, and without results."""
    place = tmp_path / "workflow"
    place.mkdir()
    root = BENCHMARKS[0].parents[1]
    for name in ("Snakefile", "rules", "scripts", "src", "profiles", "config", "environment.yml"):
        copied = shutil.copytree if (root / name).is_dir() else shutil.copy
        copied(root / name, place / name)
    return place


def on_workflow(benchmark, arguments, place):
    """Run a benchmark on a copy of the workflow, to a good end."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "SLICEWISE_"))}
    done = subprocess.run(
        [forked.python(), str(BENCHMARKS[0].with_name(benchmark)), *arguments],
        capture_output=True,
        text=True,
        env={**kept, "PYTHONPATH": str(place / "src")},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.mark.slow
def test_a_study_runs_the_workflow_on_phantoms(phantoms, tmp_path):
    place = copy_of_workflow(tmp_path)
    fewer = {"phantom": {**PHANTOMS["dataset"]["phantom"], "cases": 6}}
    few = {**PHANTOMS, "dataset": {**PHANTOMS["dataset"], **fewer}}
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(few))
    variants = yaml.safe_dump({"tried": {"usual": {}, "bare": BARE}}, sort_keys=False)
    (tmp_path / "variants.yaml").write_text(variants)
    more = ("--steps", "2", "--folds", "2", "--place", str(place))
    done = on_workflow("study.py", [*phantoms, *more], place)
    page = (tmp_path / "study.md").read_text()
    assert page in done.stdout
    lines = [line for line in page.splitlines() if line.startswith("| made")]
    said = [line.split("|")[2].strip() for line in lines if "| mean |" in line]
    assert said == ["`usual`", "`bare`"]
    assert {line.split("|")[4].strip() for line in lines} == {"4"}, "all that are not tested on"
    assert all(float(line.split("|")[-2]) > 0 for line in lines), "minutes"


# --- correct.py ----------------------------------------------------------------------


@pytest.fixture
def correct(monkeypatch):
    path = BENCHMARKS[0].with_name("correct.py")
    monkeypatch.syspath_prepend(str(path.parent))
    return runpy.run_path(str(path))


def corrections(correct, tmp_path, *more):
    """Return the configurations before and after corrections of phantoms, and the options."""
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump(PHANTOMS))
    numbers = ("--first", "2", "--corrected", "2", "--tested", "2")
    options = correct["parsed"](["--configfile", str(path), "--steps", "100", *numbers, *more])
    return correct["data_sets"](path, options), options


def test_corrected_cases_join_and_the_same_patients_are_tested(correct, tmp_path):
    made, _ = corrections(correct, tmp_path)
    assert list(made) == ["before-made", "corrected-made"]
    kept_apart = cases_of(PHANTOMS, "test")
    before, after = (cases_of(one, "train") for one in made.values())
    assert before < after and (len(before), len(after)) == (2, 4)
    tested = [cases_of(one, "test") for one in made.values()]
    assert tested[0] == tested[1] and len(tested[0]) == 2
    assert not kept_apart & (after | tested[0]), "test patients of the configuration"
    assert not [case for one in made.values() for case in cases_of(one, "validation")]


def test_a_fine_tuning_differs_from_a_training_in_start_steps_and_rate(correct, tmp_path):
    more = ("--seeds", "1", "2", "--rates", "1", "0.3", "--threads", "1")
    made, _ = corrections(correct, tmp_path, *more)
    before, after = (load_settings(one) for one in made.values())
    assert list(before.experiments) == ["first-1", "first-2"]
    scratch, tuned = after.experiments["scratch-2"], after.experiments["tuned-0.3-2"]
    assert tuned.training.start_from == "results/before-made/first-2"
    for one, steps in ((before.experiments["first-2"], 100), (scratch, 100), (tuned, 20)):
        assert one.training.epochs * one.training.steps_per_epoch == steps
        assert (one.training.seed, one.training.threads) == (2, 1)
    assert tuned.optimizer.learning_rate == pytest.approx(0.3 * scratch.optimizer.learning_rate)
    assert after.experiments["tuned-1-1"].optimizer == scratch.optimizer
    with pytest.raises(SystemExit, match="cases are not tested on there"):
        corrections(correct, tmp_path, "--first", "5")


def test_each_way_is_compared_with_the_one_from_scratch_over_seeds(correct, tmp_path, monkeypatch):
    made, options = corrections(correct, tmp_path, "--seeds", "1", "2", "--rates", "1", "0.3")
    dice = {"first": 0.5, "scratch": 0.7, "tuned-1": 0.69, "tuned-0.3": 0.71}

    def read(path):
        name, _, seed = Path(path).parent.name.rpartition("-")
        scored = np.array([0.0, 0.01, 0.02]) + dice[name] + 0.001 * int(seed)
        return table_of(scored).assign(subset="test")

    # of the functions of study.py, which it imports
    monkeypatch.setitem(correct["scores"].__globals__, "read_metrics", read)
    monkeypatch.setitem(correct["told"].__globals__, "minutes_of", lambda *_: 1.0)
    found = correct["told"](made, "made", options)
    means = {row["variant"]: row["difference"] for row in found if row["label"] == "mean"}
    wanted = {name: value - dice["scratch"] for name, value in dice.items() if name != "scratch"}
    assert means == pytest.approx(wanted)
    assert all(row["reference"] == pytest.approx(dice["scratch"] + 0.0115) for row in found)
    assert correct["markdown"](found, "scratch").count("| mean |") == 4


# --- curves.py -----------------------------------------------------------------------


@pytest.fixture
def curves(monkeypatch):
    path = BENCHMARKS[0].with_name("curves.py")
    monkeypatch.syspath_prepend(str(path.parent))
    return runpy.run_path(str(path))


@pytest.fixture
def rivals():
    return runpy.run_path(str(BENCHMARKS[0].with_name("rivals.py")))


def patients_twice(place):
    """Make twelve patients of two cases each, in files without a voxel, and their configuration."""
    hippocampi(place)
    folder = place / "msd_hippocampus"
    names = [f"p{k:02d}_{scan}.nii.gz" for k in range(12) for scan in "ab"]
    for part in ("imagesTr", "labelsTr"):
        for path in (folder / part).iterdir():
            path.unlink()
        for name in names:
            (folder / part / name).touch()
    told = json.loads((folder / "dataset.json").read_text())
    listed = [{"image": f"./imagesTr/{n}", "label": f"./labelsTr/{n}"} for n in names]
    (folder / "dataset.json").write_text(json.dumps({**told, "training": listed}))
    configuration = {
        "dataset": {
            "name": "twice",
            "layout": "msd",
            "root": "msd_hippocampus",
            "intensity": "arbitrary",
            "labels": {"anterior": 1, "posterior": 2},
            "patient_pattern": "(?P<patient>p[0-9]+)_",
        },
        "split": {"test": 2, "validation": 0.25, "seed": 3},
        "slices": {"axial32": {"plane": "axial", "size": 32}},
        "experiments": {"baseline": {"slices": "axial32"}},
    }
    path = place / "twice.yaml"
    path.write_text(yaml.safe_dump(configuration))
    return path


def asked(curves, path, *more):
    given = ("--patients", "2", "5", "8", "--minutes", "0.5", "1", "--tested", "2")
    options = curves["parsed"](["--configfile", str(path), *given, "--threads", "1", *more])
    people = curves["people_of"](path, options)
    return [curves["part_of"](people, n, options) for n in options.patients], options


@pytest.mark.parametrize("more", [[], ["--seed", "2"], ["--final"]])
def test_patients_of_curves_are_nested_and_tested_on_by_nobody_else(
    curves, tmp_path, monkeypatch, more
):
    path = patients_twice(tmp_path)
    monkeypatch.setenv("SLICEWISE_DATA", str(tmp_path))
    parts, _ = asked(curves, path, *more)
    settings = load_settings(yaml.safe_load(path.read_text()))
    split = split_cases(find_cases(settings.dataset, tmp_path), settings.split, tmp_path)
    kept_apart = {each.case for each in split if each.subset == "test"}
    (tested,) = {tuple(part.named(tested=True)) for part in parts}
    assert len(tested) == 4, "two patients, two cases each"
    assert (set(tested) == kept_apart) if more == ["--final"] else not set(tested) & kept_apart
    smaller: set[str] = set()
    for part, wanted in zip(parts, (2, 5, 8), strict=True):
        learnt = part.named(tested=False)
        assert len({part.split[case].patient for case in learnt}) == wanted
        assert len(learnt) == 2 * wanted, "all cases of a patient"
        assert smaller < set(learnt) and not set(learnt) & (set(tested) | kept_apart)
        smaller = set(learnt)
        again = split_cases(
            find_cases(part.settings.dataset, tmp_path), part.settings.split, tmp_path
        )
        assert {each.case: each for each in again} == part.split, "what the workflow reads"
        times = [one.training.minutes for one in part.settings.experiments.values()]
        assert times == [0.5, 1]
        assert {one.preset for one in part.settings.experiments.values()} == {"auto"}


def test_another_seed_learns_from_others_and_tests_on_the_same(curves, tmp_path, monkeypatch):
    path = patients_twice(tmp_path)
    monkeypatch.setenv("SLICEWISE_DATA", str(tmp_path))
    first, second = (asked(curves, path, "--seed", seed)[0][0] for seed in "12")
    assert first.named(tested=True) == second.named(tested=True)
    assert first.named(tested=False) != second.named(tested=False)
    assert first.name != second.name
    with pytest.raises(SlicewiseError, match="--patients 9: 8 patients are left"):
        asked(curves, path, "--patients", "9")
    with pytest.raises(SlicewiseError, match="--tested 10"):
        asked(curves, path, "--tested", "10")


def made_part(curves, tmp_path, *more):
    """Return phantoms of which two are learnt from, with files, and the options."""
    labels = {"liver": 7, "spleen": 3}
    dataset = {**PHANTOMS["dataset"], "labels": labels}
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump({**PHANTOMS, "dataset": dataset}))
    given = ("--patients", "2", "--minutes", "1", "--tested", "2", "--threads", "1")
    place = ("--place", str(tmp_path), "--out", str(tmp_path / "curves.md"))
    options = curves["parsed"](["--configfile", str(path), *given, *place, *more])
    part = curves["part_of"](curves["people_of"](path, options), 2, options)
    rng = np.random.default_rng(0)
    affine = np.diag([-2.0, 1.5, 3.0, 1.0])
    for case in part.cases:
        folder = tmp_path / "results" / part.name / "cases" / case
        image = rng.normal(size=(9, 8, 7)).astype(np.float32)
        mask = rng.choice(np.array([0, 7, 3], np.uint8), (9, 8, 7))
        write_nifti(folder / "image.nii.gz", Volume(image, affine))
        write_nifti(folder / "mask.nii.gz", Volume(mask, affine))
    return part, options


STAND_IN = """\
import json, shutil, sys
from pathlib import Path
import numpy as np
import SimpleITK as sitk

work = Path(sys.argv[2])
asked = json.loads((work / "asked.json").read_text())
with Path({calls!r}).open("a") as calls:
    calls.write(json.dumps(asked) + chr(10))
{how}
labels = json.loads((work / "raw/dataset.json").read_text())["labels"]
assert labels == {{"background": 0, "liver": 1, "spleen": 2}}
for path in sorted((work / "raw/labelsTr").iterdir()):
    numbers = set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).tolist())
    assert numbers == {{0, 1, 2}}, numbers
(work / "predictions").mkdir()
for path in sorted((work / "raw/imagesTs").iterdir()):
    image = sitk.ReadImage(str(path))
    mask = sitk.Cast(image > 0, sitk.sitkUInt8) * 2
    {grid}
    sitk.WriteImage(mask, str(work / "predictions" / path.name.replace("_0000", "")))
made = {{"training_s": 1.5, "processor_s": 1.0, "steps": 3, "prediction_s": 0.1, "versions": {{}}}}
(work / "done.json").write_text(json.dumps(made))
"""
"""Stands for the environment of a rival: what gets spleen where the image is bright."""


def stand_in(tmp_path, how="", grid=""):
    """Make an environment whose Python reads and writes what that of a rival does."""
    program = tmp_path / "stand_in.py"
    program.write_text(STAND_IN.format(calls=str(tmp_path / "calls"), how=how, grid=grid))
    python = tmp_path / "env/bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {program} "$@"\n')
    python.chmod(0o755)
    return ("--rivals", "monai", "--rival-env", str(tmp_path / "env"))


def test_masks_of_a_rival_are_scored_on_the_grids_of_images(curves, tmp_path):
    part, options = made_part(curves, tmp_path, *stand_in(tmp_path))
    cell = curves["Cell"]("monai", part, 1.0)
    made = curves["result_of"](cell, options)
    told = json.loads((tmp_path / "calls").read_text())
    assert told == {"method": "monai", "seconds": 60.0, "threads": 1, "seed": 1}
    assert set(made["dice"]) == {"mean", "liver", "spleen"}
    for case in part.named(tested=True):
        folder = tmp_path / "results" / part.name / "cases" / case
        truth = nib.load(folder / "mask.nii.gz").get_fdata() == 3
        bright = nib.load(folder / "image.nii.gz").get_fdata() > 0
        dice = 2 * (truth & bright).sum() / (truth.sum() + bright.sum())
        assert made["dice"]["spleen"][case] == pytest.approx(dice, abs=1e-12)
        assert made["dice"]["liver"][case] == 0.0
        assert made["dice"]["mean"][case] == pytest.approx(dice / 2, abs=1e-12)


def test_a_dice_that_simpleitk_does_not_count_is_refused(curves, tmp_path):
    part, _ = made_part(curves, tmp_path)
    case = part.named(tested=True)[0]
    mask = str(tmp_path / "results" / part.name / "cases" / case / "mask.nii.gz")
    content = part.settings.dataset.content
    curves["check"]({"liver": 1.0, "spleen": 1.0}, mask, mask, content)
    with pytest.raises(SlicewiseError, match="Dice of spleen"):
        curves["check"]({"liver": 1.0, "spleen": 0.999}, mask, mask, content)


def test_a_cell_is_made_once_until_something_else_is_asked_for(curves, tmp_path):
    part, options = made_part(curves, tmp_path, *stand_in(tmp_path))
    cell = curves["Cell"]("monai", part, 1.0)
    first = curves["result_of"](cell, options)
    assert curves["result_of"](cell, options) == first
    calls = tmp_path / "calls"
    assert len(calls.read_text().splitlines()) == 1
    kept = cell.folder(tmp_path) / "cell.json"
    # killed before it was whole
    kept.unlink()
    curves["result_of"](cell, options)
    assert len(calls.read_text().splitlines()) == 2
    options.threads = 2
    assert curves["result_of"](cell, options)["asked"]["threads"] == 2
    assert len(calls.read_text().splitlines()) == 3


def test_what_data_are_is_part_of_what_is_asked_for(curves, tmp_path, monkeypatch):
    path = patients_twice(tmp_path)
    monkeypatch.setenv("SLICEWISE_DATA", str(tmp_path))
    parts, options = asked(curves, path)
    cell = curves["Cell"]("monai", parts[0], 1.0)
    before = cell.asked(options)
    assert cell.asked(options) == before
    case = parts[0].named(tested=True)[0]
    changed = tmp_path / f"msd_hippocampus/labelsTr/{case}.nii.gz"
    changed.write_bytes(b"another mask")
    after = cell.asked(options)
    assert {key for key in after if after[key] != before[key]} == {"data"}
    scoring = {"evaluation": {"absent_labels": "challenge"}}
    settings = load_settings({**parts[0].configuration, **scoring})
    other = dataclasses.replace(cell, part=dataclasses.replace(parts[0], settings=settings))
    last = other.asked(options)
    assert {key for key in last if last[key] != after[key]} == {"data"}


def test_a_rival_that_fails_is_said_and_takes_no_other_along(curves, tmp_path, monkeypatch):
    more = stand_in(tmp_path, how='sys.exit("not enough memory")')
    part, options = made_part(curves, tmp_path, *more)
    dice = {"mean": dict.fromkeys(part.named(tested=True), 0.8)}
    took = {"training_s": 1, "processor_s": 1, "steps": 1, "prediction_s": 1, "versions": {}}
    made = {"asked": {}, "commit": "", "date": "", "load": [0, 0], "took": took, "dice": dice}
    true = curves["result_of"]
    result_of = lambda cell, o: made if cell.method == "slicewise" else true(cell, o)  # noqa: E731
    monkeypatch.setitem(curves["table_of"].__globals__, "result_of", result_of)
    rows, failures = curves["table_of"]([part], options)
    assert [row["method"] for row in rows] == ["slicewise"]
    assert len(failures) == 1 and "monai: not enough memory" in failures[0]
    text = curves["section"](Path("made.yaml"), rows, failures, options)
    assert f"Not made: {failures[0]}" in text
    assert not (curves["Cell"]("monai", part, 1.0).folder(tmp_path) / "cell.json").exists()


def test_masks_on_another_grid_are_refused(curves, tmp_path):
    more = stand_in(tmp_path, grid="mask.SetSpacing([1.0, 1.0, 1.0])")
    part, options = made_part(curves, tmp_path, *more)
    with pytest.raises(SlicewiseError, match="not on the grid of its image"):
        curves["result_of"](curves["Cell"]("monai", part, 1.0), options)


def test_the_table_of_curves_says_how_a_rival_differs_from_ours(curves, tmp_path):
    part, options = made_part(curves, tmp_path)
    names = [f"p{k}" for k in range(8)]
    took = {"training_s": 61, "processor_s": 99, "steps": 12, "prediction_s": 0.5, "versions": {}}

    def made(offset):
        own = {name: 0.7 + 0.01 * k + offset for k, name in enumerate(names)}
        return {"dice": {"mean": own}, "load": [1, 2], "took": took}

    cells = [curves["Cell"](method, part, 3.0) for method in ("slicewise", "monai")]
    rows = [curves["row_of"](cells[0], made(0.0), made(0.0))]
    rows.append(curves["row_of"](cells[1], made(-0.05), made(0.0)))
    assert rows[1]["difference"] == pytest.approx(-0.05)
    assert rows[1]["worst"] == pytest.approx(0.65)
    assert rows[1]["p"] == pytest.approx(2 / 2**8)
    ours, theirs = curves["markdown"]([rows[0], rows[1] | {"p_holm": 0.02}]).splitlines()[2:]
    assert ours.startswith("| 2 | 3 | slicewise | 0.7350 [") and "| 12 |" in ours
    assert "| -0.0500 [-0.0500, -0.0500] | 0.02 | 61 | 99 |" in theirs
    path = Path("made.yaml")
    assert "other work" not in curves["section"](path, rows[:1], [], options)
    busy = [rows[0], rows[1] | {"p_holm": 0.02, "load": [7.4, 2.0]}]
    assert "other work to do (load up to 7 " in curves["section"](path, busy, [], options)
    drawn = curves["draw"](rows)
    assert [line.get_label() for line in drawn.axes[0].lines] == ["slicewise", "monai"]
    assert [float(line.get_ydata()[0]) for line in drawn.axes[0].lines] == pytest.approx(
        [0.735, 0.685]
    )


def test_rivals_are_asked_for_with_their_environment(curves, tmp_path, capsys):
    given = ["--configfile", "a.yaml", "--patients", "2", "--minutes", "1", "--rivals", "monai"]
    for more, why in (([], "need --rival-env"), (["--rival-env", str(tmp_path)], "no bin/python")):
        with pytest.raises(SystemExit):
            curves["parsed"]([*given, *more])
        assert why in capsys.readouterr().err


def test_learning_rates_of_rivals_follow_the_clock(rivals):
    time = [100.0]
    clock = rivals["Clock"](60.0, now=lambda: time[0])
    time[0] += 70
    assert not clock.is_over(), "a step is the least"
    clock = rivals["Clock"](60.0, now=lambda: time[0])
    assert clock.share() == 0.0
    # the first step is slow, and moves no rate
    time[0] += 20
    clock.stepped()
    assert clock.share() == 0.0 and not clock.is_over()
    shares = []
    while not clock.is_over():
        time[0] += 10
        clock.stepped()
        shares.append(clock.share())
    assert shares == [0.25, 0.5, 0.75, 1.0]
    for schedule in (rivals["polynomial"], rivals["cosine"]):
        rates = [schedule(share) for share in (0.0, *shares)]
        assert rates[0] == 1.0 and rates[-1] == 0.0
        assert rates == sorted(rates, reverse=True)
    assert rivals["polynomial"](0.5) == pytest.approx(0.5**0.9)
    time[0] += 5
    clock.end()
    time[0] += 1000
    assert clock.seconds == 65.0, "what comes after is no training"


@pytest.mark.parametrize("shape", [[35.0, 50.0, 36.0], [512.0, 512.0, 40.0], [3.0, 9.0, 700.0]])
def test_patches_hold_volumes_or_as_much_as_fits(rivals, shape):
    patch = rivals["patch_of"](shape)
    assert np.prod(patch) <= 64**3
    assert all(side % 8 == 0 and side >= 16 for side in patch)
    if np.prod(shape) < 40**3:
        assert all(side >= least for side, least in zip(patch, shape, strict=True))


@pytest.mark.slow
def test_curves_run_the_workflow_on_phantoms_once(tmp_path):
    place = copy_of_workflow(tmp_path)
    fewer = {"phantom": {**PHANTOMS["dataset"]["phantom"], "cases": 6}}
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump({**PHANTOMS, "dataset": {**PHANTOMS["dataset"], **fewer}}))
    given = ("--configfile", str(path), "--patients", "2", "--minutes", "0.02", "--tested", "2")
    where = ("--place", str(place), "--out", str(tmp_path / "curves.md"))
    figure = ("--figure", str(tmp_path / "curves.svg"))
    arguments = [*given, *where, *figure, "--effort", "quick", "--threads", "1"]
    first = on_workflow("curves.py", arguments, place)
    page = (tmp_path / "curves.md").read_text()
    assert page in first.stdout
    (line,) = (line for line in page.splitlines() if "| slicewise |" in line)
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[1:4] == ["2", "0.02", "slicewise"]
    assert 0 <= float(cells[4].split()[0]) <= 1 and int(cells[10]) >= 1, "Dice, steps"
    assert "2 patients were tested on, training patients; seed 1; 1 threads" in page
    assert "<svg" in (tmp_path / "curves.svg").read_text()
    again = on_workflow("curves.py", arguments, place)
    assert "Building DAG" not in again.stdout + again.stderr
    assert (tmp_path / "curves.md").read_text().count(line) == 2


def test_piles_of_slices_are_no_volumes_to_a_rival(curves, tmp_path):
    part, options = made_part(curves, tmp_path, *stand_in(tmp_path))
    content = {**yaml.safe_load((tmp_path / "made.yaml").read_text())["dataset"]}
    pile = load_settings({**part.configuration, "dataset": {**content, "contiguous": False}})
    cell = curves["Cell"]("monai", dataclasses.replace(part, settings=pile), 1.0)
    with pytest.raises(SlicewiseError, match="no neighbours"):
        curves["result_of"](cell, options)
    assert not (tmp_path / "calls").exists()


@pytest.fixture
def trust(monkeypatch):
    """The benchmark of expected Dice, as a module."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "benchmarks")
    import trust as module

    return module


def judged(trust, better):
    """Judge 20 scans as they are and spoilt, whose expected Dice is right or upside down."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(20):
        # one way of one case leaves no organ, so there is no Dice of it
        for way in ("", *list(trust.FAULTS)[k == 0 :]):
            true = rng.uniform(0.85, 0.95) if not way else rng.uniform(0.2, 0.7)
            told = true if better else 1 - true
            interval = {"low": told - 0.05, "high": told + 0.05, "held": better}
            row = {"case": f"c{k}", "spoilt": way, "label": "liver", "true": true, "sure": 0.9}
            rows.append({**row, "expected": told, **interval})
    return trust.judge(pd.DataFrame(rows))


def test_expected_dice_of_all_sets_stands_in_one_table_beside_its_aims(trust, capsys):
    told = {"right": judged(trust, True), "upside down": judged(trust, False)}
    assert told["right"][trust.HIT].startswith("1.000")
    assert told["upside down"]["AUROC, a tenth spoilt"].startswith("0.000")
    lines = trust.in_one_table(told).splitlines()
    assert lines[0] == "| | aim | right | upside down |"
    assert len(lines) == 2 + len(trust.AIMS)
    assert all(line.count("|") == 5 for line in lines)
    assert (
        "| Spearman, as they are | 0.7 | liver 1.00 (1.00 to 1.00), by confidence – |" in lines[2]
    )
    assert "20 of 20 (100%) | 0 of 20 (0%)" in lines[3]
    capsys.readouterr()


def test_sets_of_expected_dice_are_settings_of_the_workflow(trust, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, one in trust.SETS.items():
        Path("over.yaml").write_text(yaml.safe_dump(one.settings_over()))
        settings = load_settings(read_configuration([*one.files, Path("over.yaml")]))
        assert settings.run == [trust.NAME]
        training = settings.experiments[trust.NAME].training
        assert (training.minutes, training.epochs) in ((3, None), (None, 6))
        assert (settings.dataset.layout == "phantom") == (name == "phantoms")
        if name == "phantoms":  # of fewer than nine patients nothing is calibrated
            learning = one.cases * (1 - settings.split.test)
            assert learning * settings.split.validation >= FEWEST


def test_a_set_of_ones_own_is_measured_with_what_is_said_of_it(trust, monkeypatch):
    asked = []
    monkeypatch.setattr(trust, "measure", lambda one, options: asked.append(one) or {})
    monkeypatch.setattr(trust, "in_one_table", lambda measured: " ".join(measured))
    trust.main(["--configfile", "config/mine.yaml", "--minutes", "7", "--test", "0.3"])
    trust.main(["--sets", "phantoms"])
    assert [(one.minutes, one.test, one.cases) for one in asked] == [(7, 0.3, None), (3, 0.5, 60)]


def test_too_few_patients_for_the_benchmark_of_expected_dice_are_said(trust, monkeypatch):
    def refuse(one, options):
        raise SlicewiseError("phantom: too few validation patients to calibrate")

    monkeypatch.setattr(trust, "measure", refuse)
    with pytest.raises(SystemExit, match="too few validation patients"):
        trust.main(["--sets", "phantoms"])


def test_curves_whose_workflow_fails_say_so_in_a_sentence(curves, tmp_path, monkeypatch):
    made_part(curves, tmp_path)

    def fail(*_):
        raise subprocess.CalledProcessError(1, ["snakemake"])

    module = curves["main"].__globals__
    monkeypatch.setitem(module, "table_of", fail)
    held = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, kept: held.append(kept), raising=False)
    path, page = str(tmp_path / "made.yaml"), tmp_path / "page.md"
    given = ["--patients", "2", "--minutes", "1", "--tested", "2", "--threads", "1"]
    monkeypatch.setattr(
        sys, "argv", ["curves.py", "--configfile", path, *given, "--out", str(page)]
    )
    with pytest.raises(SystemExit, match="our training failed, as Snakemake says"):
        curves["main"]()
    assert not page.exists()
    assert all(len(kept) == 1 for kept in held), "all processes are held to the threads"
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--patients", "99"])
    with pytest.raises(SystemExit, match="error: --patients 99"):
        curves["main"]()
