"""What is not as it was: code, versions, data and device."""

import pandas as pd
import pytest

from slicewise.files import write_yaml
from slicewise.reproduce import differences as module
from slicewise.reproduce.differences import (
    SHOWN,
    code_differences,
    data_differences,
    device_differences,
    start_differences,
    version_differences,
)
from tests.trained import config_of

NOW = {"library_sha256": "l", "workflow_sha256": "w"}
OTHER = {"library_sha256": "m", "workflow_sha256": "w"}


@pytest.mark.parametrize(
    ("then", "kept", "here", "said"),
    [
        ({"git_commit": "a"}, None, {"git_commit": "a"}, 0),
        (
            {"git_commit": "a", "git_dirty": "true"},
            "x",
            {"git_commit": "a", "git_dirty": "true"},
            0,
        ),
        (
            {"git_commit": "a", "git_dirty": "true"},
            "y",
            {"git_commit": "a", "git_dirty": "true"},
            2,
        ),
        (
            {"git_commit": "b", "git_dirty": "true"},
            "x",
            {"git_commit": "a", "git_dirty": "true"},
            3,
        ),
        ({"git_commit": "a", "git_dirty": "true"}, None, {"git_commit": "a"}, 1),
        ({"git_commit": "a"}, "x", {"git_commit": "a", "git_dirty": "true"}, 1),
        ({"git_commit": "a"}, None, {}, 1),
        ({}, None, {}, 0),
        # what ran is known by its digest
        (NOW | {"git_commit": "b", "git_dirty": "true"}, "y", {"git_commit": "a"}, 1),
        (NOW | {"git_commit": "a"}, None, {"git_commit": "a", "git_dirty": "true"}, 0),
        (OTHER | {"git_commit": "a"}, None, {"git_commit": "a"}, 1),
        (OTHER | {"git_commit": "unknown"}, None, {"git_commit": "unknown"}, 1),
        (
            OTHER | {"git_commit": "a", "git_dirty": "true"},
            "x",
            {"git_commit": "a", "git_dirty": "true"},
            3,
        ),
    ],
)
def test_code(tmp_path, monkeypatch, then, kept, here, said):
    monkeypatch.setattr(module, "git_state", lambda folder: here)
    monkeypatch.setattr(module, "library_digests", lambda folder: NOW)
    monkeypatch.setattr(module, "git_diff", lambda folder: "x")
    diff = tmp_path / "uncommitted.diff"
    if kept is not None:
        diff.write_text(kept)
    assert len(list(code_differences(then, tmp_path, diff))) == said


def test_long_lists_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "environment", lambda: {f"p{k:03d}": "2" for k in range(30)})
    (tmp_path / "environment.txt").write_text("".join(f"p{k:03d}==1\n" for k in range(30)))
    (line,) = version_differences(tmp_path / "environment.txt")
    assert line.startswith("the version of p000, p001, ")
    assert line.endswith("p019 and 10 more")
    for name, digest in (("then", "a"), ("now", "b")):
        columns = ("image_sha256", "mask_sha256", "fingerprint")
        table = pd.DataFrame({"case": range(30)} | dict.fromkeys(columns, digest))
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    lines = data_differences(tmp_path / "then.tsv", tmp_path / "now.tsv")
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "40 more cases or files"
    assert data_differences(tmp_path / "now.tsv", tmp_path / "now.tsv") == []


def test_another_device_is_said():
    cpu, gpu = {"gpu": "CPU"}, {"gpu": "NVIDIA A100"}
    assert device_differences(cpu, cpu) == []
    assert device_differences(gpu, cpu) == ["trained on NVIDIA A100 then, on CPU now"]


def test_other_weights_before_a_training_are_said(tmp_path):
    started = {"name": "m", "sha256": "file", "known": False, "scans": {}}
    teacher = {"name": "large", "says": "s", "known": True, "scans": {}, "weights_sha256": "large"}
    for fold, before in enumerate(
        (
            {"started_from": {**started, "weights_sha256": "weights"}},
            {"started_from": started},
            {"taught_by": teacher},
            {},
        )
    ):
        record = config_of("a1", "a", "w") | before
        write_yaml(tmp_path / "tuned" / f"fold-{fold}" / "config.yaml", record)

    def differences(*then: dict[str, str]) -> list[str]:
        folds = {f"tuned/fold-{fold}": before for fold, before in enumerate(then)}
        return list(start_differences(folds, tmp_path))

    file, large = {"started_from": "file"}, {"taught_by": "large"}
    assert differences() == differences({"started_from": "weights"}, file, large, {}) == []
    assert differences(file) == [], "its record was not there then"
    other = {"started_from": "other", "taught_by": "small"}
    assert differences(other, other, other, other) == [
        "tuned/fold-0 started from other weights (other then, weights now)",
        "tuned/fold-1 started from other weights (other then, file now)",
        "tuned/fold-2 learnt from other weights (small then, large now)",
    ]
