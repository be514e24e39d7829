"""Which model is the champion, whatever happens to the store, in a real SQLite registry."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from slicewise.errors import SlicewiseError
from slicewise.evaluation.paired import is_better
from slicewise.evaluation.statistics import COLUMNS, metrics_table, summarise
from slicewise.files import read_json, sha256, write_text, write_yaml
from slicewise.jobs import Start
from slicewise.segmenting.starting import bring
from slicewise.tracking import Connection, Mirror, Run, Tracker, summary_metrics, sync
from slicewise.tracking.registry import register
from tests import forked
from tests.tracking.conftest import FACTS
from tests.tracking.outage import Server
from tests.trained import config_of

PATIENTS = 8
POOR, GOOD, BEST = 0.5, 0.7, 0.9


def table(dice: float, test: float, patients: int, labels: Sequence[str]) -> pd.DataFrame:
    """Scores around a Dice, with a little of each patient's own."""
    return metrics_table(
        {
            "case": f"{subset[0]}{k}",
            "patient": f"{subset[0]}{k}",
            "subset": subset,
            "fold": None,
            "label": label,
            **dict.fromkeys(COLUMNS, 1.0),
            "dice": mean + 0.002 * k,
        }
        for subset, number, mean in (("validation", patients, dice), ("test", 2, test))
        for k in range(number)
        for label in labels
    )


