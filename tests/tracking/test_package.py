"""A model in MLflow: what is stored, and every way to use it that docs/models.md tells."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import validate_schema

from slicewise.config import Network, Recipe
from slicewise.inference.predict import predict_volume
from slicewise.network.model import finished_model, load_model, weights_digest
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.phantom.patient import phantom
from slicewise.segmenting.models import choose
from slicewise.tracking.package import (
    gathered,
    package_options,
    requirements,
    signature,
    write_code,
)
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.write import write_nifti
from tests.segmenting.made import calibration

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
CHAMPION = "models:/slicewise-phantom@champion"
STORE = "sqlite:///results/mlflow.db"
CARD = {
    "labels": ["liver"],
    "values": {"liver": [5]},
    "recipe": Recipe(size=32).model_dump(),
    "intensity": "hu",
    "contiguous": True,
    "context": {"slices": 1, "mm": 2.5},
    "inference": {"flip": "none", "shift": 0, "planes": []},
    "postprocessing": {"threshold": 0.5, "largest_component": False, "fill_holes": False},
}

# Stores a model in a run that is not entered, as the mirror does.
STORING = """
import sys
from pathlib import Path

import mlflow.pyfunc
from mlflow.models import Model

from slicewise.tracking.package import gathered, package_options

run_id, experiment_id, *models = sys.argv[1:]
mlflow.set_experiment(experiment_id=experiment_id)
with gathered({Path(model).stem: Path(model) for model in models}) as folder:
    info = Model.log(
        artifact_path=None,
        name="model",
        flavor=mlflow.pyfunc,
        run_id=run_id,
        **package_options(folder, folder.parent, ["liver"]),
    )
