"""The model as MLflow calls it: rows in, masks and millilitres out, and nothing overwritten."""

from __future__ import annotations

import base64
import threading
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from slicewise.config import Network
from slicewise.errors import SlicewiseError
from slicewise.inference import serving as serve
from slicewise.inference.predict import Request, predict_cases, predict_volume
from slicewise.inference.serving import Segmenter, _load_pyfunc
from slicewise.network.model import finished_model
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.volume import Volume
from tests.discs import card_with
from tests.inference.test_predict import TURNS, finished
from tests.inference.test_unlike import card, patient
from tests.segmenting import made
from tests.segmenting.made import ct


@pytest.fixture(scope="module")
def model() -> Any:
    return finished(2)


@pytest.fixture(scope="module")
def segmenter(model: Any) -> Segmenter:
    return Segmenter([model])


def stored(path: Path, image: Volume) -> str:
    """Store an image; return its place as rows name it."""
    return str(made.stored(path, image))


def place(path: str | Path) -> list[Any]:
    image = sitk.ReadImage(str(path))
    return [image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()]


# -- what comes out --------------------------------------------------------------


@pytest.mark.parametrize("turn", range(len(TURNS)))
def test_files_and_arrays_of_any_orientation(
    tmp_path: Path, model: Any, segmenter: Segmenter, turn: int
) -> None:
    image = ct(1, turn)
    wanted = predict_volume([model], image)
    assert {5, 6} <= set(np.unique(wanted))
    path, mask = stored(tmp_path / "ct.nii.gz", image), str(tmp_path / "new" / "mask.nii.gz")
    rows = [
        {"image": path, "mask": mask},
        {"image": path},
        {"image": image.array, "affine": image.affine},
        # as nibabel gives it, and as JSON does
        {"image": nib.load(path).get_fdata(), "affine": nib.load(path).affine.tolist()},
        {"image": image.array.tolist(), "affine": image.affine.tolist()},
    ]
    answer = segmenter.predict(pd.DataFrame(rows))
    assert list(answer.columns) == ["mask", "organ0_ml", "organ1_ml"]
    assert answer["mask"][0] == mask
    np.testing.assert_array_equal(read_nifti(Path(mask))[0].array, wanted)
    assert place(mask) == place(path), "another reader sees both in the same place"
    assert base64.b64decode(answer["mask"][1]) == Path(mask).read_bytes()
    for array in answer["mask"][2:]:
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, wanted)
    for value, column in ((5, "organ0_ml"), (6, "organ1_ml")):
        ml = np.count_nonzero(wanted == value) * 0.7 * 0.9 * 2.5 / 1000
        np.testing.assert_allclose(answer[column], ml)


def test_the_workflow_writes_the_same_bytes(
    tmp_path: Path, model: Any, segmenter: Segmenter
) -> None:
    path = stored(tmp_path / "ct.nii.gz", ct(2, 3))
    list(predict_cases([Request("case", Path(path), tmp_path / "workflow.nii.gz", [model])]))
    segmenter.predict({"image": path, "mask": tmp_path / "served.nii.gz"})
    assert (tmp_path / "served.nii.gz").read_bytes() == (tmp_path / "workflow.nii.gz").read_bytes()


def test_spacing_is_enough_where_axes_run_right_front_and_up(
    model: Any, segmenter: Segmenter
) -> None:
    array = ct(3).array
    spacing = [0.7, 0.9, 2.5]
    wanted = predict_volume([model], Volume(array, np.diag([*spacing, 1.0])))
    answer = segmenter.predict([{"image": array, "spacing": spacing}])
    np.testing.assert_array_equal(answer["mask"][0], wanted)
    # where both are given the affine counts: here the patient lies the other way round
    affine = np.diag([-0.7, -0.9, 2.5, 1.0])
    turned = predict_volume([model], Volume(array, affine))
    answer = segmenter.predict([{"image": array, "spacing": spacing, "affine": affine}])
    np.testing.assert_array_equal(answer["mask"][0], turned)
    assert (turned != wanted).any()


