"""Files of slices: what is read, what is refused, and what stays behind in memory."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.slices.npy import StoredSlices, write_slices

SHAPE = (40, 64, 96)


@pytest.fixture(params=[np.int16, np.float16, np.uint8])
def stored(request, tmp_path) -> tuple[Path, np.ndarray]:
    array = np.random.default_rng(0).integers(0, 200, SHAPE).astype(request.param)
    np.save(tmp_path / "image.npy", array)
    return tmp_path / "image.npy", array


@pytest.mark.parametrize("keep", [False, True])
def test_slices_are_those_that_numpy_saved(stored, keep):
    path, array = stored
    slices = StoredSlices(path, SHAPE)
    slices.keep = keep
    for numbers in ([0], [39, 0, 7, 7], range(40), np.array([3, 4]), []):
        found = slices.read(numbers)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array[np.asarray(numbers, int)])
    assert slices.nbytes == array.nbytes


def test_numpy_reads_what_was_written(stored, tmp_path):
    _, array = stored
    path = tmp_path / "written.npy"
    write_slices(path, (array[i : i + 7] for i in range(0, 40, 7)), SHAPE, array.dtype)
    found = np.load(path, allow_pickle=False)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_only_kept_slices_outlive_their_file(stored):
    path, array = stored
    kept, read = StoredSlices(path, SHAPE), StoredSlices(path, SHAPE)
    kept.keep = True
    kept.read([0])
    path.unlink()
    np.testing.assert_array_equal(kept.read([5]), array[[5]])
    with pytest.raises(SlicewiseError, match="it is gone"):
        read.read([5])


def test_reading_leaves_nothing_behind(stored):
    path, array = stored
    many = [StoredSlices(path, SHAPE) for _ in range(50)]
    many[0].read([0])
    tracemalloc.start()
    try:
        for slices in many:
            for number in range(len(array)):
                slices.read([number])
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < array[0].nbytes
    assert peak < 4 * array[0].nbytes + 300_000, "a slice, and the buffer of an open file"
    if Path("/proc/self/fd").exists():
        opened = {str(f.readlink()) for f in Path("/proc/self/fd").iterdir() if f.is_symlink()}
        assert str(path) not in opened
        assert str(path) not in Path("/proc/self/maps").read_text()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"0")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    path.write_bytes(b"<html>" + path.read_bytes()[6:])


def break_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"'shape': (", b"'shape' : ", 1))


def unknown_version(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY\x09\x00" + path.read_bytes()[8:])


def reshape(path: Path) -> None:
    np.save(path, np.load(path, allow_pickle=False).reshape(20, 128, 96))


def transpose(path: Path) -> None:
    np.save(path, np.asfortranarray(np.load(path, allow_pickle=False)))


def pickle(path: Path) -> None:
    objects = np.empty(SHAPE, object)
    objects[...] = 1
    np.save(path, objects, allow_pickle=True)


@pytest.mark.parametrize(
    "damage",
    [
        cut_off,
        lengthen,
        empty,
        overwrite,
        break_header,
        unknown_version,
        reshape,
        transpose,
        pickle,
    ],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, damage):
    path = tmp_path / "image.npy"
    np.save(path, np.zeros(SHAPE, np.int16))
    damage(path)
    with pytest.raises(
        SlicewiseError, match=r"image\.npy: .* damaged .*; delete .* and run"
    ) as said:
        StoredSlices(path, SHAPE)
    assert "\n" not in str(said.value)


def test_a_file_that_is_cut_off_while_it_is_used_is_named(tmp_path):
    path = tmp_path / "image.npy"
    np.save(path, np.zeros(SHAPE, np.int16))
    slices = StoredSlices(path, SHAPE)
    os.truncate(path, path.stat().st_size // 2)
    slices.read([3])
    with pytest.raises(SlicewiseError, match=r"image\.npy: .* ends within slice 30"):
        slices.read([30])
