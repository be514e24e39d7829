"""From volumes to masks: any grid, several models, views and planes, many cases at a time."""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.config import Context, Network, Postprocessing, Recipe
from slicewise.errors import SlicewiseError
from slicewise.inference import assembled
from slicewise.inference.assembled import cuts_of
from slicewise.inference.postprocessing import postprocess
from slicewise.inference.predict import Request, predict_cases, predict_volume
from slicewise.network.card import ModelCard, model_card
from slicewise.network.depth import Depth
from slicewise.network.model import finished_model, load_model
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.slices.extract import SliceSource
from slicewise.volumes import write
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.volume import Volume, from_canonical
from slicewise.volumes.write import write_nifti
from tests.discs import CARD, card_with, disc_volume

RANDOM = np.random.default_rng(0)
# World axis and direction of each array axis: RAS, LPS, and with axes swapped.
TURNS = [
    np.eye(3),
    np.diag([-1.0, -1.0, 1.0]),
    np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]),
    np.array([[0.0, -1, 0], [0, 0, -1], [-1, 0, 0]]),
]


MADE: dict[str, keras.Model] = {}


def finished(labels: int = 1, seed: int = 3, **card: Any) -> keras.Model:
    """Return the model of a seed and a card: one for all tests of a process, not to be changed."""
    key = repr((labels, seed, card))
    if key not in MADE:
        MADE[key] = built(labels, seed, **card)
    return MADE[key]


def built(labels: int = 1, seed: int = 3, **card: Any) -> keras.Model:
    """Build that model."""
    names = [f"organ{i}" for i in range(labels)]
    own = {"labels": names, "values": {n: [5 + i, 90 + i] for i, n in enumerate(names)}}
    given = card_with(**{**own, **card})
    keras.utils.set_random_seed(seed)
    unet = build_unet(
        Network(filters=[4, 8]),
        labels,
        channels=given.context.slices,
        outputs=len(given.regions) or None,
        depth=Depth(given.context.slices) if given.context.block else None,
    )
    return finished_model(Preprocess(-100.0, 200.0, 20.0, 50.0, given), unet)