def test_several_models_give_their_mean(tmp_path: Path) -> None:
    folds = {10: finished(2, seed=4), 2: finished(2, seed=7), 0: finished(2, seed=9)}
    for fold, model in folds.items():
        model.save(tmp_path / f"fold-{fold}.keras")
    together = _load_pyfunc(str(tmp_path))
    image = ct(4)
    (mask,) = together.predict([{"image": image.array, "affine": image.affine}])["mask"]
    wanted = predict_volume([folds[fold] for fold in (0, 2, 10)], image)
    np.testing.assert_array_equal(mask, wanted)
    for model in folds.values():
        assert (mask != predict_volume([model], image)).any()
    alone = _load_pyfunc(str(tmp_path / "fold-2.keras"))
    (mask,) = alone.predict([{"image": image.array, "affine": image.affine}])["mask"]
    np.testing.assert_array_equal(mask, predict_volume([folds[2]], image))


def test_folds_are_added_up_in_the_workflows_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(serve, "load_model", lambda path: loaded.append(path.stem) or model)
    for fold in (10, 2, 0, 11, 1):
        (tmp_path / f"fold-{fold}.keras").touch()
    _load_pyfunc(str(tmp_path))
    assert loaded == ["fold-0", "fold-1", "fold-2", "fold-10", "fold-11"]


def test_rows_keep_their_index(tmp_path: Path, segmenter: Segmenter) -> None:
    paths = [stored(tmp_path / f"{k}.nii", ct(k)) for k in range(2)]
    table = pd.DataFrame(
        {"image": paths, "mask": [None, str(tmp_path / "m.nii")], "spacing": np.nan},
        index=["anna", "bert"],
    )
    answer = segmenter.predict(table)
    assert list(answer.index) == ["anna", "bert"]
    assert answer["mask"]["bert"] == str(tmp_path / "m.nii")
    nothing = segmenter.predict(table[:0])
    assert list(nothing.columns) == list(answer.columns)
    assert len(nothing) == 0


