"""Checkpoints: one owner, two generations, deleted when all is safe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.training.checkpoints import Checkpoints, delete_checkpoints


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    with (
        Checkpoints(tmp_path / "x"),
        pytest.raises(SlicewiseError, match="already runs, as process"),
        Checkpoints(tmp_path / "x"),
    ):
        pass


def test_two_generations_and_a_damaged_one(tmp_path: Path) -> None:
    with Checkpoints(tmp_path / "x") as store:
        for epoch in (1, 2, 3):
            store.save(epoch, {"a": np.full(3, epoch)}, {"epoch": epoch})
        files = sorted((tmp_path / "x").glob("*.npz"))
        assert [f.name for f in files] == ["step-000000002.npz", "step-000000003.npz"]
        files[-1].write_bytes(files[-1].read_bytes()[:100])
        loaded = store.load()
        assert loaded is not None
        assert loaded[1] == {"epoch": 2}
        assert loaded[0]["a"].tolist() == [2, 2, 2]


def test_states_of_other_trainings_beside_a_new_one_are_seen(tmp_path: Path) -> None:
    fold = tmp_path / "checkpoints" / "fold-0"
    with Checkpoints(fold / "a") as store:
        assert not store.begins_beside_others()
        store.save(1, {"x": np.zeros(2)}, {})
        assert not store.begins_beside_others()
    with Checkpoints(fold / "b") as store:
        assert store.begins_beside_others()
        store.save(1, {"x": np.zeros(2)}, {})
        assert not store.begins_beside_others()


def test_checkpoints_that_a_process_owns_are_not_forgotten(tmp_path: Path) -> None:
    folders = [tmp_path / "checkpoints" / f"fold-{k}" / "key" for k in range(2)]
    with Checkpoints(folders[1]):
        with Checkpoints(folders[0]) as store:
            store.save(1, {"x": np.zeros(2)}, {})
        delete_checkpoints(tmp_path / "checkpoints")
        assert [folder.exists() for folder in folders] == [False, True]
    delete_checkpoints(tmp_path / "checkpoints")
    assert not list(tmp_path.iterdir())
    delete_checkpoints(tmp_path / "checkpoints")
