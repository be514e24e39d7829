"""Slices of several cases, and their order."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.batches import SliceFolder, SliceSet, digests, epoch_batches
from slicewise.slices.extract import extract
from slicewise.volumes.volume import Volume

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


@dataclass
class Counted:
    """All that epoch_batches needs of a SliceSet."""

    counts: np.ndarray

    cases = ("anna", "bert")

    def __len__(self) -> int:
        return len(self.counts)


def slices_of(shows: list[bool]) -> Counted:
    return Counted(np.array([[9 * value] for value in shows]).reshape(len(shows), 1))


def batches_of(slices, **changed):
    options = {
        "batch": 4,
        "steps": None,
        "only_foreground": False,
        "foreground": 0.0,
        "seed": 1,
        "epoch": 0,
    }
    return epoch_batches(slices, **(options | changed))


SHOWS = st.lists(st.booleans(), min_size=1, max_size=60).filter(any)


@QUICK
@given(SHOWS, st.integers(1, 12), st.integers(0, 5), st.integers(0, 9))
def test_every_slice_comes_once(shows, batch, seed, epoch):
    chosen = batches_of(slices_of(shows), batch=batch, seed=seed, epoch=epoch)
    assert all(len(indices) == batch for indices in chosen)
    assert len(chosen) == -(-len(shows) // batch)
    flat = np.concatenate(chosen)
    assert sorted(flat[: len(shows)]) == list(range(len(shows)))
    # what fills up the last batch is from the next round, as evenly as can be
    counts = np.bincount(flat, minlength=len(shows))
    assert counts.max() - counts.min() <= 1


@QUICK
@given(SHOWS, st.integers(1, 12), st.floats(0, 0.99))
def test_each_batch_holds_its_share_of_labels(shows, batch, share):
    chosen = batches_of(slices_of(shows), batch=batch, foreground=share)
    for indices in chosen:
        assert np.count_nonzero(np.array(shows)[indices]) >= share * batch


@QUICK
@given(SHOWS, st.integers(1, 12))
def test_only_slices_with_a_label(shows, batch):
    chosen = batches_of(slices_of(shows), batch=batch, only_foreground=True)
    flat = np.concatenate(chosen)
    assert np.array(shows)[flat].all()
    assert set(flat) == set(np.flatnonzero(shows))
    assert len(chosen) == -(-sum(shows) // batch)


@QUICK
@given(SHOWS, st.integers(1, 12), st.integers(1, 20))
def test_a_number_of_steps_goes_round_evenly(shows, batch, steps):
    chosen = batches_of(slices_of(shows), batch=batch, steps=steps)
    assert len(chosen) == steps
    counts = np.bincount(np.concatenate(chosen), minlength=len(shows))
    assert counts.max() - counts.min() <= 1


@QUICK
@given(SHOWS, st.integers(0, 5), st.integers(0, 5), st.floats(0, 0.9))
def test_the_order_depends_on_seed_and_epoch_only(shows, seed, epoch, share):
    slices = slices_of(shows)
    options = {"seed": seed, "epoch": epoch, "foreground": share}
    np.random.seed(seed)  # noqa: NPY002 (the global state must not matter)
    first = batches_of(slices, **options)
    np.random.seed(seed + 1)  # noqa: NPY002
    batches_of(slices, seed=seed, epoch=epoch + 1)
    np.testing.assert_array_equal(first, batches_of(slices, **options))


def test_epochs_and_seeds_differ():
    slices = slices_of([True] * 50)
    orders = [np.concatenate(batches_of(slices, seed=s, epoch=e)) for s in (0, 1) for e in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4


def test_without_any_label_the_cases_are_named():
    with pytest.raises(SlicewiseError, match="anna, bert: no training slice shows any label"):
        batches_of(slices_of([False, False]))


@pytest.fixture
def two_cases(tmp_path) -> list[SliceFolder]:
    """Two cases of different size and orientation."""
    folders = []
    for number, (case, shape) in enumerate({"anna": (20, 30, 3), "bert": (13, 18, 5)}.items()):
        random = np.random.default_rng(number)
        affine = np.diag([-1.0, 1, 2, 1]) if number else np.diag([1.0, 1, 3, 1])
        image = Volume(random.integers(-1000, 900, shape).astype(np.int16), affine)
        labels = random.integers(0, 2, shape).astype(np.uint8)
        labels[:, :, 0] = 0
        paths = [tmp_path / case / name for name in ("image.npy", "mask.npy", "geometry.json")]
        geometry = extract(image, labels, ["liver"], Recipe(), "hu", *paths[:2])
        paths[2].write_text(json.dumps(geometry))
        folders.append(SliceFolder(case, *paths))
    return folders


def test_smaller_cases_lie_in_the_middle(two_cases):
    slices = SliceSet(two_cases)
    assert len(slices) == 8
    assert slices.size == (20, 30)
    assert slices.case_of.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    images, masks = slices.read([0, 7])
    assert images.shape == (2, 20, 30, 1)
    assert images.dtype == np.float32
    assert masks.shape == (2, 20, 30)
    assert masks.dtype == np.uint8
    np.testing.assert_array_equal(images[0, ..., 0], np.load(two_cases[0].image)[0])
    small = np.load(two_cases[1].image)[4]
    np.testing.assert_array_equal(images[1, 3:16, 6:24, 0], small)
    np.testing.assert_array_equal(masks[1, 3:16, 6:24], np.load(two_cases[1].mask)[4])
    around = np.ones((20, 30), bool)
    around[3:16, 6:24] = False
    assert np.all(images[1, ..., 0][around] == -1024)
    assert not masks[1][around].any()


def test_counts_are_those_of_the_masks(two_cases):
    slices = SliceSet(two_cases)
    _, masks = slices.read(range(len(slices)))
    np.testing.assert_array_equal(slices.counts[:, 0], (masks == 1).sum(axis=(1, 2)))
    assert slices.counts[0, 0] == slices.counts[3, 0] == 0


def test_the_digest_follows_contents_and_order(two_cases):
    slices = SliceSet(two_cases)
    files = [str(p) for f in two_cases for p in (f.image, f.mask, f.geometry)]
    assert SliceSet.from_files(["anna", "bert"], files).digest == slices.digest
    assert SliceSet(two_cases[::-1]).digest != slices.digest
    assert SliceSet(two_cases[:1]).digest != slices.digest


def test_no_case_is_an_empty_set():
    slices = SliceSet([])
    assert len(slices) == 0
    assert slices.counts.shape[0] == 0


def test_arbitrary_intensities_are_padded_with_their_mean(tmp_path):
    folders = []
    for case, side in {"anna": 20, "bert": 16}.items():
        image = Volume(
            np.random.default_rng(side).normal(500, 90, (side, side, 2)).astype(np.float32),
            np.eye(4),
        )
        paths = [tmp_path / case / name for name in ("image.npy", "mask.npy", "geometry.json")]
        labels = np.ones((side, side, 2), np.uint8)
        geometry = extract(image, labels, ["a"], Recipe(), "arbitrary", *paths[:2])
        paths[2].write_text(json.dumps(geometry))
        folders.append(SliceFolder(case, *paths))
    images, _ = SliceSet(folders).read([2])
    assert images[0, 0, 0, 0] == 0, "the mean of z-scores"
    assert images[0, 2:18, 2:18].std() > 0.5


def test_pickles_are_not_loaded(two_cases):
    np.save(two_cases[0].image, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        SliceSet(two_cases)


def test_an_empty_set_has_no_digest(two_cases):
    full = SliceSet(two_cases)
    assert digests({"train": full, "validation": SliceSet([])}) == {"train": full.digest}