def test_requests_of_a_server_wait_for_one_another(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[int] = []
    most: list[int] = []

    def slow(_: Any, image: Volume) -> np.ndarray:
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.05)
        at_work.pop()
        return np.zeros(image.array.shape, np.uint8)

    monkeypatch.setattr(serve, "predict_volume", slow)
    row = {"image": ct(1).array, "affine": np.eye(4)}
    threads = [threading.Thread(target=segmenter.predict, args=([row],)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1]


# -- what is refused -------------------------------------------------------------


ARRAY = ct(1).array
REFUSED = {
    "neither a path nor a 3-D array": [
        {},
        {"image": None},
        {"image": 7},
        {"image": [["a"]]},
        {"image": [[[1, 2], [3]]], "spacing": [1, 1, 1]},
        {"image": ARRAY[0], "spacing": [1, 1, 1]},
        {"image": ARRAY + 1j, "spacing": [1, 1, 1]},
    ],
    "nothing says how large its voxels are": [
        {"image": ARRAY},
        {"image": ARRAY, "spacing": np.nan, "affine": None},
    ],
    "its spacing is not three positive numbers": [
        {"image": ARRAY, "spacing": spacing}
        for spacing in (1.0, [1, 1], [1, 0, 1], [1, -1, 1], [1, np.nan, 1], "1 1 1", [[1, 1, 1]])
    ],
    "its affine is no regular 4 × 4 matrix": [
        {"image": ARRAY, "affine": affine}
        for affine in (
            np.eye(3),
            np.diag([1, 1, 0, 1]),
            np.diag([1, 1, 1, 2]),
            np.diag([1, np.inf, 1, 1]),
            "RAS",
        )
    ],
    "its mask comes back as one": [{"image": ARRAY, "spacing": [1, 1, 1], "mask": "m.nii"}],
    "there is no such file where the model runs": [{"image": "missing.nii"}, {"image": "."}],
    "a file knows where its voxels lie": [
        {"image": "ct.nii", "spacing": [1, 1, 1]},
        {"image": "ct.nii", "affine": np.eye(4)},
    ],
    r"end it in \.nii or \.nii\.gz": [{"image": "ct.nii", "mask": "mask.png"}],
    "would overwrite an image": [
        {"image": "ct.nii", "mask": "ct.nii"},
        {"image": "ct.nii", "mask": "folder/../ct.nii"},
        {"image": "ct.nii", "mask": "link.nii"},
        {"image": "link.nii", "mask": "ct.nii"},
    ],
    "the mask cannot be written": [{"image": "ct.nii", "mask": "text.nii/mask.nii"}],
    "this is no NIfTI image": [{"image": "text.nii"}],
    "less than 1 % of the voxels are soft tissue": [{"image": "dense.nii"}],
    "3458 of 3458 voxels are not finite": [{"image": ARRAY * np.nan, "spacing": [1, 1, 1]}],
    "there is no column 'masks'": [{"image": "ct.nii", "masks": "m.nii"}],
    "this is no mapping": ["ct.nii"],
}


@pytest.mark.parametrize("says", REFUSED)
def test_refusals_are_one_sentence(
    tmp_path: Path, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    stored(tmp_path / "ct.nii", ct(1))
    dense = ct(1)
    dense.array[:] = np.where(dense.array == -1000, -1000, 3000)
    stored(tmp_path / "dense.nii", dense)
    (tmp_path / "text.nii").write_text("no image" * 100)
    (tmp_path / "link.nii").symlink_to("ct.nii")
    (tmp_path / "folder").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.glob("*.nii")}
    for row in REFUSED[says]:
        with pytest.raises(SlicewiseError, match=says) as caught:
            segmenter.predict([row], {"overwrite": True})
        said = str(caught.value)
        assert "\n" not in said
        assert "; " in said, "says what to do"
        assert "dataset." not in said, "a finished model has no settings"
    assert {path: path.read_bytes() for path in tmp_path.glob("*.nii")} == before


def test_a_file_is_replaced_only_where_that_is_wanted(tmp_path: Path, segmenter: Segmenter) -> None:
    path, mask = stored(tmp_path / "ct.nii", ct(1)), tmp_path / "mask.nii.gz"
    mask.write_text("of last week")
    row = {"image": path, "mask": str(mask)}
    for params in (None, {}, {"overwrite": False}):
        with pytest.raises(SlicewiseError, match=r"mask\.nii\.gz: there is such a file already"):
            segmenter.predict([row], params)
    assert mask.read_text() == "of last week"
    segmenter.predict([row], {"overwrite": True})
    assert place(mask) == place(path)


def test_a_mistake_in_the_last_row_is_found_first(tmp_path: Path, segmenter: Segmenter) -> None:
    one, two = (stored(tmp_path / f"{k}.nii", ct(k)) for k in range(2))
    mask = str(tmp_path / "mask.nii")
    for last, says in (
        ({"image": two, "mask": one}, "would overwrite an image"),
        ({"image": two, "mask": mask}, "two masks have this path"),
        ({"image": str(tmp_path / "3.nii")}, "there is no such file"),
    ):
        with pytest.raises(SlicewiseError, match=says):
            segmenter.predict([{"image": one, "mask": mask}, last], {"overwrite": True})
        assert not Path(mask).exists()


def test_models_that_do_not_belong_together(tmp_path: Path) -> None:
    others = {
        "labels": finished(3),
        "intensity": finished(2, intensity="clipped_hu"),
        "context": finished(2, context={"slices": 3, "mm": 2.0}),
    }
    for key, other in others.items():
        with pytest.raises(SlicewiseError, match=f"the models differ in {key}"):
            Segmenter([finished(2), other])
    with pytest.raises(SlicewiseError, match="there is no model"):
        _load_pyfunc(str(tmp_path))


def test_ct_that_is_stored_with_1024_added(tmp_path: Path, segmenter: Segmenter) -> None:
    image = ct(1)
    plain = segmenter.predict([{"image": image.array, "affine": image.affine}])
    above = (image.array + 1024).astype(np.int16)
    path = stored(tmp_path / "ct.nii", Volume(above, image.affine))
    for row in ({"image": path}, {"image": above, "affine": image.affine}):
        with pytest.raises(SlicewiseError, match="set the parameter offset to -1024") as caught:
            segmenter.predict([row])
        assert "dataset." not in str(caught.value)
    row = {"image": path, "mask": str(tmp_path / "mask.nii.gz")}
    given = segmenter.predict([row], {"offset": -1024})
    np.testing.assert_array_equal(read_nifti(Path(row["mask"]))[0].array, plain["mask"][0])
    assert given["organ0_ml"][0] == pytest.approx(plain["organ0_ml"][0])


def test_a_file_that_has_lost_its_geometry(tmp_path: Path, segmenter: Segmenter) -> None:
    image = ct(1)
    path = stored(tmp_path / "ct.nii", Volume(image.array, np.eye(4)))
    with pytest.raises(SlicewiseError, match="add the column spacing"):
        segmenter.predict([{"image": path}])
    with pytest.raises(SlicewiseError, match="not three positive numbers"):
        segmenter.predict([{"image": path, "spacing": [1, 2]}])
    row = {"image": path, "spacing": [0.8, 0.8, 2.5], "mask": str(tmp_path / "mask.nii")}
    given = segmenter.predict([row])
    array = segmenter.predict([{"image": image.array, "spacing": [0.8, 0.8, 2.5]}])
    assert given["organ0_ml"][0] == pytest.approx(array["organ0_ml"][0])
    assert given["organ0_ml"][0] > 0
    assert place(row["mask"])[1:] == place(path)[1:]


@pytest.mark.parametrize("missing", ["refuse", "zero"])
def test_channels_are_a_4d_file_an_array_or_a_file_each(tmp_path: Path, missing: str) -> None:
    def refused(predict: Any, rows: Any) -> str:
        with pytest.raises(SlicewiseError) as caught:
            predict(rows)
        return str(caught.value)

    card = card_with(channels=["a", "b"], missing_channels=missing)
    unet = build_unet(Network(filters=[4, 8]), 1, channels=card.depth)
    model = finished_model(Preprocess([-100, 0], [200, 90], [20, 5], [50, 9], card), unet)
    segmenter = Segmenter([model])
    first = ct(1)
    second = Volume(ct(2).array, first.affine)
    both = Volume(np.stack([first.array, second.array], axis=-1), first.affine)
    paths = {"a": stored(tmp_path / "a.nii.gz", first), "b": stored(tmp_path / "b.nii.gz", second)}
    rows = [
        {"image": both.array, "affine": first.affine},
        {"image": stored(tmp_path / "both.nii.gz", both), "mask": str(tmp_path / "m1.nii.gz")},
        {"image": paths, "mask": str(tmp_path / "m2.nii.gz")},
    ]
    answer = segmenter.predict(rows)
    array = answer["mask"][0]
    for number in (1, 2):
        mask, _ = read_nifti(tmp_path / f"m{number}.nii.gz")
        np.testing.assert_array_equal(mask.array, array)
        np.testing.assert_allclose(mask.affine, first.affine, atol=1e-4)
    assert answer["liver_ml"].round(4).nunique() == 1
    said = refused(segmenter.predict, [{"image": paths, "mask": paths["b"]}])
    assert "would overwrite an image" in said
    alone = {"image": {"b": paths["b"]}}
    if missing == "refuse":
        assert "takes a, b, and not b" in refused(segmenter.predict, [alone])
    else:
        assert len(segmenter.predict([alone])) == 1
    assert "takes a, b, and not a, c" in refused(
        segmenter.predict, [{"image": {"a": paths["a"], "c": paths["b"]}}]
    )
    assert "has 2 of them" in refused(segmenter.predict, [{"image": paths["a"]}])
    one = Segmenter([finished(1)])
    assert "takes one channel" in refused(one.predict, [{"image": paths}])
    assert "3-D array" in refused(one.predict, [rows[0]])


def test_millilitres_are_those_of_regions(tmp_path: Path) -> None:
    regions = {"all": [1, 2], "inner": [2]}
    model = finished(2, regions=regions)
    image = ct(1)
    answer = Segmenter([model]).predict([{"image": image.array, "affine": image.affine}])
    assert list(answer.columns) == ["mask", "all_ml", "inner_ml"]
    mask = predict_volume([model], image)
    assert answer["all_ml"][0] == pytest.approx(np.count_nonzero(mask) * image.voxel_ml)
    assert answer["inner_ml"][0] == pytest.approx((mask == 6).sum() * image.voxel_ml)
    assert answer["inner_ml"][0] > 0


def test_what_is_unlike_training_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    of_ct = Segmenter([finished(1, ranges=card(3).ranges.model_dump())])
    of_mr = card(3, "arbitrary").ranges.model_dump()
    image, _ = patient(9)
    half = Volume(image.array[:24], image.affine)
    of_ct.predict([{"image": image.array, "affine": image.affine}])
    # TensorFlow may say something of its own
    assert not [one for one in caplog.records if one.name.startswith("slicewise")]
    path = stored(tmp_path / "half.nii.gz", half)
    of_ct.predict([{"image": path}])
    assert any(said.startswith(f"{path}: It covers ") for said in caplog.messages)
    with pytest.raises(SlicewiseError, match="Hounsfield units of a CT, and the model was"):
        Segmenter([finished(1, intensity="arbitrary", ranges=of_mr)]).predict([{"image": path}])