def scored(
    results: Path,
    dataset: str,
    name: str,
    dice: float,
    *,
    test: float = 0.4,
    patients: int = PATIENTS,
    labels: Sequence[str] = ("liver",),
    validated_on: str = "these",
    folds: int = 1,
    train: bool = True,
    content: bytes = b"",
    chosen: str = "",
) -> Run:
    """Train and evaluate, as far as files are concerned; return the run that has the scores."""
    folder = results / dataset / name
    one = Tracker(folder / "tracking", print)  # not entered: it tells nobody
    if train:
        for k in range(folds):
            run = one.begin(
                f"fold-{k}", name, f"{dice}", params={}, tags={"fold": str(k)}, contents={}
            )
            model = folder / f"fold-{k}" / "model.keras"
            model.parent.mkdir(parents=True, exist_ok=True)
            model.write_bytes(content or f"{name} {k} {dice}".encode())
            run.trained(FACTS, {}, model, labels)
    metrics = table(dice, test, patients, labels)
    write_text(folder / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    one.evaluated(
        name,
        folds,
        metrics=summary_metrics(summarise(metrics)),
        files={"metrics.tsv": folder / "metrics.tsv"},
        contents={},
        tags={},
        note="",
        test="t",
        register=validated_on,
        chosen=chosen,
    )
    fold = "fold-0" if folds == 1 else "parent"
    return Run(max((folder / "tracking" / fold).glob("*/run.json")).parent)


def send(results: Path, *runs: Run, **more: bool) -> None:
    mirror = Mirror(Connection(results), is_better)
    for run in runs:
        mirror.push(run.folder, **more)


def versions(results: Path, dataset: str) -> dict[int, Any]:
    client = Connection(results).client
    found = client.search_model_versions(f"name = 'slicewise-{dataset}'")
    return {int(v.version): client.get_model_version(v.name, v.version) for v in found}


def aliases(results: Path, dataset: str) -> dict[str, int]:
    """The version of each alias."""
    return {alias: n for n, v in versions(results, dataset).items() for alias in v.aliases}


def who(results: Path, dataset: str) -> dict[str, str]:
    """The experiment of each alias."""
    known = versions(results, dataset)
    return {alias: known[n].tags["experiment"] for alias, n in aliases(results, dataset).items()}


def local(address: str) -> Path:
    return Path(address.removeprefix("file://"))


def stored_model(results: Path, run: Run) -> str | None:
    """The id of a run's model in the store of the moment."""
    sent = run.folder / "sent.json"
    known = read_json(sent)[Connection(results).store] if sent.is_file() else {}
    return known["model"]["id"] if "model" in known else None


def decision(results: Path, dataset: str, number: int) -> str:
    version = versions(results, dataset)[number]
    assert version.description == version.tags["decision"]
    run = Connection(results).client.get_run(version.tags["run_id"])
    said = f"slicewise-{dataset} version {number}: {version.description}"
    assert run.data.tags["registered"] == said
    return str(version.description)


# -- who starts from it -----------------------------------------------------------


def test_a_training_starts_from_whom_a_server_calls_the_champion(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another champion has another digest when it is brought the next time, and knows others."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    results = tmp_path / "results"
    target = tmp_path / "start" / "fold-0.keras"
    target.parent.mkdir()
    asked = Start(name="models:/slicewise-start@champion", fold=0, folds=1)
    with pytest.raises(SlicewiseError, match="has no such model"):
        bring(asked, [], target, results)
    for name, dice in (("a", GOOD), ("b", BEST)):
        run = scored(results, "start", name, dice)
        record = results / "start" / name / "fold-0" / "config.yaml"
        known = {"folds": 1, "fingerprints": {f"{name}1": f"scan of {name}"}}
        write_yaml(record, config_of(f"{name}1", name, f"weights of {name}") | known)
        run.files({"config.yaml": record})
        send(results, run)
        told = bring(asked, [], target, results)
        assert told.sha256 == sha256(target) == sha256(record.with_name("model.keras"))
        assert told.weights_sha256 == f"weights of {name}"
        assert told.known and told.scans == {f"scan of {name}": name}
        remote = Mirror(Connection(results)).run_id(run.folder)
        assert told.name == f"{asked.name} (run {remote})"


# -- who becomes the champion -----------------------------------------------------


def test_the_first_model_is_the_champion(results: Path) -> None:
    run = scored(results, "first", "a", GOOD)
    send(results, run)
    assert aliases(results, "first") == {"champion": 1}
    assert decision(results, "first", 1) == "promoted, the data set had no champion"
    mirror = Mirror(Connection(results))
    (version,) = versions(results, "first").values()
    assert version.run_id == mirror.run_id(run.folder)
    assert version.tags["validation_dice_mean"] == "0.7070"
    assert version.tags["test_dice_mean"] == "0.4010"
    model = mirror.connection.client.get_registered_model("slicewise-first")
    assert "data set first" in model.description


def test_a_better_model_takes_over_whatever_the_test_says(results: Path) -> None:
    send(results, scored(results, "better", "a", GOOD, test=0.9))
    send(results, scored(results, "better", "b", BEST, test=0.1))
    assert aliases(results, "better") == {"champion": 2, "challenger": 1}
    text = decision(results, "better", 2)
    assert text.startswith("promoted, against version 1 (a): Dice +0.2000 [+0.2000, +0.2000] over")
    assert versions(results, "better")[2].tags["test_dice_mean"] == "0.1010"


def test_a_worse_one_does_not_whatever_the_test_says(results: Path) -> None:
    send(results, scored(results, "worse", "a", GOOD, test=0.1))
    send(results, scored(results, "worse", "b", POOR, test=0.9))
    send(results, scored(results, "worse", "c", GOOD, test=0.9))
    assert aliases(results, "worse") == {"champion": 1, "challenger": 3}
    for number in (2, 3):
        text = decision(results, "worse", number)
        assert text.startswith("not promoted, against version 1 (a): no better with certainty")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"patients": 3}, "only 3 validation patients"),
        ({"labels": ["liver", "tumour"]}, "other labels"),
        ({"validated_on": "those"}, "not compared with version 1 (a), which was validated on"),
        ({"patients": PATIENTS + 1}, "other validation patients"),
        ({"chosen": "a sweep chose it"}, "not compared with version 1 (a), as a sweep chose it;"),
    ],
)
def test_what_cannot_be_compared_is_not_promoted(
    results: Path, other: dict[str, Any], why: str
) -> None:
    dataset = f"apart-{len(why)}"
    first = {"patients": 3} if other == {"patients": 3} else {}
    send(results, scored(results, dataset, "a", POOR, **first))
    send(results, scored(results, dataset, "b", BEST, **other))
    assert aliases(results, dataset) == {"champion": 1, "challenger": 2}
    assert why in decision(results, dataset, 2)


def test_several_labels_count_alike(results: Path) -> None:
    for name, dice in (("a", POOR), ("b", GOOD)):
        send(results, scored(results, "labels", name, dice, labels=["liver", "tumour"]))
    assert who(results, "labels") == {"champion": "b", "challenger": "a"}
    assert f"over {PATIENTS} validation patients" in decision(results, "labels", 2)


