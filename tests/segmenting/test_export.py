"""Exported models segment as those of Keras do, without Keras."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import slicewise
from slicewise.cli import main
from slicewise.config import Postprocessing
from slicewise.dataset.describe import fingerprint
from slicewise.dataset.ensembles import EnsembleRecord, Weights, write_ensemble
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_json
from slicewise.network.model import weights_digest
from slicewise.segmenting.described import described
from slicewise.segmenting.export import export
from slicewise.segmenting.models import choose
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.volume import Volume
from tests.inference.test_predict import finished
from tests.segmenting.made import calibration, ct, experiment, segmented, stored, with_calibrations

SHARE = 1e-5
"""Of voxels whose mask may differ: those whose probability is within rounding of the threshold."""

CARDS: dict[str, dict[str, Any]] = {
    "one": {},
    "views": {"inference": {"flip": "both", "shift": 2, "planes": ["axial", "sagittal"]}},
    "tilted": {"inference": {"tilt": 20.0}},
    "context": {"context": {"slices": 3, "mm": 3.0}},
    "spacing": {"recipe": {"size": 24, "spacing": 1.1}},
    "whole": {"recipe": {"plane": "coronal", "every": 2}},
    "regions": {"regions": {"all": [1, 2], "core": [2]}},
    "after": {"postprocessing": {"largest_component": True, "fill_holes": True}},
}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_masks_are_equal(tmp_path: Path, card: dict[str, Any]) -> None:
    model = finished(2, 3, **card)
    model.save(tmp_path / "m.keras")
    (path,) = export(choose(str(tmp_path / "m.keras")), tmp_path / "m.onnx")
    large = np.concatenate([ct(seed).array for seed in range(8)], axis=2)
    image = Volume(large, ct(1, 2).affine)
    both = [
        slicewise.segment(image.array, str(name), affine=image.affine)
        for name in (tmp_path / "m.keras", path)
    ]
    theirs, ours = (one.mask for one in both)
    assert len(np.unique(theirs)) > 1
    assert np.count_nonzero(theirs != ours) <= SHARE * theirs.size
    assert [flag.kind for flag in both[0].flags] == [flag.kind for flag in both[1].flags]


def test_folds_are_a_folder_that_has_all_of_them(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "results" / "tiny" / "x", (3, 4))
    whole = choose(str(folder))
    with pytest.raises(SlicewiseError, match=r"m\.onnx: .*has 2 models, a file each; name a fold"):
        export(whole, tmp_path / "m.onnx")
    paths = export(whole, tmp_path / "out")
    assert [path.name for path in paths] == ["fold-0.onnx", "fold-1.onnx"]
    chosen = choose(str(tmp_path / "out"))
    assert chosen.card == whole.card and chosen.title.endswith("/out")
    assert chosen.weights == [sha256(path) for path in paths]
    image = ct(1)
    wanted, got = (
        slicewise.segment(image.array, one, affine=image.affine).mask for one in (whole, chosen)
    )
    np.testing.assert_array_equal(got, wanted)
    # one alone is named as such, and a folder that lacks one is refused
    assert len(choose(str(paths[1])).models) == 1
    moved = tmp_path / "moved"
    moved.mkdir()
    paths[1].rename(moved / "fold-1.onnx")
    with pytest.raises(SlicewiseError, match="not all those, and only those, that were exported"):
        choose(str(tmp_path / "out"))
    (other,) = export(choose(str(folder / "fold-1")), tmp_path / "out" / "other.onnx")
    assert other.is_file()
    with pytest.raises(SlicewiseError, match="not all those, and only those, that were exported"):
        choose(str(tmp_path / "out"))


def test_what_to_expect_of_masks_is_in_the_file(tmp_path: Path) -> None:
    folder = with_calibrations(experiment(tmp_path / "results" / "tiny" / "x", (3, 4)))
    whole = choose(str(folder))
    paths = export(whole, tmp_path / "out")
    chosen = choose(str(tmp_path / "out"))
    assert chosen.calibrations == whole.calibrations
    assert chosen.calibration_digest == whole.calibration_digest != ""
    alone = choose(str(paths[0]))
    assert alone.calibrations == whole.calibrations[:1]
    image = ct(1)
    told = [
        slicewise.segment(image.array, one, affine=image.affine).found for one in (whole, chosen)
    ]
    for theirs, ours in zip(*told, strict=True):
        assert theirs.expected_dice == pytest.approx(ours.expected_dice, abs=1e-4)
    assert told[0][0].expected_dice is not None
    assert "held out of the training" in described(chosen)


def test_nothing_is_replaced_and_what_is_no_name_is_refused(tmp_path: Path) -> None:
    finished(2).save(tmp_path / "m.keras")
    chosen = choose(str(tmp_path / "m.keras"))
    with pytest.raises(SlicewiseError, match=r"m\.keras: it is there already; name one"):
        export(chosen, tmp_path / "m.keras")
    with pytest.raises(SlicewiseError, match=r"m\.zip: a file of this kind ends with \.onnx"):
        export(chosen, tmp_path / "m.zip")
    export(chosen, tmp_path / "m.onnx")
    with pytest.raises(SlicewiseError, match=r"m\.onnx: it is ONNX already"):
        export(choose(str(tmp_path / "m.onnx")), tmp_path / "n.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "m.onnx"]


WITHOUT = """
import sys