assert mlflow.active_run() is None
assert not {"keras", "tensorflow", "nibabel"} & sys.modules.keys()
print(info.model_id)
"""


def environment(**more: str) -> dict[str, str]:
    """Return that of a user who has activated the virtual environment."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    path = os.pathsep.join([str(Path(sys.executable).parent), own["PATH"]])
    own |= {"PATH": path, "MLFLOW_TRACKING_URI": STORE, "MLFLOW_DISABLE_TELEMETRY": "true"}
    return own | more


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a CT, two folds, and a run whose model is the champion of its data set."""
    folder = tmp_path_factory.mktemp("home")
    write_nifti(folder / "ct.nii.gz", phantom(0, seed=1, size=48, slices=(10, 12))[0])
    for fold in range(2):
        keras.utils.set_random_seed(fold)
        unet = build_unet(Network(filters=[4, 8]), 1)
        model = finished_model(Preprocess(-100.0, 200.0, 20.0, 50.0, CARD), unet)
        model.save(folder / f"fold-{fold}.keras")
    (folder / "results").mkdir()
    uri = f"sqlite:///{folder}/results/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("slicewise/phantom", (folder / "artifacts").as_uri())
    run = client.create_run(experiment, run_name="baseline").info.run_id
    stored = subprocess.run(
        [sys.executable, "-c", STORING, run, experiment, "fold-0.keras", "fold-1.keras"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert stored.returncode == 0, stored.stderr
    assert stored.stderr == "", "says nothing"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)  # which MLflow changes
        mlflow.set_tracking_uri(uri)
        client.create_registered_model("slicewise-phantom")
        made = client.create_model_version(
            "slicewise-phantom", f"models:/{stored.stdout.strip()}", run_id=run
        )
        client.set_registered_model_alias("slicewise-phantom", "champion", made.version)
        (folder / "run_id").write_text(run)
        (folder / "volumes.json").write_text(block("json"))
        (folder / "volumes.csv").write_text(block("csv"))
        yield folder
        mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def truth(home: Path) -> np.ndarray:
    models = [load_model(home / f"fold-{fold}.keras") for fold in range(2)]
    mask = predict_volume(models, read_nifti(home / "ct.nii.gz")[0])
    assert 0.01 < np.mean(mask == 5) < 0.99
    return mask


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    return str(found)


def artifacts(home: Path) -> Path:
    (file,) = home.glob("artifacts/**/MLmodel")
    return file.parent


# -- what is stored --------------------------------------------------------------


@pytest.mark.slow
def test_the_run_goes_on_and_has_its_model(home: Path) -> None:
    client = MlflowClient(f"sqlite:///{home}/results/mlflow.db")
    run = client.get_run((home / "run_id").read_text())
    assert run.info.status == "RUNNING"
    (output,) = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert str(model.status) == "READY"
    assert model.experiment_id == run.info.experiment_id


def test_models_code_and_nothing_that_is_run_by_loading(home: Path) -> None:
    folder = artifacts(home)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        *("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"),
        *("code/slicewise_model.py", "code/slicewise.zip"),
        *(f"data/models/fold-{fold}.keras" for fold in range(2)),
    }
    with zipfile.ZipFile(folder / "code" / "slicewise.zip") as archive:
        code = {name: archive.read(name) for name in archive.namelist()}
    assert "slicewise/inference/serving.py" in code
    # nothing that only makes pages, finds cases or trains
    assert {name.split("/")[1] for name in code}.isdisjoint({"report", "survey", "training"})
    for name, text in code.items():
        assert text == (ROOT / "src" / name).read_bytes()
    for name in ("MLmodel", "conda.yaml", "requirements.txt"):
        assert "pickle" not in (folder / name).read_text(), name
    needed = (folder / "requirements.txt").read_text().split()
    assert set(needed) == {f"mlflow=={version('mlflow')}", *requirements()}
    for fold in range(2):
        name = f"fold-{fold}.keras"
        assert (folder / "data" / "models" / name).read_bytes() == (home / name).read_bytes()


def test_what_its_masks_told_comes_from_its_run(home: Path) -> None:
    results = home / "results"
    assert choose(CHAMPION, results).expectation is None
    client = MlflowClient(f"sqlite:///{results}/mlflow.db")
    for fold in range(2):
        weights = weights_digest(load_model(home / f"fold-{fold}.keras"))
        told = calibration(weights, labels=("liver",)).model_dump_json()
        client.log_text((home / "run_id").read_text(), told, f"calibration/fold-{fold}.json")
    known = choose(CHAMPION, results).expectation
    assert known is not None and known.patients == 10


def test_one_model_needs_no_folder(home: Path, tmp_path: Path) -> None:
    options = package_options(home / "fold-1.keras", tmp_path, ["liver"])
    mlflow.pyfunc.save_model(tmp_path / "m", **options)
    assert (tmp_path / "m" / "data" / "fold-1.keras").is_file()


def test_the_same_code_is_the_same_file(tmp_path: Path) -> None:
    written = []
    for name in "ab":
        place = tmp_path / name
        place.mkdir()
        written.append([path.read_bytes() for path in write_code(place)])
    assert written[0] == written[1]


def test_links_are_gone_afterwards(home: Path) -> None:
    with gathered({"a": home / "fold-0.keras", "b": home / "fold-1.keras"}) as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["a.keras", "b.keras"]
    assert not folder.exists()
    assert (home / "fold-0.keras").is_file()


def test_requirements_are_direct_dependencies_as_installed() -> None:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]
    extras = project["optional-dependencies"]
    direct = [*project["dependencies"], *extras["workflow"], *extras["tensorflow"]]
    names = {re.match(r"[\w-]+", line)[0].lower() for line in direct}
    found = dict(line.lower().split("==") for line in requirements())
    assert found.keys() <= names
    # a model that is served reads NIfTI alone, so it needs no reader of other formats
    assert {"tensorflow", "keras", "numpy", "nibabel", "pyyaml"} <= found.keys()
    assert not {"snakemake", "mlflow", "matplotlib", "jinja2", "jax"} & found.keys()
    assert all(version(name) == number for name, number in found.items())


def test_requirements_follow_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    found = dict(line.lower().split("==") for line in requirements())
    assert found["jax"] == version("jax")
    assert "tensorflow" not in found


class Untouched(np.ndarray):
    """A volume that nobody may look into."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("walked through")

    tolist = astype = copy = __iter__


def test_mlflow_does_not_look_into_arrays() -> None:
    schema = signature(["liver"]).inputs
    array = np.zeros((4, 4, 4), np.int16).view(Untouched)
    validate_schema(pd.DataFrame({"image": [array], "spacing": [[1, 1, 2.5]]}), schema)
    validate_schema([{"image": array, "affine": np.eye(4)}, {"image": "ct.nii"}], schema)
    with pytest.raises(mlflow.MlflowException, match=r"missing inputs \['image'\]"):
        validate_schema(pd.DataFrame({"mask": ["m.nii"]}), schema)


# -- how it is used --------------------------------------------------------------