def test_folds_are_registered_as_one(results: Path) -> None:
    runs = [
        scored(results, "folds", name, dice, folds=2) for name, dice in (("a", POOR), ("b", GOOD))
    ]
    for run in runs:
        folds = run.folder.parents[1].glob("fold-*/001")
        send(results, *(Run(folder) for folder in folds), run)
    assert who(results, "folds") == {"champion": "b", "challenger": "a"}
    client = Connection(results).client
    version = client.get_model_version_by_alias("slicewise-folds", "champion")
    assert client.get_run(version.run_id).info.run_name == "b"
    place = client.get_logged_model(version.tags["model_id"]).artifact_location
    stored = {path.read_bytes() for path in local(place).rglob("*.keras")}
    assert stored == {b"b 0 0.7", b"b 1 0.7"}


def test_an_alias_that_was_moved_by_hand_counts(results: Path) -> None:
    send(results, scored(results, "hand", "a", POOR), scored(results, "hand", "b", BEST))
    client = Connection(results).client
    client.set_registered_model_alias("slicewise-hand", "champion", "1")
    send(results, scored(results, "hand", "c", GOOD))
    assert aliases(results, "hand") == {"champion": 3, "challenger": 1}
    client.delete_registered_model_alias("slicewise-hand", "champion")
    send(results, scored(results, "hand", "d", POOR))
    assert aliases(results, "hand") == {"champion": 4, "challenger": 1}


# -- what must not be done twice, or by halves --------------------------------------


def test_nothing_is_registered_twice(results: Path) -> None:
    runs = [scored(results, "twice", name, dice) for name, dice in (("a", POOR), ("b", BEST))]
    send(results, *runs)
    before = {n: dict(v) for n, v in versions(results, "twice").items()}
    assert scored(results, "twice", "a", POOR, train=False).folder == runs[0].folder
    send(results, *runs)
    send(results, *runs, verify=True)
    assert {n: dict(v) for n, v in versions(results, "twice").items()} == before
    # a test patient's ground truth was mended: shown, but it decides nothing
    scored(results, "twice", "a", POOR, train=False, test=0.99)
    send(results, *runs)
    after = versions(results, "twice")
    assert after.keys() == before.keys()
    assert after[1].tags["test_dice_mean"] == "0.9910"
    assert aliases(results, "twice") == {"champion": 2, "challenger": 1}


class Breaking:
    """A client whose server is gone after some changes."""

    CHANGES = ("create_", "set_", "update_", "delete_")

    def __init__(self, client: Any, changes: int) -> None:
        self.client, self.left = client, changes

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def request(*arguments: Any, **named: Any) -> Any:
            if name.startswith(self.CHANGES):
                if not self.left:
                    raise MlflowException("the server is gone")
                self.left -= 1
            return getattr(self.client, name)(*arguments, **named)

        return request


@pytest.mark.slow
def test_whatever_was_interrupted_is_completed(results: Path) -> None:
    mirror = Mirror(Connection(results), is_better)
    for name, dice in (("a", GOOD), ("b", POOR), ("c", BEST)):
        run = scored(results, "halves", name, dice)
        run_id = mirror.push(run.folder, register=False)
        model_id = stored_model(results, run)
        for changes in range(20):
            client = Breaking(mirror.connection.client, changes)
            try:
                register(client, run, run_id, model_id, is_better)
                break
            except MlflowException:
                continue
        else:
            pytest.fail("it never ends")
        assert changes >= 4
    assert aliases(results, "halves") == {"champion": 3, "challenger": 1}
    assert decision(results, "halves", 1) == "promoted, the data set had no champion"
    assert "not promoted, against version 1 (a)" in decision(results, "halves", 2)
    assert decision(results, "halves", 3).startswith("promoted, against version 1 (a): Dice +0.2")


