"""Training: it learns, repeats itself to the bit, and goes on after an interruption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slicewise.errors import SlicewiseError
from slicewise.model.checkpoints import Checkpoints
from slicewise.model.train import HISTORY, Trainer, train, training_key
from slicewise.slices.batches import SliceSet
from tests.model.conftest import CARD, experiment


def quiet(_: str) -> None:
    pass


class Stop(Exception):
    pass


def stop_after(epoch: int):
    def log(row: dict[str, float]) -> None:
        if row["epoch"] == epoch:
            raise Stop

    return log


def test_learns_a_disc(slices: SliceSet, watched: SliceSet, tmp_path: Path) -> None:
    done = train(slices, watched, experiment(epochs=12), CARD, tmp_path, say=quiet)
    assert done.history["val/dice"].iloc[-1] > 0.8
    assert done.history["train/loss"].iloc[-1] < 0.8 * done.history["train/loss"].iloc[0]
    assert list(done.history.columns) == list(HISTORY)
    assert list(done.history["epoch"]) == list(range(1, 13))


def test_history_is_the_mean_over_an_epochs_batches(
    slices: SliceSet, watched: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[dict[str, float]] = []
    one_step = Trainer.train_on_batch

    def recorded(self: Trainer, *args: object, **kwargs: object) -> object:
        steps.append(one_step(self, *args, **kwargs))
        return steps[-1]

    monkeypatch.setattr(Trainer, "train_on_batch", recorded)
    done = train(slices, watched, experiment(epochs=2), CARD, tmp_path, say=quiet)
    assert len(steps) == 10
    for name in ("loss", "dice"):
        wanted = np.mean([step[name] for step in steps[5:]])
        assert done.history[f"train/{name}"].iloc[1] == pytest.approx(wanted)
    assert len({float(step["loss"]) for step in steps}) == 10


def test_same_seed_same_weights(slices: SliceSet, watched: SliceSet, tmp_path: Path) -> None:
    first, second, other = (
        train(slices, watched, experiment(epochs=2, seed=seed), CARD, tmp_path / name, say=quiet)
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert first.facts["weights_sha256"] == second.facts["weights_sha256"]
    assert first.facts["weights_sha256"] != other.facts["weights_sha256"]


@pytest.mark.parametrize("select", ["final", "loss", "dice"])
def test_resumed_equals_uninterrupted(
    slices: SliceSet, watched: SliceSet, tmp_path: Path, select: str
) -> None:
    settings = experiment(select=select)
    whole = train(slices, watched, settings, CARD, tmp_path / "whole", say=quiet)
    for epoch in (1, 3):
        with pytest.raises(Stop):
            train(
                slices,
                watched,
                settings,
                CARD,
                tmp_path / "cut",
                log=stop_after(epoch),
                say=quiet,
            )
    said: list[str] = []
    rows: list[dict[str, float]] = []
    cut = train(slices, watched, settings, CARD, tmp_path / "cut", log=rows.append, say=said.append)
    assert "going on after epoch 3" in said
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert cut.facts["weights_sha256"] == whole.facts["weights_sha256"]
    columns = [c for c in HISTORY if c not in ("timestamp", "images_per_second")]
    pd.testing.assert_frame_equal(cut.history[columns], whole.history[columns])
    assert not (tmp_path / "cut").exists(), "checkpoints are deleted on success"


def test_other_settings_never_resume(slices: SliceSet, watched: SliceSet, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(slices, watched, experiment(), CARD, tmp_path, log=stop_after(2), say=quiet)
    said: list[str] = []
    train(slices, watched, experiment(batch=5), CARD, tmp_path, say=said.append)
    assert not any("going on" in line for line in said)
    assert not tmp_path.exists(), "what another setting left is cleared away"


def test_selects_the_best_epoch(slices: SliceSet, watched: SliceSet, tmp_path: Path) -> None:
    done = train(slices, watched, experiment(epochs=5), CARD, tmp_path, say=quiet)
    best = done.history["val/dice"].idxmax() + 1
    assert done.facts["selected_epoch"] == best
    held_out = train(
        slices, watched, experiment(epochs=3), CARD, tmp_path, may_select=False, say=quiet
    )
    assert held_out.facts["selected_by"] == "final"
    assert held_out.facts["selected_epoch"] == 3


def test_key_depends_on_what_weights_depend_on(slices: SliceSet, watched: SliceSet) -> None:
    base = training_key(slices, watched, experiment(), CARD, True)
    assert base == training_key(slices, watched, experiment(), CARD, True)
    assert base != training_key(slices, watched, experiment(seed=9), CARD, True)
    assert base != training_key(watched, slices, experiment(), CARD, True)
    assert base != training_key(slices, watched, experiment(), CARD, False)


def test_nan_names_epoch_and_cases(slices: SliceSet, watched: SliceSet, tmp_path: Path) -> None:
    settings = experiment(epochs=3).model_copy(
        update={"optimizer": experiment().optimizer.model_copy(update={"learning_rate": 1e30})}
    )
    with pytest.raises(SlicewiseError, match=r"epoch \d+ at step \d+ \(cases case\d"):
        train(slices, watched, settings, CARD, tmp_path, say=quiet)


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
        assert [f.name for f in files] == ["epoch-000002.npz", "epoch-000003.npz"]
        files[-1].write_bytes(files[-1].read_bytes()[:100])
        loaded = store.load()
        assert loaded is not None
        assert loaded[1] == {"epoch": 2}
        assert loaded[0]["a"].tolist() == [2, 2, 2]


def test_orphan_stops_where_it_can_go_on(
    slices: SliceSet, watched: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(epochs=3)
    answers = iter([False, True])
    with pytest.raises(SlicewiseError, match="stops after epoch 2"):
        train(slices, watched, settings, CARD, tmp_path, say=quiet, orphaned=lambda: next(answers))
    said: list[str] = []
    train(slices, watched, settings, CARD, tmp_path, say=said.append)
    assert said[0] == "going on after epoch 2"


def test_checkpoints_outlive_a_kill_while_saving(
    slices: SliceSet, watched: SliceSet, tmp_path: Path
) -> None:
    def killed(_: object) -> None:
        raise Stop

    settings = experiment(epochs=2)
    with pytest.raises(Stop):
        train(slices, watched, settings, CARD, tmp_path, say=quiet, save=killed)
    said: list[str] = []
    train(slices, watched, settings, CARD, tmp_path, say=said.append)
    assert said == ["going on after epoch 2"], "nothing is trained again"


def test_precision_is_chosen_by_a_probe_and_kept(
    slices: SliceSet, watched: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(epochs=2, precision="auto")
    said: list[str] = []
    with pytest.raises(Stop):
        train(slices, watched, settings, CARD, tmp_path, log=stop_after(1), say=said.append)
    assert "bfloat16" in said[0]
    again: list[str] = []
    done = train(slices, watched, settings, CARD, tmp_path, say=again.append)
    assert done.facts["precision"] in said[0] + " float32"
    assert not any("bfloat16" in line for line in again), "a resumed training does not probe"


def test_bfloat16_trains_and_gives_a_float32_model(
    slices: SliceSet, watched: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(epochs=8, precision="mixed_bfloat16")
    done = train(slices, watched, settings, CARD, tmp_path, say=quiet)
    assert done.history["val/dice"].iloc[-1] > 0.6
    policies = {layer.dtype_policy.name for layer in done.model.get_layer("unet").layers}
    assert policies == {"float32"}
