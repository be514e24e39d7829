"""Folders of results of which papers are written: no training is needed for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from slicewise.config.experiment import Experiment
from slicewise.config.postprocessing import Postprocessing
from slicewise.config.slices import Recipe
from slicewise.dataset.ensembles import NAME, Weights, write_ensemble
from slicewise.evaluation.statistics import read_metrics, summarise
from slicewise.files import write_json, write_text
from slicewise.publish.gathered import Gathered
from tests.test_compare import DICE, scored

TRAINED = ("y", "z")


def known(monkeypatch: pytest.MonkeyPatch, folder: Path, **settings: Any) -> None:
    """Let all runs have been tracked with these settings, by their blocks."""
    write_text(folder / "settings.yaml", yaml.safe_dump(settings))
    files = {"settings.yaml": SimpleNamespace(path="settings.yaml")}
    run = SimpleNamespace(results=folder, record=SimpleNamespace(files=files))
    monkeypatch.setattr("slicewise.publish.gathered.last_scored", lambda place: run)


def experiment(folder: Path, by: float = 0.0, **blocks: Any) -> Path:
    """Write what an experiment on `DICE`'s patients and its data set leave.

    `blocks` are blocks of the experiment, and `resolved`, `recipe`, `content` of its training.
    """
    parts = {name: blocks.pop(name, {}) for name in ("resolved", "recipe", "content")}
    settings = {"network": {"filters": [8, 16]}, **blocks}
    full = Experiment(slices="axial", **settings).model_dump()
    training = full.pop("training")
    place = scored(folder, by, seed=training["seed"], **full)
    path = place / "fold-0" / "config.yaml"
    record = yaml.safe_load(path.read_text())
    record["experiment"]["training"] = training
    record["recipe"] = {**Recipe(size=32).model_dump(), **parts["recipe"]}
    record["train"] = list(TRAINED)
    record["content"] |= parts["content"]
    record["resolved"] |= {"steps": 100, "seconds": 90.0, "device": "CPU", **parts["resolved"]}
    write_text(path, yaml.safe_dump(record))
    cases = [*DICE, *TRAINED]
    table = pd.DataFrame({"case": cases, "patient": cases})
    digests = dict.fromkeys(("image_sha256", "mask_sha256", "fingerprint"), cases)
    measures = {"shape": "64x64x20", "spacing": "0.8x0.8x5", "orientation": "RAS"}
    described = table.assign(**digests, **measures, ml_liver="1500.0")
    described.loc[0, "spacing"] = "0.6x0.6x2.5"
    split = table.assign(subset=["test"] * len(DICE) + ["train"] * len(TRAINED), fold="")
    for name, rows in (("cases", described), ("split", split)):
        write_text(place.parent / f"{name}.tsv", rows.to_csv(sep="\t", index=False))
    return place


def write_scores(folder: Path, metrics: pd.DataFrame) -> None:
    """Write the scores of an experiment anew."""
    write_text(folder / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    write_json(folder / "summary.json", summarise(metrics))


def lacking(folder: Path, cases: Iterable[str], **counted: float) -> None:
    """Let cases of a scored experiment lack the label, of which 3 ml were predicted in each."""
    metrics = read_metrics(str(folder / "metrics.tsv")).assign(**counted)
    lacks = metrics["case"].isin([*cases])
    metrics.loc[lacks, ["dice", "nsd", "hd95_mm"]] = np.nan
    metrics.loc[lacks, ["volume_ml", "predicted_ml"]] = (0.0, 3.0)
    write_scores(folder, metrics)


def predicted(folder: Path, shards: Mapping[str, Iterable[str]]) -> None:
    """Write what jobs of predictions leave, each of which took a minute: cases by their shard."""
    for name, cases in shards.items():
        record = [{"case": case, "signs": {}} for case in cases]
        write_json(folder / "predictions" / "_shards" / f"{name}.json", record)
        timing = folder.parent / "timings" / "predict" / folder.name / f"{name}.tsv"
        write_text(timing, "s\tmax_rss\tcpu_time\n60\t100\t60\n")


def split_as_scored(folder: Path) -> None:
    """Write the split by which an experiment has the scores that lie there."""
    metrics = pd.read_csv(folder / "metrics.tsv", sep="\t")
    scored_as = dict(zip(metrics["case"], metrics["subset"], strict=True))
    path = folder.parent / "split.tsv"
    table = pd.read_csv(path, sep="\t")
    known = scored_as | dict.fromkeys(TRAINED, "train")
    table["subset"] = [known.get(case, "validation") for case in table["case"]]
    write_text(path, table.to_csv(sep="\t", index=False))


def ensemble(place: Path, shares: dict[str, float], by: float = 0.0, **record: Any) -> Path:
    """Write what an ensemble leaves, beside members that were trained and not scored.

    `record` is what is stored of its weights; `postprocessing` what is done to its masks.
    """
    after = record.pop("postprocessing", Postprocessing().model_dump())
    folder = experiment(place / "together", by)
    shutil.rmtree(folder / "fold-0")
    for name in shares:
        if not (place / name).exists():
            member = experiment(place / name)
            for scores in ("metrics.tsv", "summary.json"):
                (member / scores).unlink()
    weights = Weights(
        members={name: _models(place / name) for name in shares},
        weights=shares,
        **{
            "fitted": len({*shares.values()}) > 1,
            "because": "equal, as 1 patient alone could choose them and it takes 4",
            "patients": 1,
            "dice": dict.fromkeys(shares),
            "equal_dice": None,
            "weighted_dice": None,
            **record,
        },
    )
    write_ensemble(folder / NAME, weights, after)
    return folder


def _models(folder: Path) -> list[str]:
    """Return the digests of the weights of the folds of an experiment."""
    records = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*/config.yaml"))]
    return [record["resolved"]["weights_sha256"] for record in records]


def with_folds(one: Gathered) -> Gathered:
    """Let an experiment have been trained in two folds."""
    records = [each.model_copy(update={"folds": 2}) for each in one.records]
    known = one.result.folds
    histories = {name: each.assign(**{"val/dice": 0.5}) for name, each in known.histories.items()}
    folds = replace(known, records=records, histories=histories)
    return replace(one, result=replace(one.result, folds=folds))