PUSH = """
import sys
from pathlib import Path
from slicewise.errors import SlicewiseError
from slicewise.evaluation.paired import is_better
from slicewise.tracking import Connection, Mirror
Mirror(Connection(Path(sys.argv[1])), is_better).push(Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_jobs_register_one_after_the_other(results: Path) -> None:
    runs = [scored(results, "jobs", name, GOOD) for name in ("a", "b")]
    with (results / ".registry.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        jobs = [
            subprocess.Popen([forked.python(), "-c", PUSH, str(results), str(run.folder)])
            for run in runs
        ]
        for run in runs:
            while stored_model(results, run) is None:
                assert all(job.poll() is None for job in jobs)
                time.sleep(0.1)
        time.sleep(1)
        assert versions(results, "jobs") == {}, "they wait"
    assert [job.wait(60) for job in jobs] == [0, 0]
    assert aliases(results, "jobs") == {"champion": 1, "challenger": 2}
    assert "against version 1" in decision(results, "jobs", 2)


def test_a_registry_that_refuses_keeps_nothing_else_back(results: Path) -> None:
    def refuses(old: str, new: str) -> tuple[bool, str]:
        raise PermissionError

    send(results, scored(results, "refused", "a", POOR))
    run = scored(results, "refused", "b", BEST)
    mirror = Mirror(Connection(results), refuses)
    with pytest.raises(PermissionError):
        mirror.push(run.folder)
    found = mirror.connection.client.get_run(mirror.run_id(run.folder))
    assert found.info.status == "FINISHED"
    assert mirror.is_pending(run.folder)
    send(results, run)
    assert who(results, "refused") == {"champion": "b", "challenger": "a"}
    assert not mirror.is_pending(run.folder)


def test_a_job_that_cannot_judge_leaves_it_to_one_that_can(results: Path) -> None:
    run = scored(results, "later", "a", GOOD)
    training = Mirror(Connection(results))
    training.push(run.folder)
    assert versions(results, "later") == {}
    assert training.is_pending(run.folder)
    Mirror(Connection(results), is_better).push_pending("later", lambda: True)
    assert aliases(results, "later") == {"champion": 1}
    # and the report's job, which has more to send, does not undo it
    run.contents({"report.html": "of this run"})
    training.push(run.folder)
    assert not training.is_pending(run.folder)


def test_without_its_scores_a_model_waits(results: Path) -> None:
    run = scored(results, "unscored", "a", GOOD)
    # snakemake removes what it is about to make again
    metrics = results / "unscored" / "a" / "metrics.tsv"
    kept = metrics.rename(metrics.with_suffix(".kept"))
    send(results, run)
    assert versions(results, "unscored") == {}
    kept.rename(metrics)
    send(results, scored(results, "unscored", "a", GOOD, train=False))
    assert aliases(results, "unscored") == {"champion": 1}


# -- superseded runs, and what somebody deleted --------------------------------------


def test_a_superseded_run_is_not_registered(results: Path) -> None:
    old = scored(results, "superseded", "a", BEST, content=b"same")
    new = scored(results, "superseded", "a", POOR, content=b"same")
    assert old.folder != new.folder
    send(results, new, Run(old.folder))
    (version,) = versions(results, "superseded").values()
    assert version.run_id == Mirror(Connection(results)).run_id(new.folder)


@pytest.mark.slow
def test_a_superseded_champion_stays_until_a_better_one_comes(results: Path) -> None:
    for dice in (GOOD, POOR, BEST):
        old = [Run(path.parent) for path in (results / "stays").glob("a/tracking/*/*/run.json")]
        send(results, scored(results, "stays", "a", dice), *(Run(run.folder) for run in old))
        assert aliases(results, "stays")["champion"] == {GOOD: 1, POOR: 1, BEST: 3}[dice]
    assert len(versions(results, "stays")) == 3


@pytest.mark.slow
def test_a_champion_without_scores_is_not_replaced(results: Path) -> None:
    first = scored(results, "lost-scores", "a", POOR)
    send(results, first)
    mirror = Mirror(Connection(results))
    store = mirror.connection.client._client._tracking_client.store
    artifacts = mirror.connection.client.get_run(mirror.run_id(first.folder)).info.artifact_uri
    (local(artifacts) / "metrics.tsv").unlink()
    send(results, scored(results, "lost-scores", "b", BEST))
    why = "not promoted, not compared with version 1 (a), whose metrics.tsv is gone; set the alias"
    assert decision(results, "lost-scores", 2).startswith(why)
    # as `mlflow gc` deletes a run
    store._hard_delete_run(mirror.run_id(first.folder))
    send(results, scored(results, "lost-scores", "c", BEST))
    assert decision(results, "lost-scores", 3).startswith(why)
    assert aliases(results, "lost-scores") == {"champion": 1, "challenger": 3}
    # its files are still here
    send(results, first, verify=True)
    send(results, scored(results, "lost-scores", "d", BEST))
    assert aliases(results, "lost-scores") == {"champion": 4, "challenger": 1}


def test_a_deleted_run_keeps_its_version(results: Path) -> None:
    run = scored(results, "deleted-run", "a", GOOD)
    send(results, run)
    mirror = Mirror(Connection(results))
    old = mirror.run_id(run.folder)
    mirror.connection.client.delete_run(old)
    send(results, run, verify=True)
    assert mirror.run_id(run.folder) != old
    (version,) = versions(results, "deleted-run").values()
    assert version.tags["run_id"] == mirror.run_id(run.folder)
    assert decision(results, "deleted-run", 1) == "promoted, the data set had no champion"


@pytest.mark.slow
def test_a_deleted_model_is_stored_anew_with_its_aliases(results: Path) -> None:
    runs = [scored(results, "deleted-model", n, d) for n, d in (("a", GOOD), ("b", POOR))]
    send(results, *runs)
    client = Connection(results).client
    client.delete_logged_model(versions(results, "deleted-model")[1].tags["model_id"])
    send(results, *runs, verify=True)
    assert aliases(results, "deleted-model") == {"champion": 3, "challenger": 2}
    version = versions(results, "deleted-model")[3]
    assert version.tags["experiment"] == "a"
    assert version.description == (
        "promoted, the data set had no champion (it was version 1, whose files are gone)"
    )


@pytest.fixture(scope="module")
def untold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of three experiments that no store knows, and an empty store beside them."""
    folder = tmp_path_factory.mktemp("untold") / "results"
    for name, dice in (("c", GOOD), ("b", POOR), ("a", GOOD)):
        scored(folder, "tiny", name, dice)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        Connection(folder).experiments()
    return folder


