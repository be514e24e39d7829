"""Slices on a node's own disk."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Recipe
from slicewise.errors import SlicewiseError, StoppedError
from slicewise.files import write_json
from slicewise.slices import staging
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.staging import STAGED, staged
from slicewise.volumes.volume import Volume

CASES = ("anna", "bert", "carl")


@pytest.fixture
def folders(tmp_path):
    made = []
    for number, case in enumerate(CASES):
        random = np.random.default_rng(number)
        image = random.integers(-1000, 1000, (20, 20, 6)).astype(np.int16)
        mask = (image > 0).astype(np.uint8)
        one = SliceFolder.below(tmp_path / "slices", case)
        volume = Volume(image, np.diag([1, 1, 3, 1.0]))
        geometry = extract(volume, mask, ["liver"], Recipe(), one, intensity="hu")
        write_json(one.geometry, geometry.model_dump())
        made.append(one)
    return made


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """An empty $TMPDIR."""
    folder = tmp_path / "local"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def arrays(*sets):
    return [array for one in sets for array in one.read(np.arange(len(one)))]


def same(found, wanted):
    return all(np.array_equal(*pair) for pair in zip(found, wanted, strict=True))


def test_copies_are_read_and_deleted(folders, disk):
    training, validation_slices, said = SliceSet(folders[:2]), SliceSet(folders[2:]), []
    places = [*training.files, *validation_slices.files]
    before = arrays(training, validation_slices, *training.each())
    with staged((training, validation_slices), said.append):
        assert all(f.is_relative_to(disk) for f in (*training.files, *validation_slices.files))
        for place in places:
            place.rename(place.with_suffix(".away"))
        # nothing is read from where it came from, not even by the sets of single cases
        assert same(arrays(training, validation_slices, *training.each()), before)
        for place in places:
            place.with_suffix(".away").rename(place)
    assert [*training.files, *validation_slices.files] == places
    assert same(arrays(training, validation_slices), before[:4])
    size = sum(place.stat().st_size for place in places)
    (line,) = said
    assert line.startswith(f"staged {size / 1e6:.0f} MB of slices in {disk}{os.sep}{STAGED}")
    assert not list(disk.iterdir())


def test_copies_are_deleted_after_an_error(folders, disk):
    slices = SliceSet(folders)
    with pytest.raises(ZeroDivisionError), staged([slices], print):
        assert list(disk.iterdir())
        raise ZeroDivisionError
    assert not list(disk.iterdir())
    assert slices.files[0] == folders[0].image


def test_a_stop_while_copying_leaves_nothing(folders, disk):
    asked = iter([None, None, "it was told to (SIGTERM)"])
    with (
        pytest.raises(StoppedError, match=r"because it was told to.*run snakemake again"),
        staged([SliceSet(folders)], print, lambda: next(asked)),
    ):
        raise AssertionError("it went on")
    assert not list(disk.iterdir())


@pytest.mark.parametrize("known_before", [True, False])
def test_too_little_space_leaves_slices_where_they_are(folders, disk, monkeypatch, known_before):
    if known_before:
        usage = namedtuple("usage", "free")
        monkeypatch.setattr(staging.shutil, "disk_usage", lambda place: usage(1_000))
    else:  # others write to the disk, too
        copy = shutil.copyfile

        def full(source, target):
            if str(target).endswith("3.npy"):
                raise OSError(errno.ENOSPC, "No space left on device", str(target))
            copy(source, target)

        monkeypatch.setattr(staging.shutil, "copyfile", full)
    slices, said = SliceSet(folders), []
    before = arrays(slices)
    with staged([slices], said.append):
        assert not list(disk.rglob("*.npy"))
        assert slices.files[0] == folders[0].image
        assert same(arrays(slices), before)
    (line,) = said
    assert line.startswith(f"{disk}: ") and line.endswith("so they are read from where they are")
    assert not list(disk.iterdir())


def test_another_fault_of_the_disk_is_told(folders, disk, monkeypatch):
    def broken(source, target):
        raise OSError(errno.EIO, "Input/output error", str(source))

    monkeypatch.setattr(staging.shutil, "copyfile", broken)
    with pytest.raises(OSError, match="Input/output"), staged([SliceSet(folders)], print):
        raise AssertionError("it went on")
    assert not list(disk.iterdir())


def test_what_is_kept_in_memory_is_not_copied(folders, disk):
    said = []
    with staged([SliceSet(folders, memory=10**9)], said.append):
        assert not list(disk.iterdir())
    assert said == ["slices are kept in memory (training.memory), so none are staged"]


def test_nothing_is_said_where_it_is_not_wanted(folders, disk):
    with staged((), pytest.fail):
        assert not list(disk.iterdir())


def test_the_copies_of_a_killed_training_are_deleted_and_those_of_a_living_one_kept(folders, disk):
    hold = (
        "import fcntl, os, sys, time; d = os.open(sys.argv[1], os.O_RDONLY); "
        "fcntl.flock(d, fcntl.LOCK_EX); print(flush=True); time.sleep(600)"
    )
    left = [disk / f"{STAGED}{name}" for name in ("dead", "alive")]
    for folder in left:
        folder.mkdir()
        (folder / "0.npy").write_bytes(b"0" * 1000)
    owners = [
        subprocess.Popen([sys.executable, "-c", hold, str(f)], stdout=subprocess.PIPE) for f in left
    ]
    try:
        for owner in owners:
            owner.stdout.readline()
        owners[0].kill()
        owners[0].wait()
        with staged([SliceSet(folders)], print):
            assert not left[0].exists()
            assert (left[1] / "0.npy").exists()
    finally:
        for owner in owners:
            owner.kill()
            owner.wait()
            owner.stdout.close()
    assert Path(disk / f"{STAGED}alive").exists()


def test_a_copy_that_is_damaged_is_made_anew_by_a_rerun(folders, disk):
    one = SliceSet(folders)
    with staged([one], lambda line: None):
        for copy in disk.rglob("*.npy"):
            copy.unlink()
        with pytest.raises(
            SlicewiseError, match=r"it is gone\); run snakemake again, which copies"
        ):
            one.read([0])
    one.read([0])


STAGING = """
import sys
from pathlib import Path
from slicewise.slices import staging

for _ in range(300):
    staging._sweep()
    folder, owner = staging._own_folder()
    (folder / "0.npy").write_bytes(b"")
    staging.shutil.rmtree(folder)
    staging.os.close(owner)
"""


def test_trainings_that_start_together_leave_each_other_alone(disk):
    environment = {**os.environ, "TMPDIR": str(disk)}
    jobs = [
        subprocess.Popen([sys.executable, "-c", STAGING], env=environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [job.communicate()[1] for job in jobs] == [b""] * 3
