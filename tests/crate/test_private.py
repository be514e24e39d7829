"""Nothing of a crate tells whose machine it was made on, or how files of patients are called."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import yaml

from slicewise.crate import read_contents
from slicewise.crate.private import last_part, portable, refuse_traces, without_paths
from slicewise.errors import SlicewiseError
from tests.crate.conftest import WORKFLOW, written
from tests.crate.made import HOST, SETTINGS, mixed, tracked
from tests.settings import used_settings

SECRETS = ("anna", "/export/", HOST, "hunter2hunter", "mlflow.example.org", "SURNAME", "/tmp/")


def texts(data: bytes) -> list[bytes]:
    """All bytes of a file, and of what is packed in it."""
    found = [data]
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                found += [name.encode(), *texts(archive.read(name))]
    return found


@pytest.mark.parametrize("folds", [1, 2])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_no_byte_of_a_crate_tells_of_them(tmp_path, folds, is_mixed):
    place = tmp_path / "results" / "tiny"
    folder = mixed(place, folds) if is_mixed else tracked(place / "baseline", folds=folds)
    here = [path for path in folder.parent.rglob("*") if path.is_file()]
    kept = b"".join(path.read_bytes() for path in here).decode()
    assert all(secret in kept for secret in ("anna", HOST, "SURNAME")), "there is what to hide"
    data = written([folder], tmp_path / "crate.zip").read_bytes()
    assert len(texts(data)) > 20
    for secret in (*SECRETS, str(tmp_path)):
        assert not any(secret.encode() in text for text in texts(data)), secret


def test_a_name_of_a_folder_that_nobody_thought_of_is_refused(folder, monkeypatch):
    # a place in a file that is taken as it is
    monkeypatch.setattr(
        "slicewise.crate.contents.shareable", lambda path: b"case\n/export/anna_owner/x"
    )
    with pytest.raises(SlicewiseError, match=r"cases\.tsv: it names a folder of this machine"):
        read_contents([folder], WORKFLOW)


@pytest.mark.parametrize(
    "text", [b"/export/anna_owner", b'"/export/anna_owner/x"', b"x=/export/anna_owner\n"]
)
def test_a_folder_is_found_wherever_it_stands(text):
    with pytest.raises(SlicewiseError, match=r"names a folder of this machine \(/export/anna_own"):
        refuse_traces({"x.yaml": text}, Path("results"))


@pytest.mark.parametrize("text", [b"/export/anna_owners", b"raw/export/anna_owner", b"anna_owner"])
def test_what_only_looks_like_it_is_not(text):
    refuse_traces({"x.yaml": text}, Path("results"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/livers", "livers"),
        ("/data/livers/", "livers"),
        ("~/livers", "livers"),
        ("~anna/livers", "livers"),
        ("$HOME/livers", "livers"),
        ("${HOME}", "data"),
        ("../../export/anna/livers", "livers"),
        (r"C:\Users\anna\livers", "livers"),
        (r"\\server\anna\livers", "livers"),
        ("..", "data"),
        ("/", "data"),
        ("raw/train", "raw/train"),
        ("*_orig.nii.gz", "*_orig.nii.gz"),
        ("{patient}/{case}..nii", "{patient}/{case}..nii"),
        ("models:/liver@champion", "models:/liver@champion"),
        ("the mean/sd of ~ 3", "the mean/sd of ~ 3"),
    ],
)
def test_of_a_path_the_last_part_is_told(text, shown):
    assert without_paths({"a": [text]}) == {"a": [shown]}


def test_a_pattern_that_begins_as_a_path_stays():
    pattern = {"patient_pattern": "/(?P<patient>p[0-9]+)"}
    assert without_paths(pattern) == pattern


def test_a_root_is_told_by_its_last_part_alone():
    assert last_part("hospital/anna/livers") == "livers"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("results/tiny/baseline", "results/tiny/baseline"),
        ("{here}/results/tiny/baseline/fold-1", "results/tiny/baseline/fold-1"),
        ("results/tiny/another", "another"),
        ("results/other/baseline", "baseline"),
        ("/export/anna_owner/m.keras", "m.keras"),
        ("$NOT_SET_ANY_MORE/m.keras", "m.keras"),
    ],
)
def test_a_model_whose_experiment_is_in_the_crate_is_named_as_it_is_there(tmp_path, name, shown):
    experiments = {
        "baseline": {"slices": "axial"},
        "tuned": {"slices": "axial", "training": {"start_from": name.format(here=tmp_path)}},
        "together": {"ensemble": ["baseline", "tuned"]},
    }
    config = SETTINGS | {"experiments": experiments, "segment": None}
    used = yaml.safe_load(used_settings(config, "together"))
    told = portable(used, set(), tmp_path / "results")
    assert told["experiments"]["tuned"]["training"]["start_from"] == shown