@pytest.mark.slow
def test_after_the_loss_of_the_store_history_repeats_itself(untold: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(untold, results)
    said: list[str] = []
    sync(results, "*", is_better, said.append)
    # a and c are alike; the one that came first stays
    assert who(results, "tiny") == {"champion": "c", "challenger": "a"}
    assert [v.tags["experiment"] for _, v in sorted(versions(results, "tiny").items())] == [*"cba"]
    assert "slicewise-tiny version 1: promoted, the data set had no champion" in said
    before = {n: dict(v) for n, v in versions(results, "tiny").items()}
    sync(results, "*", is_better, said.append)
    assert {n: dict(v) for n, v in versions(results, "tiny").items()} == before
    # somebody deleted the registered model
    Connection(results).client.delete_registered_model("slicewise-tiny")
    sync(results, "*", is_better, said.append)
    assert who(results, "tiny") == {"champion": "c", "challenger": "a"}


@pytest.mark.slow
def test_what_a_dead_server_missed_is_registered_in_its_order(untold: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(untold, results)
    Mirror(Connection(results), is_better).push_pending("tiny", lambda: True)
    assert who(results, "tiny") == {"champion": "c", "challenger": "a"}


# -- how it is used -------------------------------------------------------------------


@pytest.mark.slow
def test_the_champion_is_loaded_by_its_alias(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras
    import mlflow

    from slicewise.config import Network
    from slicewise.inference.predict import predict_volume
    from slicewise.network.model import finished_model
    from slicewise.network.preprocessing import Preprocess
    from slicewise.network.unet import build_unet
    from slicewise.phantom.patient import phantom
    from tests.tracking.test_package import CARD

    monkeypatch.setattr(sys, "path", [*sys.path])  # MLflow adds the model's code to it
    keras.utils.set_random_seed(0)
    unet = build_unet(Network(filters=[4, 8]), 1)
    model = finished_model(Preprocess(-100.0, 200.0, 20.0, 50.0, CARD), unet)
    model.save(results / "model.keras")
    content = (results / "model.keras").read_bytes()
    send(results, scored(results, "loaded", "a", GOOD, content=content))
    image, _ = phantom(0, seed=1, size=48, slices=(10, 12))
    Connection(results).client.get_registered_model("slicewise-loaded")  # sets MLflow's store
    champion = mlflow.pyfunc.load_model("models:/slicewise-loaded@champion")
    (mask,) = champion.predict([{"image": image.array, "affine": image.affine}])["mask"]
    np.testing.assert_array_equal(mask, predict_volume([model], image))
