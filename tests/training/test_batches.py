"""Batches of a training are chosen by seed, epoch and step alone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from slicewise.config import Context, Recipe
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import AIR, extract
from slicewise.slices.folder import SliceFolder
from slicewise.training.batches import Batches
from slicewise.volumes.volume import Volume
from tests.discs import RECIPE, disc_volume, experiment
from tests.training.runs import changed


def test_the_rest_of_an_epoch_is_that_of_the_whole(slices: SliceSet) -> None:
    batches = Batches(slices, experiment())
    whole = list(batches.from_step(1, 0))
    assert [step for step, _, _ in whole] == list(range(batches.per_epoch))
    rest = list(Batches(slices, experiment()).from_step(1, 3))
    assert [step for step, _, _ in rest] == [3, 4]
    for (_, indices, inputs), (_, others, other) in zip(whole[3:], rest, strict=True):
        assert indices.tolist() == others.tolist()
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, other[name])


def test_epochs_and_seeds_differ(slices: SliceSet) -> None:
    batches = Batches(slices, experiment())
    orders = [
        np.concatenate(each).tolist()
        for each in (
            batches.indices(0),
            batches.indices(1),
            Batches(slices, experiment(seed=9)).indices(0),
        )
    ]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert len(batches.indices(1)) == batches.per_epoch


def in_millimetres(folder: Path, size: int | None = 16) -> SliceSet:
    recipe = Recipe(spacing=0.8, size=size)
    made = []
    for number in range(3):
        one = SliceFolder.below(folder, f"case{number}")
        image, mask = disc_volume(number)
        geometry = extract(image, mask, ["liver"], recipe, one, intensity="hu")
        geometry.write(one.geometry)
        made.append(one)
    return SliceSet(made)


def test_crops_depend_on_seed_epoch_and_step_alone(tmp_path: Path) -> None:
    cut = in_millimetres(tmp_path)
    whole = list(Batches(cut, experiment()).from_step(1, 0))
    rest = list(Batches(in_millimetres(tmp_path), experiment()).from_step(1, 3))
    assert [step for step, _, _ in rest] == [3, 4]
    for (_, _, inputs), (_, _, other) in zip(whole[3:], rest, strict=True):
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, other[name])
    _, indices, inputs = whole[0]
    assert inputs["images"].shape == (6, 16, 16, 1)
    others = [
        Batches(cut, experiment()).read(indices, 2, 0),
        Batches(cut, experiment()).read(indices, 1, 1),
        Batches(cut, experiment(seed=9)).read(indices, 1, 0),
    ]
    for other in others:
        assert not np.array_equal(inputs["masks"], other["masks"])


def test_as_many_crops_as_asked_for_show_a_label(tmp_path: Path) -> None:
    cut = in_millimetres(tmp_path)
    shows = np.flatnonzero(cut.counts.sum(axis=1))[:6]
    all_of_them = changed(training={"foreground": 0.99})
    least = changed(training={"foreground": 0.0})
    seen = [
        [
            (Batches(cut, given).read(shows, epoch, 0)["masks"].sum(axis=(1, 2)) > 0).mean()
            for epoch in range(20)
        ]
        for given in (all_of_them, least)
    ]
    assert min(seen[0]) == 1
    assert 0 < np.mean(seen[1]) < 1


def test_slices_that_are_read_whole_draw_nothing(tmp_path: Path, slices: SliceSet) -> None:
    for each in (slices, in_millimetres(tmp_path, None)):
        plain = changed(augmentation=None)
        found = [Batches(each, plain).read(np.arange(4), epoch, 0) for epoch in range(2)]
        np.testing.assert_array_equal(found[0]["images"], found[1]["images"])
        np.testing.assert_array_equal(found[0]["masks"], each.masks(np.arange(4)))


def test_without_augmentation_nothing_is_drawn(slices: SliceSet) -> None:
    plain = experiment().model_copy(update={"augmentation": None})
    with closing(Batches(slices, plain).from_step(0, 0)) as steps:
        _, indices, inputs = next(steps)
    assert set(inputs) == {"images", "masks"}
    assert len(inputs["images"]) == len(indices) == 6
    drawn = Batches(slices, changed()).read(indices, 0, 0)
    assert set(drawn) > {"images", "masks"}


def test_cases_of_slices_are_named_once(slices: SliceSet) -> None:
    batches = Batches(slices, experiment())
    assert batches.cases_of(np.arange(len(slices))[::-1]) == ["case0", "case1", "case2"]
    assert batches.cases_of(np.array([0, 1])) == ["case0"]


def of_channels(tmp_path: Path, lacking: str = "") -> SliceSet:
    """Cut a case of three channels, of which it may lack some."""
    volume, masks = disc_volume(0)
    every = {name: Volume(volume.array + k, volume.affine) for k, name in enumerate("abc")}
    air = Volume(np.full_like(volume.array, AIR), volume.affine)
    every |= dict.fromkeys(lacking, air)
    folder = SliceFolder.below(tmp_path, "one")
    folder.image.parent.mkdir(parents=True)
    extract(volume, masks, ["disc"], RECIPE, folder, intensity="hu", every=every).write(
        folder.geometry
    )
    return SliceSet([folder], context=Context(slices=3))


def test_channels_are_left_out_by_seed_epoch_and_step(tmp_path: Path) -> None:
    slices = of_channels(tmp_path)
    batches = Batches(slices, experiment(), drop=True)
    indices = np.arange(len(slices)).repeat(40)
    images = batches.read(indices, 1, 2)["images"]
    np.testing.assert_array_equal(images, batches.read(indices, 1, 2)["images"])
    assert not np.array_equal(images, batches.read(indices, 1, 3)["images"])
    whole = Batches(slices, experiment()).read(indices, 1, 2)["images"]
    by_channel = images.reshape(*images.shape[:3], 3, 3)
    gone = np.all(by_channel == slices.padding_of(0), axis=(1, 2, 4))
    kept = whole.reshape(by_channel.shape).transpose(0, 3, 1, 2, 4)[~gone]
    np.testing.assert_array_equal(by_channel.transpose(0, 3, 1, 2, 4)[~gone], kept)
    assert not gone.all(axis=1).any()
    assert 0.05 < gone.mean() < 0.15


def test_what_tells_the_plane_is_no_channel_to_leave_out(tmp_path: Path) -> None:
    plain = of_channels(tmp_path)
    slices = SliceSet(plain._folders, context=Context(slices=3, plane=True))
    indices = np.arange(len(slices)).repeat(9)
    images = Batches(slices, experiment(), drop=True).read(indices, 1, 2)["images"]
    assert np.all(images[..., -3:] == [0, 0, 1])
    expected = Batches(plain, experiment(), drop=True).read(indices, 1, 2)["images"]
    np.testing.assert_array_equal(images[..., :-3], expected)


def test_of_the_channels_that_a_case_has_one_stays(tmp_path: Path) -> None:
    slices = of_channels(tmp_path, lacking="b")
    indices = np.arange(len(slices)).repeat(200)
    images = Batches(slices, experiment(), drop=True).read(indices, 1, 2)["images"]
    by_channel = images.reshape(*images.shape[:3], 3, 3)
    gone = np.all(by_channel == slices.padding_of(0), axis=(1, 2, 4))
    assert gone[:, 1].all()
    assert not gone.all(axis=1).any()
    # each of them as often
    for channel in (0, 2):
        assert 0.05 < gone[:, channel].mean() < 0.1
