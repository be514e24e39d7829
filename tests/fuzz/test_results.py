"""Files of results that were cut, saved anew or edited by hand: read, made again, or one sentence.

Each target is a file of a small folder of results and what the workflow and the
commands do with it. `SLICEWISE_FUZZ` says how many times as often each file is
damaged (``make fuzz``: many), `SLICEWISE_SEED` how.
"""

import contextlib
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from slicewise import overview
from slicewise.config import Content, Evaluation, Recipe, load_settings
from slicewise.dataset.assignment import Assignment, split_table
from slicewise.dataset.case_record import (
    case_record_of,
    kept_record,
    read_case_records,
    write_case_records,
)
from slicewise.dataset.cases import cases_table, read_table
from slicewise.dataset.describe import CaseFiles
from slicewise.dataset.ingest import ingest
from slicewise.dataset.leakage import check_labels_trained, check_leaks
from slicewise.dataset.marks import beside, read_marks, unpack, write_marks
from slicewise.dataset.rungs import Promoted, RungRecord, promoted, read_promoted, read_rung
from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.evaluation import ledger
from slicewise.evaluation.folds import read_folds, training_minutes
from slicewise.evaluation.results import read_result
from slicewise.evaluation.statistics import (
    Masks,
    case_rows,
    metrics_table,
    read_metrics,
    read_summary,
    summarise,
)
from slicewise.evaluation.sweep import read_tried, table_of, what_mattered
from slicewise.files import digest, read_json, write_json, write_text, write_yaml
from slicewise.job import asked_for, errors_in
from slicewise.records import Asked, Look, Recorder, check_made
from slicewise.report import cost
from slicewise.reproduce.differences import data_differences, version_differences
from slicewise.reproduce.original import read_settings
from slicewise.slices.batches import SliceSet
from slicewise.slices.cases import cut_cases
from slicewise.slices.folder import SliceFolder
from slicewise.slices.geometry import GEOMETRY
from slicewise.slices.taught import Taught, TaughtFolder, cut_taught, read_taught, taught_place
from slicewise.sources import code_digests
from slicewise.stored import kept
from slicewise.tracking import Connection, Mirror, pending_runs
from slicewise.tracking.find import find_run
from slicewise.tracking.journal import HISTORY, SYSTEM, Run, all_runs, current_run, to_register
from slicewise.tracking.names import shareable, without_file_names
from slicewise.tracking.points import points_of
from slicewise.tracking.said import is_news
from slicewise.tracking.sent import SentModel, SentRecord
from slicewise.training.checkpoints import Checkpoints
from slicewise.training.plan import read_plan
from slicewise.volumes.volume import Volume
from tests.fuzz import harness
from tests.fuzz.mutations import bent
from tests.settings import used_settings

pytestmark = pytest.mark.slow  # `make fuzz` does more of it

SEED = int(os.environ.get("SLICEWISE_SEED", "1"))
INPUTS = 8
PLACE = Path("results/tiny")
CASES = ("a", "b")
CONFIG: dict[str, Any] = {
    "dataset": {"name": "tiny", "layout": "phantom", "labels": {"liver": 1}},
    "slices": {"axial": {"plane": "axial"}},
    "experiments": {"one": {"slices": "axial"}},
    "run": ["one"],
}
CODE = Path(overview.__file__)


def told(rule: str, output: Path, cfg: Any, code: Any = None, **inputs: Any) -> Any:
    """What Snakemake tells a job."""

    class Files(list):  # type: ignore[type-arg]
        def get(self, name: str) -> Any:
            return inputs.get(name)

    return SimpleNamespace(
        rule=rule,
        output=[str(output)],
        input=Files(path for each in inputs.values() for path in each),
        params={"cfg": cfg, "code": code},
    )


