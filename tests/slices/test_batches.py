"""Slices of several cases, and their order."""

import json
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Context, Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.batches import (
    ALONE,
    SliceFolder,
    SliceSet,
    check_labels,
    digests,
    epoch_batches,
    usable,
)
from slicewise.slices.extract import extract, source_of
from slicewise.volumes.volume import Volume

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


@dataclass
class Counted:
    """All that epoch_batches needs of a SliceSet."""

    counts: np.ndarray

    undrawn: tuple[int, ...] = ()
    context: Context = ALONE
    case_of: np.ndarray | None = None

    cases = ("anna", "bert", "anna")
    labels = ("liver", "spleen", "tumour")

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def drawn(self) -> np.ndarray:
        return ~np.isin(np.arange(len(self)), self.undrawn)

    def geometries(self) -> list[dict]:
        return []


def slices_of(shows: list[bool]) -> Counted:
    return Counted(np.array([[9 * value] for value in shows]).reshape(len(shows), 1))


def batches_of(slices, **changed):
    options = {
        "batch": 4,
        "steps": None,
        "empty": 1.0,
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
    chosen = batches_of(slices_of(shows), batch=batch, empty=0.0)
    flat = np.concatenate(chosen)
    assert np.array(shows)[flat].all()
    assert set(flat) == set(np.flatnonzero(shows))
    assert len(chosen) == -(-sum(shows) // batch)


@QUICK
@given(SHOWS, st.integers(0, 100), st.integers(1, 12), st.integers(0, 5))
def test_a_share_of_empty_slices(shows, percent, batch, epoch):
    slices = slices_of(shows)
    chosen = batches_of(slices, batch=batch, empty=percent / 100, epoch=epoch)
    without = len(shows) - sum(shows)
    half_up = Decimal(percent * without) / 100
    taken = int(half_up.quantize(Decimal(1), ROUND_HALF_UP))
    size = sum(shows) + taken
    assert len(chosen) == -(-size // batch)
    once = np.concatenate(chosen)[:size]
    assert len(set(once)) == size, "no slice twice before all came once"
    assert set(np.flatnonzero(shows)) <= set(once) <= set(usable(slices, percent / 100))
    assert set(np.concatenate(chosen)) == set(once)


def test_each_epoch_draws_other_empty_slices():
    slices = slices_of([False] * 100 + [True] * 3)
    drawn = [
        set(np.concatenate(batches_of(slices, empty=0.5, epoch=e, seed=s))) - {100, 101, 102}
        for s in (0, 1)
        for e in range(8)
    ]
    assert all(len(one) == 50 for one in drawn)
    assert len({frozenset(one) for one in drawn}) == 16
    assert set.union(*drawn) == set(range(100)), "none is left out for good"


@QUICK
@given(SHOWS, st.floats(0, 1), st.integers(1, 8), st.integers(1, 30))
def test_steps_go_round_the_pool_of_the_epoch(shows, empty, batch, steps):
    slices = slices_of(shows)
    pool = np.unique(np.concatenate(batches_of(slices, batch=1, empty=empty)))
    flat = np.concatenate(batches_of(slices, batch=batch, empty=empty, steps=steps))
    assert len(flat) == batch * steps
    assert set(flat) <= set(pool)
    counts = np.bincount(flat, minlength=len(shows))[pool]
    assert counts.max() - counts.min() <= 1


def test_usable_slices():
    slices = slices_of([False, True, True, False])
    assert usable(slices, 0.0).tolist() == [1, 2]
    assert usable(slices, 0.01).tolist() == usable(slices, 1.0).tolist() == [0, 1, 2, 3]


def test_a_label_that_never_occurs_is_named():
    counts = np.array([[5, 0, 0], [0, 0, 0], [1, 0, 2]])
    with pytest.raises(SlicewiseError, match="label spleen: never occurs in the 2 training cases"):
        check_labels(Counted(counts))
    assert check_labels(Counted(counts), "allow") == ["spleen"]
    counts[1, 1] = 1
    assert check_labels(Counted(counts)) == check_labels(Counted(counts), "allow") == []
    with pytest.raises(SlicewiseError, match="label liver and label spleen: never"):
        check_labels(Counted(counts * [0, 0, 1]))
    with pytest.raises(SlicewiseError, match="no training slice shows any label"):
        check_labels(Counted(counts * 0))
    with pytest.raises(SlicewiseError, match="no training slice shows any label"):
        check_labels(Counted(counts * 0), "allow")


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
    options = {"seed": seed, "epoch": epoch, "foreground": share, "empty": share}
    np.random.seed(seed)  # noqa: NPY002 (the global state must not matter)
    first = batches_of(slices, **options)
    np.random.seed(seed + 1)  # noqa: NPY002
    batches_of(slices, **(options | {"epoch": epoch + 1}))
    np.testing.assert_array_equal(first, batches_of(slices, **options))


def test_epochs_and_seeds_differ():
    slices = slices_of([True] * 50)
    orders = [np.concatenate(batches_of(slices, seed=s, epoch=e)) for s in (0, 1) for e in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4


def test_without_any_label_the_cases_are_named():
    with pytest.raises(SlicewiseError, match="anna, bert: no training slice shows any label"):
        batches_of(slices_of([False, False]))


def write(folder, image, labels, recipe, intensity="hu", case=None) -> SliceFolder:
    """Extract one case with one label."""
    one = replace(SliceFolder.below(folder.parent, folder.name), case=case or folder.name)
    geometry = extract(image, labels, ["liver"], recipe, one, intensity=intensity)
    one.geometry.write_text(json.dumps(geometry.model_dump()))
    return one


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
        folders.append(write(tmp_path / case, image, labels, Recipe()))
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


@pytest.mark.parametrize("memory", [0, 10**6])
def test_each_case_alone_has_its_own_size(two_cases, memory):
    slices = SliceSet(two_cases, context=Context(slices=3, mm=4.0), memory=memory)
    first, second = slices.each()
    assert (first.cases, second.cases) == (["anna"], ["bert"])
    assert second.size == (13, 18)
    assert first.in_memory == second.in_memory == bool(memory)
    np.testing.assert_array_equal(second.counts, slices.counts[3:])
    whole, alone = slices.read(range(3, 8)), second.read(range(5))
    np.testing.assert_array_equal(whole[0][:, 3:16, 6:24], alone[0])
    np.testing.assert_array_equal(whole[1][:, 3:16, 6:24], alone[1])


def test_unpadded_slices_have_neither_padding_nor_context(tmp_path):
    random = np.random.default_rng(0)
    image = Volume(random.integers(-1000, 900, (13, 18, 4)).astype(np.int16), np.eye(4))
    labels = random.integers(0, 2, (13, 18, 4)).astype(np.uint8)
    folders = [
        write(tmp_path / "anna", Volume(image.array + 1, np.eye(4)), labels, Recipe(size=40)),
        write(tmp_path / "bert", image, labels, Recipe(size=20)),
    ]
    found = SliceSet(folders, context=Context(slices=3)).unpadded(6)
    np.testing.assert_array_equal(found[0], image.array[..., 2])
    np.testing.assert_array_equal(found[1], labels[..., 2])


def test_counts_are_those_of_the_masks(two_cases):
    slices = SliceSet(two_cases)
    _, masks = slices.read(range(len(slices)))
    np.testing.assert_array_equal(slices.counts[:, 0], (masks == 1).sum(axis=(1, 2)))
    assert slices.counts[0, 0] == slices.counts[3, 0] == 0


def test_the_digest_follows_contents_and_order(two_cases):
    slices = SliceSet(two_cases)
    (recipe,) = {folder.image.parents[1] for folder in two_cases}
    assert SliceSet.from_recipes(["anna", "bert"], [recipe]).digest == slices.digest
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
        labels = np.ones((side, side, 2), np.uint8)
        folders.append(write(tmp_path / case, image, labels, Recipe(), "arbitrary"))
    images, _ = SliceSet(folders).read([2])
    assert images[0, 0, 0, 0] == 0, "the mean of z-scores"
    assert images[0, 2:18, 2:18].std() > 0.5


def test_pickles_are_not_loaded(two_cases):
    np.save(two_cases[0].image, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SlicewiseError, match=r"anna/image\.npy: the file is damaged"):
        SliceSet(two_cases)


def test_a_damaged_description_is_named(two_cases):
    two_cases[1].geometry.write_text('{"recipe": ')
    with pytest.raises(SlicewiseError, match=r"bert/geometry\.json: the file is damaged"):
        SliceSet(two_cases)


def test_labels_and_aspect(two_cases, tmp_path):
    slices = SliceSet(two_cases)
    assert slices.labels == ["liver"]
    image = Volume(np.zeros((6, 9, 4), np.int16), np.diag([0.5, -0.8, 2.0, 1.0]))
    labels = np.ones((6, 9, 4), np.uint8)
    sagittal = write(tmp_path / "carl", image, labels, Recipe(plane="sagittal"))
    aspect = SliceSet([*two_cases, sagittal]).aspect
    np.testing.assert_allclose(aspect, [1] * 8 + [0.8 / 2] * 6)


def test_memory_changes_nothing_and_is_used_only_where_all_fits(two_cases):
    needed = sum(np.load(path).nbytes for f in two_cases for path in (f.image, f.mask))
    files, kept = SliceSet(two_cases, memory=needed - 1), SliceSet(two_cases, memory=needed)
    assert (files.in_memory, kept.in_memory) == (False, True)
    for one, other in zip(files.read(range(8)), kept.read(range(8)), strict=True):
        np.testing.assert_array_equal(one, other)
    for index in range(8):
        for one, other in zip(files.unpadded(index), kept.unpadded(index), strict=True):
            np.testing.assert_array_equal(one, other)
    for folder in two_cases:
        folder.image.unlink()
        folder.mask.unlink()
    assert kept.read([0, 7])[0].shape == (2, 20, 30, 1)
    with pytest.raises(SlicewiseError, match="it is gone"):
        files.read([0])


def test_a_case_may_come_in_several_cuts(tmp_path):
    random = np.random.default_rng(0)
    image = Volume(random.integers(-1000, 900, (17, 19, 5)).astype(np.int16), np.eye(4))
    labels = random.integers(0, 2, (17, 19, 5)).astype(np.uint8)
    recipes = [Recipe(), Recipe(plane="coronal", size=24), Recipe(tilt=[10.0, 5.0])]
    folders = [
        write(tmp_path / str(number), image, labels, recipe, case="anna")
        for number, recipe in enumerate(recipes)
    ]
    slices = SliceSet(folders, context=Context(slices=3, mm=1.0))
    assert slices.cases == ["anna"] * 3
    assert np.bincount(slices.case_of).tolist() == [5, 19, 5]
    assert slices.size == (24, 24)
    images, masks = slices.read(range(len(slices)))
    for place, folder in enumerate(folders):
        alone = SliceSet([folder], context=Context(slices=3, mm=1.0))
        rows, columns = ((24 - n) // 2 for n in alone.size)
        inner = np.s_[rows : rows + alone.size[0], columns : columns + alone.size[1]]
        for whole, part in zip((images, masks), alone.read(range(len(alone))), strict=True):
            np.testing.assert_array_equal(whole[slices.case_of == place][:, *inner], part)
    assert len({slices.digest, SliceSet(folders[:2]).digest, SliceSet(folders[::-1]).digest}) == 3


def test_the_plane_of_each_slice_is_told_behind_its_image(tmp_path):
    random = np.random.default_rng(0)
    # thick coronal slices, in a volume that is stored in another order of axes
    affine = np.array([[0.0, 1, 0, 0], [0, 0, 5, 0], [-1, 0, 0, 0], [0, 0, 0, 1]])
    lying = Volume(random.integers(-1000, 900, (17, 19, 5)).astype(np.int16), affine)
    cubes = Volume(lying.array, np.eye(4))
    cuts = [
        (cubes, Recipe()),
        (cubes, Recipe(plane="coronal", size=24)),
        (cubes, Recipe(plane="sagittal", size=16, spacing=1.0)),
        (cubes, Recipe(plane="sagittal", tilt=[10.0, 5.0])),
        (lying, Recipe(plane="acquired")),
        (cubes, Recipe(plane="acquired")),
    ]
    folders = []
    for number, (image, recipe) in enumerate(cuts):
        labels = np.ones(image.array.shape, np.uint8)
        folders.append(write(tmp_path / str(number), image, labels, recipe, case=f"c{number}"))
    context = Context(slices=3, mm=1.0, plane=True)
    slices = SliceSet(folders, context=context)
    plain = SliceSet(folders, context=Context(slices=3, mm=1.0))
    order = np.random.default_rng(1).permutation(len(slices))
    for options in ({}, {"corners": np.zeros((len(order), 2), np.int64)}):
        images = slices.images(order, **options)
        np.testing.assert_array_equal(images[..., :3], plain.images(order, **options))
        # the axis that is cut, of left to right, back to front, and foot to head
        told = np.eye(3)[[[2, 1, 0, 0, 1, 2][slices.case_of[index]] for index in order]]
        expected = np.broadcast_to(told[:, None, None], images[..., 3:].shape)
        np.testing.assert_array_equal(images[..., 3:], expected)
    for number, (image, recipe) in enumerate(cuts):
        source = source_of([image], recipe, "hu")
        alone = SliceSet([folders[number]], context=context, whole=True)
        numbers = np.arange(len(alone))
        np.testing.assert_array_equal(source.around(numbers, context), alone.images(numbers))


def test_the_digest_follows_the_spacing(two_cases):
    # the context depends on it, and how a slice is turned does
    before = SliceSet(two_cases).digest
    for key, value in (("slice_spacing", 9.0), ("pixel_spacing", [1.0, 2.0])):
        geometry = json.loads(two_cases[0].geometry.read_text())
        two_cases[0].geometry.write_text(json.dumps(geometry | {key: value}))
        assert SliceSet(two_cases).digest != before
        before = SliceSet(two_cases).digest


def test_an_empty_set_has_no_digest(two_cases):
    full = SliceSet(two_cases)
    assert digests({"train": full, "validation": SliceSet([])}) == {"train": full.digest}


@pytest.mark.parametrize("name", ["image", "mask", "geometry"])
def test_a_file_that_is_gone_is_one_sentence(two_cases, name):
    path = getattr(two_cases[0], name)
    path.unlink()
    with pytest.raises(SlicewiseError, match=rf"{path}: .* is gone\); delete {path.parent} and"):
        SliceSet(two_cases)


def test_several_recipes_hold_each_case_once(two_cases):
    recipe = two_cases[0].image.parents[1]
    slices = SliceSet.from_recipes(["anna", "bert"], [recipe, recipe])
    assert slices.cases == ["anna", "bert", "anna", "bert"]


@QUICK
@given(SHOWS, st.data(), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 9))
def test_slices_that_nobody_drew_are_in_no_batch(shows, data, empty, epoch):
    bare = [number for number, value in enumerate(shows) if not value]
    undrawn = data.draw(st.sets(st.sampled_from(bare))) if bare else set()
    slices = slices_of(shows)
    slices.undrawn = tuple(undrawn)
    taken = {int(k) for batch in batches_of(slices, empty=empty, epoch=epoch) for k in batch}
    assert not taken & undrawn
    assert taken <= {int(k) for k in usable(slices, empty)}
    if empty == 1:
        assert taken == set(range(len(shows))) - undrawn
    # the share of slices without a label is of those that were drawn
    without = len(bare) - len(undrawn)
    half_up = int(Decimal(str(round(empty * without, 9))).quantize(0, ROUND_HALF_UP))
    assert len(taken) - sum(shows) == half_up


def test_slices_know_what_of_them_was_drawn(tmp_path):
    labels = np.zeros((20, 12, 5), np.uint8)
    labels[:, :, 2] = 255
    labels[4:9, 3:6, 1:4] = 1
    labels[:, :, 4] = 255
    image = Volume(np.zeros(labels.shape, np.int16), np.diag([1, 1, 2, 1.0]))
    folder = SliceFolder.below(tmp_path, "anna")
    recipe = Recipe(size=20)
    geometry = extract(image, labels, ["liver"], recipe, folder, intensity="hu", partial=True)
    geometry.write(folder.geometry)
    slices = SliceSet([folder])
    assert slices.partial
    assert slices.drawn.tolist() == [True, True, True, True, False]
    assert usable(slices, 1.0).tolist() == [0, 1, 2, 3]
    masks = slices.masks(range(5))
    np.testing.assert_array_equal(masks[:, :, 4:16], np.moveaxis(labels, 2, 0))
    assert not masks[:, :, :4].any(), "padding is background"


def test_a_label_may_be_missing_where_its_region_is_there():
    counts = np.array([[5, 0, 2], [1, 0, 0]])
    regions = {"both": [1, 2], "tumour": [3]}
    assert check_labels(Counted(counts), "refuse", regions) == []
    lacking = Counted(counts * [1, 0, 0])
    with pytest.raises(SlicewiseError, match=r"^region tumour: never occurs in the 2 training"):
        check_labels(lacking, "refuse", regions)
    assert check_labels(lacking, "allow", regions) == ["tumour"]


BLOCKS = Context(slices=4, block=True)


@QUICK
@given(st.lists(st.integers(1, 19), min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 9))
def test_of_each_case_an_epoch_takes_a_block_for_as_many_slices_as_it_has(lengths, batch, epoch):
    owners = np.repeat(np.arange(len(lengths)), lengths)
    slices = replace(slices_of([True] * len(owners)), context=BLOCKS, case_of=owners)
    flat = np.concatenate(batches_of(slices, batch=batch, epoch=epoch))
    wanted = [-(-length // 4) for length in lengths]
    first = flat[: sum(wanted)]
    assert np.bincount(owners[first], minlength=len(lengths)).tolist() == wanted
    # spread over the case: between two that follow there is at most what two parts have
    for owner in range(len(lengths)):
        own = np.sort(first[owners[first] == owner])
        assert (np.diff(own) < 8).all()


def test_epochs_of_blocks_are_as_long_whichever_empty_slices_they_take():
    owners = np.repeat(np.arange(7), 9)
    shows = [number % 3 == 0 for number in range(len(owners))]
    slices = replace(slices_of(shows), context=BLOCKS, case_of=owners)
    lengths = {len(batches_of(slices, batch=2, epoch=epoch, empty=0.3)) for epoch in range(20)}
    assert len(lengths) == 1
    assert len(batches_of(slices, steps=40)) == 40


def test_blocks_are_read_from_their_cases_with_air_beyond(two_cases):
    alone = SliceSet(two_cases)
    blocks = SliceSet(two_cases, context=BLOCKS)
    for index in range(len(alone)):
        images, masks = blocks.read([index])
        assert images.shape == masks.shape == (1, *alone.size, 4)
        own = np.flatnonzero(alone.case_of == alone.case_of[index])
        start = min(max(index - own[0] - 2, 0), max(len(own) - 4, 0))
        before = max(4 - len(own), 0) // 2
        for position in range(4):
            number = start + position - before
            if 0 <= number < len(own):
                image, mask = alone.read([own[number]])
                np.testing.assert_array_equal(images[..., position], image[..., 0])
                np.testing.assert_array_equal(masks[..., position], mask)
            else:
                assert (images[..., position] == alone.padding_of(index)).all()
                assert not masks[..., position].any()
    np.testing.assert_array_equal(blocks.masks([0, 1]), alone.masks([0, 1]))