def phantom(seed: int, shape: tuple[int, int, int] = (19, 26, 7)) -> Volume:
    """Return smooth noise on an uneven grid, so that a mask has borders everywhere."""
    coarse = np.random.default_rng(seed).normal(40, 90, [n // 3 + 2 for n in shape])
    fine = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)[tuple(slice(n) for n in shape)]
    return Volume(fine.round().astype(np.int16), np.diag([0.8, 0.8, 2.5, 1.0]))


def probabilities(model: keras.Model, image: Volume, plane: str = "axial") -> np.ndarray:
    """Return what a model says of a RAS+ volume cut in a plane, on the volume's grid."""
    card = model_card(model)
    recipe = card.recipe.model_copy(update={"plane": plane})
    source = SliceSource(image, recipe, card.intensity)
    slices = source.around(np.arange(len(source)), card.context)
    native = source.grid.enlarge(model.predict_on_batch(slices))
    return np.moveaxis(native, 0, {"axial": 2, "coronal": 1, "sagittal": 0}[plane])


def mostly(got: np.ndarray, mean: np.ndarray, threshold: float = 0.5) -> None:
    """Compare a mask with mean probabilities, but for voxels within rounding of the threshold."""
    clear = np.abs(mean[..., 0] - threshold) > 1e-5
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(got[clear], 5 * (mean[..., 0] > threshold)[clear])
    assert 0.02 < np.mean(got > 0) < 0.98


# -- one volume ------------------------------------------------------------------


def test_prediction_does_not_depend_on_batch() -> None:
    model = finished()
    image, _ = disc_volume(1, slices=7)
    mask = predict_volume([model], image, batch=3)
    assert mask.shape == image.array.shape
    assert set(np.unique(mask)) <= {0, 5}
    assert 0 < np.count_nonzero(mask) < mask.size
    np.testing.assert_array_equal(mask, predict_volume([model], image, batch=7))


@pytest.mark.parametrize("size", [16, 64, None])
def test_mask_lies_on_the_grid_of_any_image(size: int | None) -> None:
    model = finished(recipe=Recipe(size=size).model_dump())
    image = phantom(1)
    mask = predict_volume([model], image, 4)
    mostly(mask, probabilities(model, image))
    for turn in TURNS:  # the same patient, stored in another order
        affine = np.eye(4)
        affine[:3, :3] = turn @ np.diag(np.abs(turn.T @ [0.8, 0.8, 2.5]))
        stored = Volume(from_canonical(image.array, affine), affine)
        turned = predict_volume([model], stored, 4)
        assert turned.shape == stored.array.shape
        np.testing.assert_array_equal(Volume(turned, affine).canonical().array, mask)


def test_of_several_labels_the_likeliest_wins() -> None:
    model = finished(3)
    image = phantom(2)
    mask = predict_volume([model], image, 4)
    likely = probabilities(model, image)
    best, second = np.sort(likely, axis=-1)[..., -1], np.sort(likely, axis=-1)[..., -2]
    clear = best - second > 1e-5
    wanted = np.array([0, 5, 6, 7])[likely.argmax(-1)]
    np.testing.assert_array_equal(mask[clear], wanted[clear])
    assert len(np.unique(mask)) >= 3


def test_ensemble_is_the_mean_probability() -> None:
    models = [finished(seed=seed) for seed in (3, 4, 5)]
    image = phantom(3)
    each = [probabilities(model, image) for model in models]
    mask = predict_volume(models, image, 4)
    mostly(mask, np.mean(each, axis=0))
    votes = np.sum([p[..., 0] > 0.5 for p in each], axis=0) > 1
    assert (votes != (mask > 0)).any()


def test_a_mirrored_patient_gets_a_mirrored_mask() -> None:
    image = phantom(4)
    mirrored = Volume(image.array[::-1], image.affine)
    for flip, same in (("none", False), ("one", True), ("both", True)):
        model = finished(
            inference={"flip": flip, "shift": 0, "planes": []}, recipe=Recipe().model_dump()
        )
        one, two = (predict_volume([model], volume, 4) for volume in (image, mirrored))
        assert np.array_equal(one, two[::-1]) == same
    upside_down = Volume(image.array[:, ::-1], image.affine)
    np.testing.assert_array_equal(one, predict_volume([model], upside_down, 4)[:, ::-1])


def test_planes_are_averaged_on_the_volumes_grid() -> None:
    planes = ["axial", "coronal", "sagittal"]
    recipe = Recipe(size=16).model_dump()
    image = phantom(5, (25, 18, 21))
    plain = finished(recipe=recipe)
    each = {plane: probabilities(plain, image, plane) for plane in planes}
    for chosen in (planes, ["sagittal"]):  # all, and one that is not the recipe's
        mean = np.mean([each[plane] for plane in chosen], axis=0)
        after = {**CARD.postprocessing.model_dump(), "threshold": float(np.median(mean))}
        inference = {"flip": "none", "shift": 0, "planes": chosen}
        model = finished(inference=inference, recipe=recipe, postprocessing=after)
        mostly(predict_volume([model], image, 4), mean, after["threshold"])


def test_context_and_threshold() -> None:
    after = {"threshold": 0.4, "largest_component": False, "fill_holes": False}
    model = finished(context={"slices": 3, "mm": 1.5}, postprocessing=after)
    assert model.input_shape[-1] == 3
    image = phantom(6)
    likely = probabilities(model, image)[..., 0]
    clear = np.abs(likely - 0.4) > 1e-5
    mask = predict_volume([model], image, 3)
    np.testing.assert_array_equal((mask > 0)[clear], (likely > 0.4)[clear])
    assert 0 < np.count_nonzero(mask) < mask.size


def test_a_block_larger_than_the_volume_is_predicted_on_the_volumes_grid() -> None:
    model = finished(context={"slices": 12, "mm": 2.5, "block": True})
    image = phantom(6)
    source = SliceSource(image, CARD.recipe, "hu")
    block = source.around(np.array([0]), model_card(model).context)
    # 7 slices in the middle of 12, with air around
    assert (block[..., :2] == -1024).all() and (block[..., 9:] == -1024).all()
    likely = np.moveaxis(model.predict_on_batch(block)[0], 2, 0)[2:9]
    mask = predict_volume([model], image)
    mostly(mask, np.moveaxis(source.grid.enlarge(likely), 0, 2))
    for turn in TURNS:
        affine = np.eye(4)
        affine[:3, :3] = turn @ np.diag(np.abs(turn.T @ [0.8, 0.8, 2.5]))
        stored = Volume(from_canonical(image.array, affine), affine)
        turned = predict_volume([model], stored)
        np.testing.assert_array_equal(Volume(turned, affine).canonical().array, mask)


class Pointwise:
    """A model that tells each pixel by its own intensity, in slices or in blocks."""

    layers = ()

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        likely = 1 / (1 + np.exp(-(images - 40.5) / 30))
        return likely[..., None] if self.card.context.block else likely


INFERENCES = [
    {"flip": "none", "shift": 0, "planes": []},
    {"flip": "both", "shift": 2, "planes": ["axial", "coronal"]},
]


@pytest.mark.parametrize("inference", INFERENCES, ids=["plain", "views-and-planes"])
@pytest.mark.parametrize("slices", [4, 8, 20])
def test_blocks_say_what_slices_say_where_neighbours_do_not_matter(
    slices: int, inference: dict[str, Any], tmp_path: Path
) -> None:
    """So no slice is lost, moved, or counted twice, whatever is put together in a batch."""
    given = {"recipe": Recipe().model_dump(), "inference": inference}
    alone = Pointwise(card_with(**given))
    blocks = Pointwise(card_with(**given, context=Context(slices=slices, block=True).model_dump()))
    images = [phantom(k, (12 + k // 2, 14, 7 + 4 * k)) for k in range(3)]
    for models in ([blocks], [blocks, blocks]):
        requests = written(tmp_path, images, [models] * 3)
        masks = dict(predict_cases(requests, batch=2 * slices))
        for k, image in enumerate(images):
            wanted = predict_volume([alone], image)
            assert 0.1 < np.mean(wanted > 0) < 0.9
            np.testing.assert_array_equal(predict_volume(models, image), wanted)
            np.testing.assert_array_equal(masks[f"case{k}"], wanted)


@pytest.mark.parametrize("contiguous", [True, False])
def test_postprocessing_comes_last(contiguous: bool) -> None:
    after = {"threshold": 0.5, "largest_component": contiguous, "fill_holes": True}
    image = phantom(7)
    plain = predict_volume([finished(2)], image) // 5 + predict_volume([finished(2)], image) // 6
    wanted = postprocess(plain, ["a", "b"], Postprocessing.model_validate(after), contiguous)
    mask = predict_volume([finished(2, postprocessing=after, contiguous=contiguous)], image)
    np.testing.assert_array_equal(mask, np.array([0, 5, 6])[wanted])
    assert (wanted != plain).any()


# -- many cases ------------------------------------------------------------------


class Counting:
    """A model that notes how many slices it was given."""

    def __init__(self, model: keras.Model) -> None:
        self.layers, self.model, self.sizes = model.layers, model, []
        self.shapes: set[tuple[int, ...]] = set()

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        self.sizes.append(len(images))
        self.shapes.add(images.shape[1:])
        return self.model.predict_on_batch(images)


def written(folder: Path, images: Sequence[Volume], models: Sequence[Any]) -> list[Request]:
    requests = []
    for k, (image, chosen) in enumerate(zip(images, models, strict=True)):
        path = folder / "images" / f"patient{k}.nii.gz"
        write_nifti(path, image)
        requests.append(Request(f"case{k}", path, folder / f"mask{k}.nii.gz", chosen))
    return requests


def test_cases_together_are_as_one_by_one(tmp_path: Path) -> None:
    images = [phantom(k, shape) for k, shape in enumerate([(19, 26, 5), (30, 20, 9), (16, 16, 3)])]
    first, second = Counting(finished()), Counting(finished(seed=4))
    chosen = [[first], [first, second], [first]]
    masks = dict(predict_cases(written(tmp_path, images, chosen), batch=4))
    # those of the same models are taken together: 8 slices, then 9
    assert list(masks) == ["case0", "case2", "case1"]
    assert first.sizes == [4] * 2 + [4] * 3
    assert second.sizes == [4] * 3
    for k, (image, models) in enumerate(zip(images, chosen, strict=True)):
        alone = predict_volume(models, image, batch=4)
        np.testing.assert_array_equal(masks[f"case{k}"], alone)
        stored, _ = read_nifti(tmp_path / f"mask{k}.nii.gz")
        np.testing.assert_array_equal(stored.array, alone)
        np.testing.assert_allclose(stored.affine, image.affine)


def test_cases_of_several_planes_and_of_any_size(tmp_path: Path) -> None:
    inference = {"flip": "one", "shift": 2, "planes": ["axial", "coronal"]}
    model = finished(2, inference=inference, recipe=Recipe().model_dump())
    images = [phantom(k, (12 + k, 14, 6)) for k in range(3)]
    masks = dict(predict_cases(written(tmp_path, images, [[model]] * 3), batch=5))
    for k, image in enumerate(images):
        alone = predict_volume([model], image, batch=5)
        np.testing.assert_array_equal(masks[f"case{k}"], alone)


@pytest.mark.parametrize("spacing", [0.5, 0.8, 1.3])
def test_slices_in_millimetres_come_back_to_the_grid_of_any_image(spacing: float) -> None:
    model = finished(seed=4, recipe={"size": 16, "spacing": spacing, "plane": "acquired"})
    image = phantom(1)
    mask = predict_volume([model], image, 4)
    mostly(mask, probabilities(model, image))
    for turn in TURNS:
        affine = np.eye(4)
        affine[:3, :3] = turn @ np.diag(np.abs(turn.T @ [0.8, 0.8, 2.5]))
        stored = Volume(from_canonical(image.array, affine), affine)
        turned = predict_volume([model], stored, 4)
        np.testing.assert_array_equal(Volume(turned, affine).canonical().array, mask)


def test_whole_slices_of_any_field_of_view_have_few_sizes(tmp_path: Path) -> None:
    """Else the network is compiled for each volume anew, and batches are never full."""
    counting = Counting(finished(recipe={"size": 16, "spacing": 1.0}))
    images = [phantom(k, (60 + 3 * k, 64 + k, 3)) for k in range(5)]
    masks = dict(predict_cases(written(tmp_path, images, [[counting]] * 5), batch=5))
    assert counting.shapes == {(64, 64, 1)}
    assert counting.sizes == [5, 5, 5]
    for k, image in enumerate(images):
        np.testing.assert_array_equal(masks[f"case{k}"], predict_volume([counting], image, 5))


def test_a_lost_geometry_is_refused_where_slices_follow_from_it(tmp_path: Path) -> None:
    """Of test cases nothing is cut before, so nobody has refused them yet."""
    lost = Volume(phantom(0).array, np.eye(4))
    model = finished(recipe={"spacing": 1.0})
    (request,) = written(tmp_path, [lost], [[model]])
    with pytest.raises(SlicewiseError, match=r"patient0\.nii\.gz: .* lost .* dataset\.spacing"):
        list(predict_cases([request]))
    assert not request.mask.exists()
    given = replace(request, spacing=(0.8, 0.8, 2.5))
    (found,) = dict(predict_cases([given])).values()
    np.testing.assert_array_equal(found, predict_volume([model], phantom(0)))


@pytest.mark.parametrize(
    "changed",
    [
        {"context": {"slices": 3, "mm": 2.5}},
        {"recipe": {}, "inference": {"flip": "none", "shift": 0, "planes": [], "tilt": 20.0}},
    ],
    ids=["neighbours", "tilted cuts"],
)
def test_a_lost_geometry_is_refused_where_millimetres_are_gone_by(
    changed: dict[str, Any], tmp_path: Path
) -> None:
    lost = Volume(phantom(0).array, np.eye(4))
    (request,) = written(tmp_path, [lost], [[Pointwise(card_with(**changed))]])
    with pytest.raises(SlicewiseError, match=r"patient0\.nii\.gz: .* lost .* dataset\.spacing"):
        list(predict_cases([request]))


def test_nothing_to_predict() -> None:
    assert list(predict_cases([])) == []


def test_a_damaged_case_is_named_and_the_others_are_whole(tmp_path: Path) -> None:
    requests = written(tmp_path, [phantom(k) for k in range(4)], [[finished()]] * 4)
    requests[2].image.write_bytes(requests[2].image.read_bytes()[:-40])
    before = threading.active_count()
    done = []
    with pytest.raises(SlicewiseError, match=r"patient2\.nii\.gz: the file is cut short"):
        for case, _ in predict_cases(requests, batch=7):
            done.append(case)
    assert done == ["case0", "case1"]
    assert sorted(path.name for path in tmp_path.glob("*mask*")) == [
        "mask0.nii.gz",
        "mask1.nii.gz",
    ]
    assert threading.active_count() == before


def test_a_fault_of_our_own_tells_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(assembled, "source_of", broken)
    with pytest.raises(ZeroDivisionError) as caught:
        list(predict_cases(written(tmp_path, [phantom(1)], [[finished()]])))
    assert caught.value.__notes__ == ["in case case0"]


def test_a_full_disk_leaves_no_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = written(tmp_path, [phantom(1)], [[finished()]])

    class Full:
        def to_stream(self, stream: Any) -> None:
            stream.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write, "_image", lambda *_: Full())
    with pytest.raises(SlicewiseError, match=r"mask0\.nii\.gz: no space left"):
        list(predict_cases(requests))
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_offset_and_spacing_are_those_of_the_data_set(tmp_path: Path) -> None:
    model = finished(context={"slices": 3, "mm": 2.5})
    truth = phantom(3, (19, 26, 9))
    requests = written(tmp_path, [truth, truth], [[model]] * 2)
    # as somebody stored it who keeps 1024 above, and no geometry
    plain = Volume((truth.array + 1024).astype(np.uint16), np.eye(4))
    write_nifti(requests[1].image, plain)
    requests[1] = replace(requests[1], offset=-1024, spacing=[0.8, 0.8, 2.5])
    masks = dict(predict_cases(requests))
    np.testing.assert_array_equal(masks["case0"], masks["case1"])
    assert 0.02 < np.mean(masks["case0"] > 0) < 0.98
    # and it lies where the file says that its image is
    mask, _ = read_nifti(requests[1].mask)
    np.testing.assert_array_equal(mask.affine, np.eye(4))


@pytest.mark.parametrize("unit", ["mm", "meter", "micron"])
def test_a_mask_lies_on_an_image_of_any_unit(tmp_path: Path, unit: str) -> None:
    image = phantom(3)
    affine = np.diag([0.8, 0.8, 2.5, 1.0])
    affine[:3, 3] = (-90, -100, 300)
    factor = {"mm": 1, "meter": 1e-3, "micron": 1e3}[unit]
    file = nib.Nifti1Image(image.array, np.diag([factor] * 3 + [1]) @ affine)
    file.header.set_xyzt_units(unit)
    nib.save(file, tmp_path / "image.nii.gz")
    request = Request("a", tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz", [finished()])
    ((_, mask),) = predict_cases([request])
    np.testing.assert_array_equal(mask, predict_volume([finished()], Volume(image.array, affine)))
    one, two = (nib.load(tmp_path / f"{name}.nii.gz") for name in ("image", "mask"))
    np.testing.assert_array_equal(one.affine, two.affine)
    one, two = (sitk.ReadImage(str(tmp_path / f"{name}.nii.gz")) for name in ("image", "mask"))
    assert (one.GetSpacing(), one.GetOrigin()) == (two.GetSpacing(), two.GetOrigin())
    np.testing.assert_allclose(two.GetSpacing(), (0.8, 0.8, 2.5), rtol=1e-5)


@pytest.mark.parametrize("value", [-2000, 63536])
def test_padding_is_air_as_in_training(value):
    array = phantom(1).array.astype(np.int32)
    array[:5] = -1024
    padded = array.copy()
    padded[:5] = value
    cuts = [cuts_of(Volume(a, np.eye(4)), CARD, "a")[0] for a in (array, padded)]
    one, other = (cut.around(np.arange(7), Context()) for cut in cuts)
    np.testing.assert_array_equal(one, other)


def test_an_image_of_two_channels(tmp_path: Path) -> None:
    """What is predicted from a file is what the network says of both channels."""
    card = card_with(channels=["a", "b"], context=Context(slices=3, mm=4.0))
    keras.utils.set_random_seed(3)
    unet = build_unet(Network(filters=[4, 8]), 1, channels=card.depth)
    model = finished_model(Preprocess([-100, 0], [200, 90], [20, 5], [50, 9], card), unet)
    parts = [phantom(1), phantom(2)]
    affine = np.diag([-0.8, 0.8, 2.5, 1.0])
    both = Volume(np.stack([part.array for part in parts], axis=-1), affine)
    write_nifti(tmp_path / "both.nii.gz", both)
    request = Request("one", tmp_path / "both.nii.gz", tmp_path / "mask.nii.gz", [model])
    ((_, mask),) = predict_cases([request])
    assert mask.shape == parts[0].array.shape
    np.testing.assert_array_equal(mask, predict_volume([model], both))
    written, _ = read_nifti(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(written.array, mask)
    np.testing.assert_allclose(written.affine, affine, atol=1e-6)
    swapped = replace(both, array=both.array[..., ::-1])
    assert np.any(predict_volume([model], swapped) != mask)
    write_nifti(tmp_path / "alone.nii.gz", parts[0])
    lone = replace(request, image=tmp_path / "alone.nii.gz")
    with pytest.raises(SlicewiseError, match="an image of the channels a, b has 2"):
        list(predict_cases([lone]))


@pytest.mark.parametrize("planes", [[], ["axial", "coronal"]])
def test_regions_are_decided_each_and_written_as_labels(planes: list[str]) -> None:
    """By sigmoids that are averaged over planes, one region over the other."""
    regions = {"whole": [1, 2, 3], "core": [2, 3], "rim": [3]}
    inference = {"flip": "none", "shift": 0, "planes": planes}
    model = finished(3, regions=regions, inference=inference)
    image = phantom(2)
    mask = predict_volume([model], image)
    likely = np.mean([probabilities(model, image, plane) for plane in planes or ["axial"]], axis=0)
    assert likely.shape[-1] == 3
    wanted = np.zeros(mask.shape, np.uint8)
    for output, value in enumerate((5, 6, 7)):
        wanted[likely[..., output] > 0.5] = value
    clear = (np.abs(likely - 0.5) > 1e-5).all(axis=-1)
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(mask[clear], wanted[clear])
    assert len(np.unique(wanted)) > 2


def test_a_model_of_regions_is_stored_whole(tmp_path: Path) -> None:
    regions = {"whole": [1, 2], "core": [2]}
    model = finished(2, regions=regions)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert model_card(loaded).regions == regions
    np.testing.assert_array_equal(
        predict_volume([loaded], phantom(1)), predict_volume([model], phantom(1))
    )


class Heeding:
    """A model that finds all of a slice, where it is told that it lies in one plane."""

    layers = ()

    def __init__(self, card: ModelCard, axis: int) -> None:
        self.card = card
        self.axis = axis
        self.told: set[tuple[float, ...]] = set()

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        assert images.shape[-1] == self.card.depth == 4
        self.told |= {tuple(each) for each in images[..., 1:].reshape(-1, 3).tolist()}
        return images[..., 1 + self.axis][..., None]


@pytest.mark.parametrize("views", [{}, {"flip": "both", "shift": 2}, {"tilt": 20.0}])
def test_each_cut_is_told_its_own_plane(views: dict[str, Any]) -> None:
    inference = {"flip": "none", "shift": 0, "planes": ["axial", "sagittal"], **views}
    weights = {"weights": [0.7, 0.3]}
    context = {"slices": 1, "mm": 2.5, "plane": True}
    card = card_with(
        recipe=Recipe().model_dump(), inference={**inference, **weights}, context=context
    )
    image = phantom(3, (14, 12, 9))
    told = {0: (1.0, 0.0, 0.0), 2: (0.0, 0.0, 1.0)}
    # what is found in one plane decides where that counts more than half
    for axis, found in ((2, True), (0, False), (1, False)):
        model = Heeding(card, axis)
        mask = predict_volume([model], image)
        inner = mask[2:-2, 2:-2, 2:-2]
        assert np.all(inner > 0) if found else not inner.any()
        assert model.told == set(told.values())
    # a volume of thick slices is cut along these
    acquired = card_with(
        recipe=Recipe(plane="acquired").model_dump(),
        inference={"flip": "none", "shift": 0, "planes": []},
        context=context,
    )
    for axis in range(3):
        spacing = np.ones(3)
        spacing[axis] = 5
        model = Heeding(acquired, axis)
        assert predict_volume([model], Volume(image.array, np.diag([*spacing, 1]))).all()
        assert len(model.told) == 1