absent = set(sys.argv[1].split(","))
tried = set()

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            tried.add(name.split(".")[0])
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

from slicewise.cli import main
status = main(sys.argv[2:])
named = ("tensorflow", "keras", "jax", "torch", "onnx", "mlflow", "snakemake", "sklearn")
print([name for name in named if name in tried or name in sys.modules])
sys.exit(status)
"""


def brought(extra: str) -> set[str]:
    """Return the distributions that an extra of slicewise installs, with what they need."""
    found: set[str] = set()
    asked = [("slicewise", extra)]
    while asked:
        name, own = asked.pop()
        for text in requires(name) or []:
            needed = Requirement(text)
            here = needed.marker is None or needed.marker.evaluate({"extra": own})
            if here and canonicalize_name(needed.name) not in found:
                found.add(canonicalize_name(needed.name))
                asked += [(needed.name, also) for also in ("", *needed.extras)]
    return found


def without_keras(*arguments: object) -> str:
    """Run the command with nothing but what ``slicewise[light]`` brings."""
    there = brought("light")
    absent = [
        module
        for module, owners in packages_distributions().items()
        if not there & {canonicalize_name(owner) for owner in owners} and module != "slicewise"
    ]
    assert {"tensorflow", "keras", "jax", "onnx", "mlflow", "snakemake", "matplotlib"} <= {*absent}
    command = [sys.executable, "-c", WITHOUT, ",".join(absent), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]", "of these none is to be imported"
    return done.stdout


def test_the_command_runs_without_keras(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = experiment(tmp_path / "results" / "tiny" / "x", (3,))
    dice = {"mean": 0.9, "ci_low": 0.8, "ci_high": 0.95, "n": 7}
    write_json(folder / "summary.json", {"test": {"mean": {"dice": dice}}})
    target = tmp_path / "m.onnx"
    assert main(["export", str(folder), "--output", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    shutil.copytree(folder, tmp_path / "kept")
    shutil.rmtree(folder)
    said = without_keras("inspect", target)
    assert "0.900 [95 % interval 0.800 to 0.950] over 7 test patients" in said
    assert "1 case of 1 patient" in said
    assert f"{sha256(target)[:16]}" in said
    assert f"{weights_digest(finished(2, 3))[:16]}, exported as ONNX" in said
    scan = stored(tmp_path / "a.nii.gz", ct(1, 2))
    without_keras("segment", scan, "--model", target, "--output", tmp_path / "new")
    _, output = segmented([scan], tmp_path / "kept", tmp_path / "keras")
    ours, theirs = (
        read_nifti(place)[0].array
        for place in (tmp_path / "new" / "masks" / "a.nii.gz", output.mask("a"))
    )
    np.testing.assert_array_equal(ours, theirs)
    # and the mask says that it is of this file
    record = json.loads((tmp_path / "new" / "_scans" / "a.json").read_text())
    assert record["mask_sha256"] == sha256(tmp_path / "new" / "masks" / "a.nii.gz")


def test_one_fold_takes_no_dice_of_all_along(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "x")
    dice = {"mean": 0.9123, "ci_low": 0.85, "ci_high": 0.95, "n": 7}
    write_json(folder / "summary.json", {"test": {"mean": {"dice": dice}}})
    (path,) = export(choose(str(folder / "fold-1")), tmp_path / "one.onnx")
    assert choose(str(path)).told["test Dice"] == "not scored alone; that of all 2 folds is another"
    assert str(tmp_path) not in path.read_bytes().decode(errors="ignore"), "others are given it"
    assert "0.912" not in described(choose(str(path)))
    export(choose(str(folder)), tmp_path / "both")
    assert choose(str(tmp_path / "both")).told["test Dice"].startswith("0.912")


def test_an_ensemble_is_a_folder_that_segments_without_keras(tmp_path: Path) -> None:
    place = tmp_path / "results" / "tiny"
    seeds = {"axial": (3, 4), "planes": (5, 6)}
    views: dict[str, dict[str, Any]] = {"planes": {"inference": {"planes": ["axial", "coronal"]}}}
    for member, own in seeds.items():
        experiment(place / member, own, **views.get(member, {}))
    models = {
        member: [weights_digest(finished(2, seed, **views.get(member, {}))) for seed in own]
        for member, own in seeds.items()
    }
    shares = {"axial": 0.3, "planes": 0.7}
    weights = Weights(
        members=models,
        weights=shares,
        fitted=True,
        because="they were",
        patients=4,
        dice=dict.fromkeys(shares, 0.5),
        equal_dice=0.5,
        weighted_dice=0.6,
        scans=[[], ["f" * 64], [fingerprint(ct(1, 2))], []],
    )
    after = Postprocessing().model_dump()
    (place / "both").mkdir()
    write_ensemble(place / "both" / "ensemble.json", weights, after)
    record = EnsembleRecord.read(place / "both" / "ensemble.json")
    for fold in range(2):
        told = calibration(record.tried(fold)).model_dump()
        write_json(place / "both" / f"fold-{fold}" / "calibration.json", told)
    whole = choose(str(place / "both"))
    assert len(whole.calibrations) == 2 and whole.expectation is not None
    with pytest.raises(SlicewiseError, match=r"4 models, a file each; .* export one member"):
        export(whole, tmp_path / "m.onnx")
    light = tmp_path / "light"
    files = [str(path.relative_to(light)) for path in export(whole, light)]
    assert files[:5] == [
        *("axial-fold-0.onnx", "axial-fold-1.onnx", "planes-fold-0.onnx", "planes-fold-1.onnx"),
        "ensemble.json",
    ]
    assert [Path(name).parent.name for name in files[5:]] == ["calibration"] * 2
    assert choose(str(light)).calibration_digest == whole.calibration_digest
    scan = stored(tmp_path / "a.nii.gz", ct(1, 2))
    without_keras("segment", scan, "--model", light, "--output", tmp_path / "new")
    _, output = segmented([scan], whole, tmp_path / "keras")
    ours, theirs = (
        read_nifti(path)[0].array
        for path in (tmp_path / "new" / "masks" / "a.nii.gz", output.mask("a"))
    )
    assert len(np.unique(theirs)) > 1
    assert np.count_nonzero(theirs != ours) <= SHARE * theirs.size
    # it knows again whom it was trained on, as one from MLflow does, where no record lies beside it
    flags = pd.read_csv(tmp_path / "new" / "volumes.tsv", sep="\t")["flags"]
    assert "1 of 4 models was trained on this scan, so" in flags[0]
    said = without_keras("inspect", light)
    assert "axial 0.30, planes 0.70" in said
    # models in the wrong place are others than the weights are of
    (light / "axial-fold-0.onnx").rename(light / "x")
    (light / "axial-fold-1.onnx").rename(light / "axial-fold-0.onnx")
    (light / "x").rename(light / "axial-fold-1.onnx")
    with pytest.raises(SlicewiseError, match="its weights are of other models"):
        choose(str(light))
    (light / "axial-fold-1.onnx").unlink()
    with pytest.raises(SlicewiseError, match=r"axial-fold-1\.onnx: this model of the ensemble"):
        choose(str(light))
