"""Tracked experiments of which crates are made: no training is needed for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from slicewise.dataset.ensembles import NAME, EnsembleRecord, models_of
from slicewise.files import write_json, write_text
from slicewise.stored import read_stored
from slicewise.tracking import Run, summary_metrics
from tests.published import ensemble, experiment
from tests.settings import used_settings
from tests.test_compare import DICE

HOME = "/export/anna_owner"
HOST = "annas-laptop"
ROOT = f"{HOME}/study_of_anna/livers"
OTHER = f"{HOME}/results/other/cases.tsv"
SETTINGS: dict[str, Any] = {
    "dataset": {"name": "tiny", "layout": "pairs", "root": ROOT, "labels": {"liver": 1}},
    "split": {"check_against": [OTHER], "not_the_same": [["a", f"{OTHER}:q"], ["b", "c"]]},
    "slices": {"axial": {"plane": "axial", "size": 32}},
    "experiments": {
        "baseline": {"slices": "axial", "training": {"epochs": 4, "start_from": f"{HOME}/m.keras"}},
        "tutorial": {"slices": "axial", "training": {"epochs": 4}},
    },
    "segment": {"scans": f"{HOME}/new", "experiment": "baseline"},
}
TAGS = {
    "git_commit": "f" * 40,
    "git_dirty": "false",
    "library_sha256": "1" * 64,
    "workflow_sha256": "2" * 64,
    "host": HOST,
    "gpu": "CPU",
}


def tracked(folder: Path, folds: int = 1, tags: dict[str, str] | None = None) -> Path:
    """Write what an experiment, its data set and its runs leave."""
    place = experiment(folder)
    table = place.parent / "cases.tsv"
    cases = pd.read_csv(table, sep="\t")
    for kind in ("image", "mask"):
        cases.insert(2, kind, [f"SURNAME_{case}_{kind}.nii.gz" for case in cases["case"]])
        cases[f"{kind}_sha256"] = [f"{kind[0]}{case}" * 32 for case in cases["case"]]
    cases["fingerprint"] = [f"mark {number}" for number in range(len(cases))]
    write_text(table, cases.to_csv(sep="\t", index=False))
    masks = [{"case": case, "sha256": f"p{case}" * 32, "models": ["w"]} for case in DICE]
    write_json(place / "predictions" / "_shards" / "0.json", masks)
    write_text(place / "report.html", "a page with pictures")
    runs = [_trained(place, fold, folds, TAGS | (tags or {})) for fold in range(folds)]
    top = runs[0]
    if folds > 1:
        children = [str(run.folder.relative_to(place / "tracking")) for run in runs]
        top = Run.create(
            place / "tracking" / "parent", place.name, "k", {}, TAGS, children=children
        )
        _settings(top, place.name)
    files = ("metrics.tsv", "summary.json", "report.html")
    tables = {name: place.parent / name for name in ("cases.tsv", "split.tsv")}
    top.files({name: place / name for name in files} | tables)
    top.metrics(summary_metrics(read_stored(place / "summary.json")))
    for run in {id(run): run for run in (top, *runs)}.values():
        run.finish()
    return place


def mixed(place: Path, folds: int = 1) -> Path:
    """Write what an ensemble of both experiments leaves, and its run."""
    members = {name: tracked(place / name, folds) for name in ("baseline", "tutorial")}
    folder = ensemble(place, dict.fromkeys(members, 0.5))
    # the table of cases that runs noted, which the ensemble wrote anew
    tracked(place / "tutorial", folds)
    record = EnsembleRecord.read(folder / NAME)
    run = Run.create(
        folder / "tracking" / "parent",
        folder.name,
        "key",
        {},
        {**TAGS, "weights_digest": record.predicts_by},
        children=[],
    )
    own = SETTINGS["experiments"] | {folder.name: {"ensemble": [*members]}}
    _settings(run, folder.name, SETTINGS | {"experiments": own})
    models = models_of(folder / NAME, record)
    run.models(record.files([*map(str, models)], str(folder / NAME)), ["liver"])
    files = {name: folder / name for name in ("metrics.tsv", "summary.json")}
    run.files(files | {name: place / name for name in ("cases.tsv", "split.tsv")})
    run.metrics(summary_metrics(read_stored(folder / "summary.json")))
    run.finish()
    return folder


def _trained(place: Path, fold: int, folds: int, tags: dict[str, str]) -> Run:
    own = place / f"fold-{fold}"
    if fold:
        for name in ("config.yaml", "history.csv"):
            write_text(own / name, (place / "fold-0" / name).read_text())
    record = yaml.safe_load((own / "config.yaml").read_text())
    record["origin"] |= {"host": HOST}
    record["resolved"]["weights_sha256"] = f"w{fold}"
    record["folds"] = folds
    record["experiment"]["training"]["start_from"] = f"{HOME}/m.keras"
    write_text(own / "config.yaml", yaml.safe_dump(record))
    write_text(own / "model.keras", f"the weights of fold {fold}")
    run = Run.create(
        place / "tracking" / f"fold-{fold}",
        place.name,
        f"key {fold}",
        {},
        {**tags, "fold": fold, "weights_digest": f"w{fold}"},
    )
    _settings(run, place.name)
    run.files({name: own / name for name in ("config.yaml", "history.csv")})
    run.models({f"fold-{fold}": own / "model.keras"}, ["liver"])
    return run


def _settings(run: Run, name: str, settings: dict[str, Any] | None = None) -> None:
    run.contents(
        {
            "settings.yaml": used_settings(settings or SETTINGS, name),
            "environment.txt": "numpy==2.4.6\nsnakemake==9.27.1\n",
            "uncommitted.diff": f"+ {HOME}",
        }
    )