def test_loaded_it_gives_what_the_workflow_gives(
    home: Path, truth: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", sys.path)  # MLflow adds the model's code to it
    image, _ = read_nifti(home / "ct.nii.gz")
    path, mask = str(home / "ct.nii.gz"), str(tmp_path / "mask.nii.gz")
    model = mlflow.pyfunc.load_model(f"runs:/{(home / 'run_id').read_text()}/model")
    rows = [{"image": path, "mask": mask}, {"image": image.array, "affine": image.affine}]
    answer = model.predict(pd.DataFrame(rows))
    np.testing.assert_array_equal(answer["mask"][1], truth)
    np.testing.assert_array_equal(read_nifti(Path(mask))[0].array, truth)
    np.testing.assert_allclose(
        answer["liver_ml"], np.mean(truth == 5) * truth.size * image.voxel_ml
    )
    with pytest.raises(Exception, match="there is such a file already"):
        model.predict({"image": path, "mask": mask})
    model.predict({"image": path, "mask": mask}, {"overwrite": True})


def commands() -> list[str]:
    text = "".join(re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S))
    return text.splitlines()


def test_every_command_of_the_page_is_tried() -> None:
    known = ("mlflow models ", "curl ", "mlflow artifacts download ")
    elsewhere = ["source .venv/bin/activate", "python -m pip install -r model/requirements.txt"]
    for command in commands():
        tried = command.startswith(known) or command in elsewhere
        assert tried or command == f"export MLFLOW_TRACKING_URI={STORE}", command


def shell(command: str, home: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=home,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_predict_on_the_command_line(home: Path, truth: np.ndarray) -> None:
    tried = [command for command in commands() if command.startswith("mlflow models predict")]
    masks = ["liver.nii.gz", "liver-2.nii.gz"]
    for command, mask in zip(tried, masks, strict=True):
        (home / mask).unlink(missing_ok=True)
        (answer,) = json.loads(shell(command, home))["predictions"]
        assert answer["mask"] == mask
        np.testing.assert_array_equal(read_nifti(home / mask)[0].array, truth)


@pytest.mark.slow
def test_without_the_workflow(home: Path, truth: np.ndarray, tmp_path: Path) -> None:
    """The page's Python, in an interpreter that has the packages but not slicewise."""
    (download,) = (command for command in commands() if command.startswith("mlflow artifacts"))
    shell(download, home)
    (home / "liver.nii.gz").unlink(missing_ok=True)
    script = tmp_path / "script.py"
    script.write_text(
        "import importlib.util, sys\n"
        f"sys.path.append({sysconfig.get_path('purelib')!r})\n"
        "assert importlib.util.find_spec('slicewise') is None\n"
        + block("python").replace(CHAMPION, "model")
        + "import slicewise\n"
        + "print(slicewise.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", str(script)],  # -S: an editable installation is not found
        cwd=home,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ml, total, place = done.stdout.split()
    voxel_ml = read_nifti(home / "ct.nii.gz")[0].voxel_ml
    assert float(ml) == pytest.approx(np.count_nonzero(truth) * voxel_ml)
    assert int(total) == truth.sum(dtype=int)
    assert Path(place).is_relative_to(home / "model")
    np.testing.assert_array_equal(read_nifti(home / "liver.nii.gz")[0].array, truth)


def answering(address: str, server: subprocess.Popen[bytes]) -> bool:
    try:
        with urlopen(f"{address}/ping") as answer:
            return bool(answer.status == 200)
    except URLError:
        assert server.poll() is None, "the server has ended"
        return False


def post(address: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    data = json.dumps({"dataframe_records": rows}).encode()
    request = Request(f"{address}/invocations", data, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return list(json.load(answer)["predictions"])


@pytest.mark.slow
def test_a_server(home: Path, truth: np.ndarray) -> None:
    (serve,) = (command for command in commands() if command.startswith("mlflow models serve"))
    (curl,) = (command for command in commands() if command.startswith("curl"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    (home / "liver.nii.gz").unlink(missing_ok=True)
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            ["bash", "-c", serve.replace("5001", port)],
            cwd=home,
            env=environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while not answering(address, server):
            time.sleep(0.5)
        (answer,) = json.loads(shell(curl.replace("5001", port), home))["predictions"]
        assert answer["mask"] == "liver.nii.gz"
        np.testing.assert_array_equal(read_nifti(home / "liver.nii.gz")[0].array, truth)
        image, _ = read_nifti(home / "ct.nii.gz")
        sent, small = post(
            address,
            {"image": str(home / "ct.nii.gz")},
            {"image": image.array.tolist(), "affine": image.affine.tolist()},
        )
        assert base64.b64decode(sent["mask"]) == (home / "liver.nii.gz").read_bytes()
        np.testing.assert_array_equal(small["mask"], truth)
        with pytest.raises(HTTPError) as caught:
            post(address, {"image": str(home / "fold-0.keras")})
        assert caught.value.code == 400
        said = json.load(caught.value)["stack_trace"].strip().splitlines()[-1]
        assert said.endswith(
            "fold-0.keras: this is no NIfTI image whatever its name says; convert it to NIfTI again"
        )
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