def record(rule: str, output: Path, cfg: Any = None, **inputs: Any) -> None:
    Recorder(told(rule, output, cfg, **inputs)).finish()


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A small folder of results, as the jobs leave it, and the folder that it lies in."""
    root = tmp_path_factory.mktemp("results")
    settings = load_settings(CONFIG)
    with contextlib.chdir(root):
        _cases(PLACE, settings.dataset.content, settings.slices["axial"])
        _taught(_told(PLACE), settings.slices["axial"])
        _training(PLACE, settings)
        _scores(PLACE)
        _runs(PLACE)
    return root


def _told(place: Path) -> TaughtFolder:
    return TaughtFolder.below(taught_place(place / "slices" / "axial", "one", 0), "a")


def _taught(folder: TaughtFolder, recipe: Recipe) -> None:
    said = np.random.default_rng(1).random((12, 11, 6)).astype(np.float32)
    shape, sha = cut_taught([Volume(said, np.diag([1, 1, 3, 1]))], recipe, folder.array)
    told = Taught(shape=shape, found=["liver"], teacher="t", recipe=recipe, sha256=sha)
    told.write(folder.record, "all of it")


def _cases(place: Path, content: Content, recipe: Recipe) -> None:
    given, draw = [], np.random.default_rng(0)
    for case in CASES:
        mask = np.zeros((12, 11, 6), np.uint8)
        mask[3:8, 3:8, 1:5] = 1
        image = draw.integers(-100, 150, mask.shape).astype(np.int16)
        image[0, 0] = -900
        paths = {kind: Path(f"{case}-{kind}.nii.gz") for kind in ("image", "mask")}
        for kind, array in (("image", image), ("mask", mask)):
            nib.save(nib.Nifti1Image(array, np.diag([1, 1, 3, 1])), paths[kind])
        sources = {kind: [path] for kind, path in paths.items()}
        given.append(CaseFiles(case, f"patient-{case}", paths["image"], paths["mask"], sources))
    case_records = ingest(given, content, "1", place / "cases")
    batch = place / "cases" / "_shards" / "train-0.json"
    write_case_records(batch, case_records)
    cut = cut_cases(
        list(CASES),
        content,
        recipe,
        case_records=batch,
        images=[str(each.image) for each in given],
        masks=[str(each.mask) for each in given],
        place=place / "slices" / "axial",
    )
    write_json(place / "cases" / "_slices" / "axial" / "train-0.json", cut)
    table = place / "cases.tsv"
    write_marks(beside(str(table)), {each.case: unpack(each.marks) for each in case_records})
    write_text(table, cases_table(case_records).to_csv(sep="\t", index=False))
    rows = [Assignment("a", "patient-a", "train", 0), Assignment("b", "patient-b", "test", None)]
    write_text(place / "split.tsv", split_table(rows))
    record("cases", table, inputs=[str(batch)])
    record("split", place / "split.tsv")


def _training(place: Path, settings: Any) -> None:
    experiment = settings.experiments["one"].model_dump(exclude={"prediction"}, mode="json")
    cfg = {
        "experiment": experiment,
        "recipe": settings.slices["axial"].model_dump(mode="json"),
        "content": settings.dataset.content.once_read,
        "train": ["a"],
        "validation_cases": [],
        "validation": {"may_select": True, "patients": {}},
        "patients": {"a": "patient-a"},
        "also": [],
        "folds": 1,
    }
    fold = place / "one" / "fold-0"
    write_json(fold / "plan.json", {"settings": cfg, "code": code_digests([CODE])})
    resolved = {
        "weights_sha256": "w",
        "postprocessing": {},
        "parameters": 9,
        "selected_by": "dice",
        "selected_epoch": 2,
        "untrained_labels": [],
    }
    write_yaml(fold / "config.yaml", {**cfg, "resolved": resolved, "origin": {"host": "here"}})
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "timestamp": [1700000000000, 1700000060000, 1700000120000],
            "train/loss": [0.9, 0.5, float("inf")],
            "val/dice": [0.1, None, 0.3],
        }
    )
    write_text(fold / "history.csv", history.to_csv(index=False))
    pixels = np.zeros((2, 4, 4), np.uint8)
    np.savez(fold / "samples.npz", images=pixels, masks=pixels)
    with Checkpoints(place / "one" / "checkpoints" / "fold-0" / "key") as store:
        store.save(1, {"model_0000": np.arange(3.0)}, {"steps": 1})
        store.save(2, {"model_0000": np.arange(3.0)}, {"steps": 2})
    for path in (place / "timings/train/one/fold-0.tsv", place / "timings/leakage/leakage.tsv"):
        write_text(
            path,
            "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
            "23.00\t0:00:23\t1102.67\t3863.57\t523.61\t691.95\t1.76\t10.55\t52.08\t12.41\n",
        )
    write_text(
        place / "logs/train/one/fold-0.log", "asked for 900 MB, 10 minutes\nerror: x: y; z\n"
    )
    record("plan", fold / "plan.json", cfg, code=code_digests([CODE]))
    Recorder(
        SimpleNamespace(
            **{
                **vars(told("train", fold / "config.yaml", cfg)),
                "output": [str(fold / "config.yaml"), str(fold / "history.csv")],
            }
        )
    ).finish()


def _scores(place: Path) -> None:
    mask = np.zeros((6, 6, 6), np.uint8)
    mask[1:4, 1:4, 1:4] = 1
    rows: list[dict[str, Any]] = []
    for case, subset in (("a", "validation"), ("b", "test")):
        known = {
            "case": case,
            "patient": f"patient-{case}",
            "subset": subset,
            "fold": None,
            "truth_sha256": "t",
        }
        masks = Masks(mask, np.roll(mask, 1, 0), ["liver"], 0.001, (1.0, 1.0, 1.0))
        rows += case_rows(known, masks, Evaluation(tolerance_mm=3.0))
    metrics, one = metrics_table(rows), place / "one"
    write_text(one / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    write_json(one / "summary.json", summarise(metrics))
    write_text(one / "report.html", "")
    ledger.note_scored(one / "tracking", ledger.test_set_digest(metrics), ["m"])
    tried = RungRecord(combination="one-batch2", epochs=2)
    rows = [{"epoch": 1, "val/dice": 0.5}, {"epoch": 2, "val/dice": 0.75}]
    write_json(one / "sweep/rung-0/a.json", tried.paused(rows, 0.75, 2, 1.5).dump())
    write_json(one / "sweep/rung-0.json", Promoted(go_on=["one-batch2"]).model_dump())
    Recorder(
        SimpleNamespace(
            **{
                **vars(told("evaluate", one / "metrics.tsv", None)),
                "output": [str(one / "metrics.tsv"), str(one / "summary.json")],
            }
        )
    ).finish()


def _runs(place: Path) -> None:
    tracking = place / "one" / "tracking"
    old = Run.create(tracking / "fold-0", "one", "other", {"epochs": 3}, {"host": "here"})
    run = Run.create(tracking / "fold-0", "one", "key", {"epochs": 3}, {"host": "here"})
    old.supersede(run)
    run.working()
    run.epoch({"epoch": 1, "timestamp": 1700000000000, "train/loss": 0.5})
    run.sample({"system/cpu": 3.5})
    run.metrics({"test/dice_mean": 0.5, "test/x": None})
    run.contents({"environment.txt": "numpy==2.0\n", "settings.yaml": used_settings(CONFIG, "one")})
    run.files({"metrics.tsv": place / "one" / "metrics.tsv"})
    run.models({"fold-0": place / "cases.tsv"}, ["liver"])
    run.register("slicewise-tiny", "patients")
    run.finish()
    sent = SentRecord(
        run_id="1f" * 16,
        files={"a": "b"},
        state=run.state,
        model=SentModel(digest="d", id="m"),
        registered="m",
    )
    Mirror(Connection(Path("results"))).sent.keep(run.folder, sent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLICEWISE_RUN", "fuzz")
        is_news(Path("results"), "MLflow is gone")


# --- what is done with each file ------------------------------------------------------------


def cases(place: Path) -> Any:
    known = read_case_records([place / "cases" / "_shards" / "train-0.json"])
    for case in CASES:
        unpack(case_record_of(known, case, "train-0.json").marks)
    return cases_table(known.values())


def case_record(place: Path) -> Any:
    path = place / "cases" / "a" / "record.json"
    return kept_record(path, _made_from(place))


def _made_from(place: Path) -> str:
    return str(read_json(place / "cases" / "_shards" / "train-0.json")[0]["made_from"])


def slices(place: Path) -> Any:
    folder = SliceFolder.below(place / "slices" / "axial", "a")
    one = SliceSet([folder], memory=1 << 20)
    if b'"digest"' not in folder.geometry.read_bytes():
        return None  # who takes the digest away along with an edit means it
    images, masks = one.read(np.arange(len(one)))
    unpadded = one.unpadded(0)
    return [one.digest, one.labels, one.recipes, one.counts, images, masks, one.aspect, unpadded]


def taught(place: Path) -> Any:
    folder = _told(place)
    if b'"digest"' not in folder.record.read_bytes():
        return None  # as above
    told, array = read_taught(folder)
    return [told, array.read(range(array.shape[0]))]


def geometry(place: Path) -> Any:
    path = place / "slices" / "axial" / "a" / "geometry.json"
    return kept(path, str(MADE["geometry"]), GEOMETRY)


MADE: dict[str, Any] = {}


def tables(place: Path) -> Any:
    found, split = read_table(place / "cases.tsv"), read_table(place / "split.tsv")
    check_leaks(found, {"other": found.assign(case="other")} if found.empty else {})
    check_labels_trained(found, split, 1, "refuse")
    ledger.files_digest(found)
    shareable(place / "cases.tsv")
    without_file_names("a-image.nii.gz: it is bad", place / "cases.tsv")
    data_differences(place / "cases.tsv", place / "cases.tsv")
    return [found, split]


def marks(place: Path) -> Any:
    return read_marks(beside(str(place / "cases.tsv")), CASES)


def plan(place: Path) -> Any:
    found = read_plan(
        str(place / "one/fold-0/plan.json"), load_settings(CONFIG), "one", code_digests([CODE])
    )
    planned = found.settings
    may_select = planned.validation["may_select"]
    return [found.params, may_select, *planned.train, *planned.validation_cases]


def training(place: Path) -> Any:
    fold = place / "one" / "fold-0"
    used = TrainingRecord.read(fold / "config.yaml")
    folds = read_folds(
        [str(fold / "config.yaml")], [str(fold / "history.csv")], [str(fold / "samples.npz")]
    )
    training_minutes(folds.histories.values())
    return [used, folds.shown, folds.models, folds.untrained, folds.recipes]


def experiment(place: Path) -> Any:
    """What ``slicewise compare`` reads, after a look at the records."""
    found = read_result(place / "one")
    return [found.metrics, found.summary, found.folds.records, found.folds.histories]


def sweep(place: Path) -> Any:
    folder = place / "one" / "sweep"
    tried = read_tried({"one-batch2": {"training.batch": 2}}, [str(folder / "rung-0/a.json")])
    table_of(tried)
    what_mattered(tried)
    chosen = promoted([read_rung(folder / "rung-0/a.json")], ["one-batch2"], 1)
    return [tried, chosen.go_on, read_promoted(folder / "rung-0.json")]


def scores(place: Path) -> Any:
    metrics = read_metrics(str(place / "one" / "metrics.tsv"))
    summarise(metrics)
    ledger.test_set_digest(metrics)
    read_summary(place / "one" / "summary.json")


def last_lines(place: Path) -> Any:
    """No damage may hide the other lines: this never fails."""
    try:
        assert overview.lines(place, ["one"], pending_runs(Path("results"), "tiny"))
    except SlicewiseError as error:
        raise AssertionError(f"the overview failed: {error}") from error


def scored(place: Path) -> Any:
    folder = place / "one" / "tracking"
    ledger.count_scored([folder], "t")
    ledger.note_scored(folder, "t", ["other"])


def runs(place: Path) -> Any:
    results = Path("results")
    folders = all_runs(results, "tiny")  # never fails
    to_register(folders)
    mirror = Mirror(Connection(results))
    for folder in folders:
        mirror.is_pending(folder)
        mirror.run_id(folder)
        run = Run(folder)
        mirror.has_sent_model(run)
        points_of(run)
        run.own_models()
        run.metrics({"test/dice_mean": 0.25})
        run.tag({"x": "y"})
        run.sample({"system/cpu": 3.5})
        run.epoch({"epoch": 2, "timestamp": 1700000000001, "train/loss": 0.5})
        mirror.sent.keep(folder, mirror.sent.of(folder).updated(state=run.state))
        assert mirror.sent.of(folder).state == run.state
    find_run(str(place / "one"), results)
    current_run(place / "one" / "tracking" / "fold-0")


def costs(place: Path) -> Any:
    cost.read_costs(place / "one", ["axial"])
    errors_in(place.rglob("*.log"), 0.0)
    asked_for(place / "logs/train/one/fold-0.log")


def look(place: Path) -> Any:
    path, cfg = str(place / "one/fold-0/plan.json"), MADE["cfg"]
    one = Look()
    one.stale_because(Asked([path], cfg, code_digests([CODE]), {}))
    one.keep([path], [str(CODE)])
    one.stale_because(Asked([str(place / "cases.tsv")], None, [], {}))
    Recorder(
        told("leakage", place / "leakage.json", None, cases=[str(place / "cases.tsv")])
    ).begin()
    check_made([place / "cases.tsv"])


def checkpoint(place: Path) -> Any:
    found = Checkpoints(place / "one/checkpoints/fold-0/key").load(["steps"])
    assert found is not None  # there is the state before
    assert found[1]["steps"] in (1, 2)
    np.testing.assert_array_equal(found[0]["model_0000"], np.arange(3.0))


def said(place: Path) -> Any:
    is_news(Path("results"), "MLflow is gone")


def reproduced(place: Path) -> Any:
    files = place / "one/tracking/fold-0/002/files"
    read_settings(files / "settings.yaml", Path(), "one", {})
    list(version_differences(files / "environment.txt"))


@dataclass(frozen=True)
class Target:
    """A file, what reads it, and whether what is read must be as it was, or None."""

    file: str
    read: Callable[[Path], Any]
    exact: bool = False


RUN = "one/tracking/fold-0/002"
TARGETS = [
    Target("cases/_shards/train-0.json", cases),
    Target("cases/a/record.json", case_record, exact=True),
    Target("slices/axial/a/geometry.json", geometry, exact=True),
    Target("slices/axial/a/geometry.json", slices, exact=True),
    Target("slices/axial/a/image.npy", slices),
    Target("slices/_taught/one/fold-0/axial/a/taught.json", taught, exact=True),
    Target("slices/_taught/one/fold-0/axial/a/probability.npy", taught),
    Target("cases.tsv", tables),
    Target("split.tsv", tables),
    Target("cases.npz", marks),
    Target("one/fold-0/plan.json", plan),
    Target("one/fold-0/config.yaml", training),
    Target("one/fold-0/history.csv", training),
    Target("one/fold-0/samples.npz", training),
    Target("one/fold-0/config.yaml", experiment, exact=True),
    Target("one/fold-0/history.csv", experiment, exact=True),
    Target("one/metrics.tsv", experiment, exact=True),
    Target("one/summary.json", experiment, exact=True),
    Target("one/sweep/rung-0/a.json", sweep),
    Target("one/sweep/rung-0.json", sweep),
    Target("one/metrics.tsv", scores),
    Target("one/summary.json", scores),
    Target("one/summary.json", last_lines),
    Target("one/tracking/scored.json", scored),
    Target(f"{RUN}/run.json", last_lines),
    Target(f"{RUN}/{HISTORY}", last_lines),
    Target(f"{RUN}/sent.json", last_lines),
    Target(f"{RUN}/run.json", runs),
    Target(f"{RUN}/sent.json", runs),
    Target(f"{RUN}/{HISTORY}", runs),
    Target(f"{RUN}/{SYSTEM}", runs),
    Target("timings/train/one/fold-0.tsv", costs),
    Target("logs/train/one/fold-0.log", costs),
    Target("one/fold-0/_made/plan.json.json", look),
    Target("_made/cases.tsv.json", look),
    Target("one/checkpoints/fold-0/key/step-000000002.npz", checkpoint),
    Target("../.mlflow.said", said),
    Target(f"{RUN}/files/settings.yaml", reproduced),
    Target(f"{RUN}/files/environment.txt", reproduced),
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda each: f"{each.read.__name__}-{each.file}")
def test_a_damaged_file_of_results_ends_in_a_sentence(tree, target, tmp_path):
    MADE["geometry"] = read_json(tree / PLACE / "slices/axial/a/geometry.json")["made_from"]
    MADE["cfg"] = read_json(tree / PLACE / "one/fold-0/plan.json")["settings"]
    as_it_was: list[str] = []

    def write(folder: Path) -> list[Path]:
        shutil.copytree(tree, folder, dirs_exist_ok=True)
        return [folder / PLACE / target.file]

    def read(folder: Path) -> None:
        with contextlib.chdir(folder):
            found = shown(target.read(PLACE))
        as_it_was[:] = as_it_was or [found]  # the valid one is read first
        if target.exact:
            assert found in (*as_it_was, shown(None)), "other numbers were read without a word"

    def damage(content: bytes, chance: random.Random) -> bytes:
        return bent(content, Path(target.file).suffix, chance)

    name = f"{target.read.__name__} of {target.file}"
    one = harness.Target(name, write, read, damage=damage)
    report = harness.fuzz(one, tmp_path / "fuzz", harness.number_of_inputs(INPUTS), SEED)
    harness.check([report])


def shown(value: Any) -> str:
    """Return what distinguishes two values that hold arrays and tables."""
    if isinstance(value, pd.DataFrame):
        return value.to_csv()
    if isinstance(value, np.ndarray):
        return digest([str(value.dtype), list(value.shape), value.tobytes().hex()])
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    return repr(value)
