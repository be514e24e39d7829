"""The whole workflow on jax, in an environment that has no TensorFlow."""

import os
import signal
from pathlib import Path

import pytest
from conftest import TEST, TRAINING, Workflow
from test_resume import kill_in_training, wait_until_idle

from slicewise.files import read_json

WITHOUT = """
import sys


class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            raise ModuleNotFoundError("No module named 'tensorflow'", name=name)


sys.meta_path.insert(0, NoTensorFlow())
"""


@pytest.fixture
def jax(tmp_path: Path, workflow: Workflow) -> dict[str, str]:
    """The environment of a machine without TensorFlow; nobody says that jax is to be used."""
    pytest.importorskip("jax")
    place = tmp_path / "without"
    place.mkdir()
    (place / "sitecustomize.py").write_text(WITHOUT)
    path = f"{place}{os.pathsep}{workflow.environment()['PYTHONPATH']}"
    workflow.backend = False
    # compiling takes longer than computing
    quick = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    return {"PYTHONPATH": path, "KERAS_HOME": str(tmp_path), **quick}


@pytest.mark.slow
def test_folds_train_resume_predict_and_report_without_tensorflow(workflow, jax):
    settings = workflow.settings()
    training = settings["experiments"]["rich"]["training"] | {"epochs": 3}
    settings["experiments"] = {"rich": settings["experiments"]["rich"] | {"training": training}}
    settings |= {"split": {"folds": 2}, "run": ["rich"]}
    workflow.write_settings(settings)
    workflow.forget("rich", "plain")
    kill_in_training(
        workflow,
        "results/tiny/rich/fold-0/model.keras",
        lambda pid, _: os.kill(pid, signal.SIGTERM),
        **jax,
    )
    assert not wait_until_idle(workflow, 60)
    said = workflow.snakemake(**jax)
    assert "going on after epoch" in said
    for fold in range(2):
        assert workflow.used("rich", fold)["resolved"]["versions"]["backend"] == "jax"
        history = workflow.results / f"rich/fold-{fold}/history.csv"
        assert len(history.read_text().splitlines()) == 1 + 3
    summary = read_json(workflow.results / "rich" / "summary.json")
    assert summary["validation"]["mean"]["dice"]["n"] == len(TRAINING)
    assert summary["test"]["mean"]["dice"]["n"] == len(TEST)
    for name in ("rich/report.html", "comparison.html"):
        assert (workflow.results / name).stat().st_size > 10_000
    models = list((workflow.root / "results" / "mlartifacts").rglob("requirements.txt"))
    assert len(models) == 3  # of each fold, and of both together
    for model in models:
        needed = model.read_text()
        assert "\njax==" in needed
        assert "tensorflow" not in needed
    for fold in range(2):
        run = workflow.client().get_run(workflow.run_id("rich", f"fold-{fold}"))
        assert run.info.status == "FINISHED"
    # who has TensorFlow has nothing to make again
    assert workflow.due() == {}


def test_a_backend_that_is_missing_is_said_before_any_job(clone, tmp_path):
    place = tmp_path / "without"
    place.mkdir()
    (place / "sitecustomize.py").write_text(WITHOUT)
    path = f"{place}{os.pathsep}{clone.environment()['PYTHONPATH']}"
    said = clone.snakemake("-n", fails=True, PYTHONPATH=path, KERAS_BACKEND="tensorflow")
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    (error,) = errors
    assert error.startswith("error: KERAS_BACKEND=tensorflow: tensorflow is not installed")
    assert "Traceback" not in said
