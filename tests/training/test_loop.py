"""Training: it learns, repeats itself to the bit, and goes on after an interruption."""

from __future__ import annotations

import itertools
import json
import shutil
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from slicewise.config import Experiment, merge
from slicewise.errors import SlicewiseError
from slicewise.files import read_json, write_json
from slicewise.inference.predict import predict_volume
from slicewise.network import backend
from slicewise.network.precision import Machine
from slicewise.network.unet import model_card
from slicewise.slices.batches import SliceFolder, SliceSet
from slicewise.sources import LIBRARY, TRAINED_BY, sources_of
from slicewise.training.checkpoints import Checkpoints, delete_checkpoints
from slicewise.training.loop import HISTORY, source_digest, train, training_key
from slicewise.training.trainer import Trainer
from tests.discs import CARD, disc_truth, disc_volume, experiment


def quiet(_: str) -> None:
    pass


class Stop(Exception):
    pass


def stop_after(epoch: int):
    def on_epoch(row: dict[str, float]) -> None:
        if row["epoch"] == epoch:
            raise Stop

    return on_epoch


def test_learns_a_disc(slices: SliceSet, validation_slices: SliceSet, tmp_path: Path) -> None:
    done = train(
        slices, validation_slices, disc_truth, experiment(epochs=12), CARD, tmp_path, log=quiet
    )
    assert done.history["val/dice"].iloc[-1] > 0.8
    assert done.history["train/loss"].iloc[-1] < 0.8 * done.history["train/loss"].iloc[0]
    assert list(done.history.columns) == list(HISTORY)
    assert list(done.history["epoch"]) == list(range(1, 13))


def test_history_is_the_mean_over_an_epochs_batches(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[dict[str, float]] = []
    one_step = backend.train_step

    def recorded(trainer: Trainer, inputs: dict[str, object]) -> dict[str, float]:
        steps.append({name: float(value) for name, value in one_step(trainer, inputs).items()})
        return steps[-1]

    monkeypatch.setattr(backend, "train_step", recorded)
    done = train(
        slices, validation_slices, disc_truth, experiment(epochs=2), CARD, tmp_path, log=quiet
    )
    assert len(steps) == 10
    for name in ("loss", "dice"):
        wanted = np.mean([step[name] for step in steps[5:]])
        assert done.history[f"train/{name}"].iloc[1] == pytest.approx(wanted)
    assert len({step["loss"] for step in steps}) == 10


def test_same_seed_same_weights(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    first, second, other = (
        train(
            slices,
            validation_slices,
            disc_truth,
            experiment(epochs=2, seed=seed),
            CARD,
            tmp_path / name,
            log=quiet,
        )
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert first.facts["weights_sha256"] == second.facts["weights_sha256"]
    assert first.facts["weights_sha256"] != other.facts["weights_sha256"]


@pytest.mark.parametrize("select", ["final", "loss", "dice"])
def test_resumed_equals_uninterrupted(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, select: str
) -> None:
    settings = experiment(select=select)
    whole = train(
        slices, validation_slices, disc_truth, settings, CARD, tmp_path / "whole", log=quiet
    )
    given = (slices, validation_slices, disc_truth, settings, CARD, tmp_path / "cut")
    for epoch in (1, 3):
        with pytest.raises(Stop):
            train(*given, on_epoch=stop_after(epoch), log=quiet)
    said: list[str] = []
    rows: list[dict[str, float]] = []
    cut = train(*given, on_epoch=rows.append, log=said.append)
    assert "going on after epoch 3" in said
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert cut.facts["weights_sha256"] == whole.facts["weights_sha256"]
    columns = [c for c in HISTORY if c not in ("timestamp", "images_per_second")]
    pd.testing.assert_frame_equal(cut.history[columns], whole.history[columns])
    assert len(list((tmp_path / "cut").glob("*/step-*.npz"))) == 1
    delete_checkpoints(tmp_path)
    assert not tmp_path.exists(), "nothing is left of it"


def test_other_settings_never_resume(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        train(
            slices,
            validation_slices,
            disc_truth,
            experiment(),
            CARD,
            tmp_path,
            on_epoch=stop_after(2),
            log=quiet,
        )
    said: list[str] = []
    train(
        slices, validation_slices, disc_truth, experiment(batch=5), CARD, tmp_path, log=said.append
    )
    assert not any("going on" in line for line in said)
    assert len(list(tmp_path.iterdir())) == 1, "what another setting left is cleared away"


def test_selects_the_best_epoch(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    done = train(
        slices, validation_slices, disc_truth, experiment(epochs=5), CARD, tmp_path, log=quiet
    )
    best = done.history["val/dice"].idxmax() + 1
    assert done.facts["selected_epoch"] == best
    held_out = train(
        slices,
        validation_slices,
        disc_truth,
        experiment(epochs=3),
        CARD,
        tmp_path,
        may_select=False,
        log=quiet,
    )
    assert held_out.facts["selected_by"] == "final"
    assert held_out.facts["selected_epoch"] == 3


def test_key_depends_on_what_weights_depend_on(
    slices: SliceSet, validation_slices: SliceSet
) -> None:
    base = training_key(slices, validation_slices, experiment(), CARD, True)
    assert base == training_key(slices, validation_slices, experiment(), CARD, True)
    assert base != training_key(slices, validation_slices, experiment(seed=9), CARD, True)
    assert base != training_key(validation_slices, slices, experiment(), CARD, True)
    assert base != training_key(slices, validation_slices, experiment(), CARD, False)


def leaves(settings: dict, name: str = "") -> dict[str, object]:
    """Flatten nested settings to dotted names."""
    found: dict[str, object] = {}
    for key, value in settings.items():
        below = leaves(value, f"{name}{key}.") if isinstance(value, dict) else {name + key: value}
        found |= below
    return found


def test_a_change_of_any_setting_makes_another_key(
    slices: SliceSet, validation_slices: SliceSet
) -> None:
    """Values need not be allowed: that the key tells them apart is what is asked."""
    base = training_key(slices, validation_slices, experiment(), CARD, True)
    for name in leaves(experiment().model_dump()):
        *above, last = name.split(".")
        chain = [experiment()]
        for key in above:
            chain.append(getattr(chain[-1], key))
        fresh = chain[-1].model_copy(update={last: "another"})
        for owner, key in zip(reversed(chain[:-1]), reversed(above), strict=True):
            fresh = owner.model_copy(update={key: fresh})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pydantic's, of the values
            key = training_key(slices, validation_slices, fresh, CARD, True)
        assert (key == base) == (above == ["prediction"]), name


def test_a_change_of_the_card_the_reading_or_the_callers_files_makes_another_key(
    folders: list[SliceFolder], slices: SliceSet, validation_slices: SliceSet
) -> None:
    two = CARD | {"labels": ["liver", "b"], "values": {"liver": [5], "b": [6]}}
    turned = CARD | {"labels": ["b", "liver"], "values": {"b": [6], "liver": [5]}}
    keys = [
        training_key(slices, validation_slices, experiment(), CARD, True),
        training_key(slices, validation_slices, experiment(), two, True),
        training_key(slices, validation_slices, experiment(), turned, True),
        training_key(slices, validation_slices, experiment(), CARD, True, also=["another truth"]),
        training_key(SliceSet(folders[:3], context=3), validation_slices, experiment(), CARD, True),
        training_key(
            SliceSet(folders[:3], context_mm=9), validation_slices, experiment(), CARD, True
        ),
        training_key(SliceSet(folders[2::-1]), validation_slices, experiment(), CARD, True),
    ]
    assert len(set(keys)) == len(keys)


def test_an_edit_of_code_that_weights_depend_on_makes_another_key(tmp_path: Path) -> None:
    library = Path(shutil.copytree(LIBRARY, tmp_path / "slicewise"))
    first = source_digest(library)
    assert first == source_digest()
    for name, changes in {
        "training/loop.py": True,
        "training/augmentation.py": True,
        "training/validation.py": True,
        "slices/batches.py": True,
        "slices/context.py": True,
        "slices/npy.py": True,
        "slices/grid.py": True,
        "metrics/patients.py": True,
        "inference/serving.py": False,
        "inference/predict.py": False,
        # what merely reads images: its outcome is in the slices, whose digest counts
        "volumes/read.py": False,
        "volumes/dicom/series.py": False,
        "metrics/overlap.py": False,  # validation counts voxels itself, slice by slice
        "evaluation/statistics.py": False,
        "tracking/mirror.py": False,
        "config/settings.py": False,  # settings are in the key as values
    }.items():
        kept = (library / name).read_text()
        (library / name).write_text(f"{kept}EDITED = 1\n")
        assert (source_digest(library) != first) == changes, name
        (library / name).write_text(kept)


def test_all_code_of_the_key_reruns_the_rule() -> None:
    """What the rule `train` is told of is found from its script, the key's from the library."""
    script = Path(__file__).parents[2] / "scripts" / "train.py"
    rule = set(sources_of(script, direct=TRAINED_BY))
    here = LIBRARY / "training" / "loop.py"
    assert {here, *sources_of(here, direct=TRAINED_BY)} <= rule
    # of the rest only what opens, checks or copies files: the script hands the key its digest
    rest = rule - {here, *sources_of(here, direct=TRAINED_BY)}
    names = {str(path.relative_to(LIBRARY)) for path in rest}
    names = {each for each in names if not each.endswith("__init__.py")}
    assert names <= {"training/plan.py", "network/card.py", "slices/staging.py", "dataset/truth.py"}


def test_nan_names_epoch_and_cases(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(epochs=3).model_copy(
        update={"optimizer": experiment().optimizer.model_copy(update={"learning_rate": 1e30})}
    )
    with pytest.raises(SlicewiseError, match=r"epoch \d+ at step \d+ \(cases case\d"):
        train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)


def test_weights_that_the_last_step_broke_are_no_model(
    slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No loss is computed after it, so only the weights tell."""
    real = backend.train_step

    def breaking(trainer: keras.Model, inputs: dict[str, np.ndarray]) -> dict[str, object]:
        logs = real(trainer, inputs)
        first = trainer.unet.trainable_variables[0]
        first.assign(np.full(first.shape, np.nan))
        return logs

    monkeypatch.setattr(backend, "train_step", breaking)
    given = Experiment.model_validate(
        merge(experiment(epochs=1, steps_per_epoch=1).model_dump(), {"optimizer": {"ema": None}})
    )
    kept: list[object] = []
    with pytest.raises(SlicewiseError, match="the weights are no numbers after epoch 1; try a low"):
        train(
            *(slices, SliceSet([]), disc_truth, given, CARD, tmp_path), log=quiet, save=kept.append
        )
    assert not kept


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


@pytest.mark.parametrize(("at", "epoch", "step"), [(2, 1, 2), (5, 1, 5), (11, 2, 2)])
def test_stops_between_two_steps_and_goes_on_to_the_same_bits(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, at: int, epoch: int, step: int
) -> None:
    """It asks after each of an epoch's five steps and before each of four batches validated."""
    settings = experiment(epochs=3)
    whole = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path / "a", log=quiet)
    asked = itertools.count(1)

    def told() -> str | None:
        return "it was told to" if next(asked) == at else None

    with pytest.raises(SlicewiseError, match=f"saved at step {step} of epoch {epoch},"):
        train(
            *(slices, validation_slices, disc_truth, settings, CARD, tmp_path / "b"),
            log=quiet,
            should_stop=told,
        )
    said: list[str] = []
    cut = train(
        slices, validation_slices, disc_truth, settings, CARD, tmp_path / "b", log=said.append
    )
    assert said[0] == f"going on after epoch {epoch - 1}, step {step}"
    assert cut.facts["weights_sha256"] == whole.facts["weights_sha256"]
    columns = [c for c in HISTORY if c not in ("timestamp", "images_per_second")]
    pd.testing.assert_frame_equal(cut.history[columns], whole.history[columns])


def test_stops_during_a_validation(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(epochs=2)
    whole = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path / "a", log=quiet)
    asked = itertools.count(1)
    with pytest.raises(SlicewiseError, match="saved at step 5 of epoch 1"):
        train(
            *(slices, validation_slices, disc_truth, settings, CARD, tmp_path / "b"),
            log=quiet,
            should_stop=lambda: "of a test" if next(asked) == 6 else None,
        )
    cut = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path / "b", log=quiet)
    assert cut.facts["weights_sha256"] == whole.facts["weights_sha256"]
    assert cut.history["val/dice"].tolist() == whole.history["val/dice"].tolist()


def test_nothing_is_trained_again_after_a_kill_while_or_after_saving(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    def killed(_: object) -> None:
        raise Stop

    given = (slices, validation_slices, disc_truth, experiment(epochs=2), CARD, tmp_path)
    with pytest.raises(Stop):
        train(*given, log=quiet, save=killed)
    # a job may be killed when all is saved, but before Snakemake has noted it
    for _ in range(2):
        said: list[str] = []
        train(*given, log=said.append)
        assert said == ["going on after epoch 2"]


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


def test_precision_is_decided_once_said_and_written_down(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experiment(epochs=2, precision="auto")
    given = (slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    said: list[str] = []
    monkeypatch.setattr(backend, "machine", lambda: Machine("tensorflow", "A100", (8, 0)))
    with pytest.raises(Stop):
        train(*given, on_epoch=stop_after(1), log=said.append)
    why = "A100 (compute capability 8.0) has units for bfloat16"
    assert said[0] == f"precision: mixed_bfloat16, because {why}"
    # it goes on where there is no such GPU
    monkeypatch.setattr(backend, "machine", lambda: Machine("tensorflow"))
    again: list[str] = []
    done = train(*given, log=again.append)
    assert (done.facts["precision"], done.facts["precision_because"]) == ("mixed_bfloat16", why)
    assert not any("bfloat16" in line for line in again)


def test_bfloat16_trains_and_gives_a_float32_model(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(epochs=8, precision="mixed_bfloat16")
    done = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)
    assert done.history["val/dice"].iloc[-1] > 0.6
    policies = {layer.dtype_policy.name for layer in done.model.get_layer("unet").layers}
    assert policies == {"float32"}


def changed(**blocks: dict[str, object]) -> Experiment:
    """Return the tiny experiment with some settings changed."""
    settings = experiment().model_dump()
    return Experiment.model_validate(merge(settings, blocks))


@pytest.mark.slow
@pytest.mark.parametrize(
    "blocks",
    [
        {"input": {"context": 3}},
        {"network": {"residual": True, "deep_supervision": True, "filters": [4, 6, 8]}},
        {"network": {"normalisation": "instance"}},
        {"optimizer": {"name": "sgd", "schedule": "polynomial", "accumulate": 2}},
        {"loss": {"dice_over": "image", "focal": 0.5, "tversky": 0.5}},
        {"augmentation": {"elastic": 0.05, "shear": 10.0, "flip": True}},
        {"training": {"validate_every": 2, "empty": 0.5}},
    ],
    ids=lambda blocks: "-".join(f"{b}.{k}" for b, v in blocks.items() for k in v),
)
def test_every_option_trains_resumes_and_predicts(
    folders: list[SliceFolder], tmp_path: Path, blocks: dict[str, dict[str, object]]
) -> None:
    settings = changed(**blocks)
    sets = [SliceSet(part, **settings.reading) for part in (folders[:3], folders[3:])]
    card = {**CARD, "context": {"slices": settings.input.context, "mm": settings.input.context_mm}}
    whole = train(*sets, disc_truth, settings, card, tmp_path / "a", log=quiet)
    with pytest.raises(Stop):
        train(
            *(*sets, disc_truth, settings, card, tmp_path / "b"),
            on_epoch=stop_after(2),
            log=quiet,
        )
    cut = train(*sets, disc_truth, settings, card, tmp_path / "b", log=quiet)
    assert cut.facts["weights_sha256"] == whole.facts["weights_sha256"]
    assert whole.history["train/loss"].iloc[-1] < whole.history["train/loss"].iloc[0]
    assert predict_volume([whole.model], disc_volume(3)[0]).shape == (32, 32, 10)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each look at the training's clock take a tenth of a second, however busy the machine."""
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks) / 10, time=time.time)
    monkeypatch.setattr("slicewise.training.loop.time", clock)


@pytest.mark.usefixtures("ticking")
def test_budget_ends_the_training_and_its_schedule(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(minutes=0.15, epochs=1)
    rates: list[float] = []
    done = train(
        *(slices, validation_slices, disc_truth, settings, CARD, tmp_path),
        on_epoch=lambda row: rates.append(row["lr"]),
        log=quiet,
    )
    assert len(done.history) > 1, "epochs do not count"
    assert max(rates) > 0.005
    assert rates[-1] < 0.1 * max(rates), "the cosine ends with the budget"
    assert done.facts["seconds"] == pytest.approx(9, abs=2)
    assert done.facts["steps"] <= 5 * len(done.history)


@pytest.mark.usefixtures("ticking")
def test_budget_counts_the_time_before_an_interruption(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = experiment(minutes=0.15)
    with pytest.raises(Stop):
        train(
            *(slices, validation_slices, disc_truth, settings, CARD, tmp_path),
            on_epoch=stop_after(1),
            log=quiet,
        )
    (newest,) = tmp_path.glob("*/step-*.npz")
    with np.load(newest) as stored:
        arrays = {name: stored[name] for name in stored.files}
    notes = json.loads(arrays.pop("notes").tobytes())
    assert 0 < notes["used"] < 30
    notes["used"] = 8.9
    np.savez(newest, notes=np.frombuffer(json.dumps(notes).encode(), np.uint8), **arrays)
    done = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)
    assert done.facts["steps"] <= 6, "what was left of the budget was one step at most"
    assert done.facts["seconds"] > 8.9


def test_patience_stops_early(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(
        training={"epochs": 40, "patience": 2}, optimizer={"learning_rate": 1e-7, "warmup": 0.0}
    )
    done = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)
    scores = done.history["val/dice"].to_numpy()
    assert len(scores) < 40
    assert len(scores) - 1 - int(np.argmax(scores)) == 2
    held_out = changed(training={"epochs": 5, "patience": 1}, optimizer={"learning_rate": 1e-7})
    done = train(
        *(slices, validation_slices, disc_truth, held_out, CARD, tmp_path),
        may_select=False,
        log=quiet,
    )
    assert len(done.history) == 5, "a held-out fold decides nothing"


@pytest.mark.usefixtures("ticking")
def test_patience_stops_before_the_minutes_are_over(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(
        training={"epochs": None, "minutes": 2.0, "patience": 2},
        optimizer={"learning_rate": 1e-7, "warmup": 0.0, "ema": None},
    )
    done = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)
    scores = done.history["val/dice"].to_numpy()
    assert len(scores) - 1 - int(np.argmax(scores)) == 2
    assert done.facts["seconds"] < 60, "of 120"
    said: list[str] = []
    alone = changed(training={"epochs": None, "minutes": 0.1, "patience": 1})
    train(
        *(slices, validation_slices, disc_truth, alone, CARD, tmp_path / "a"),
        may_select=False,
        log=said.append,
    )
    assert said[0] == "training.patience stops nothing: no validation patient may choose"


def test_weights_that_would_never_move(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(training={"epochs": 2}, optimizer={"accumulate": 11})
    with pytest.raises(
        SlicewiseError, match="move after each 11 batches, and this training has 10"
    ):
        train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)


def test_devices_that_are_not_there(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(training={"devices": 3})
    with pytest.raises(
        SlicewiseError, match=r"training.devices: 3 are asked for, and 1 is visible"
    ):
        train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)


def test_validation_dice_is_of_the_source_grid(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    """Against predicting the volumes with the finished model."""
    settings = experiment(epochs=3, select="final")
    done = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)
    scores = []
    for number in (3, 4):
        image, mask = disc_volume(number)
        guess = predict_volume([done.model], image) == CARD["values"]["liver"][0]
        scores.append(2 * (guess & (mask > 0)).sum() / (guess.sum() + (mask > 0).sum()))
    assert done.history["val/dice"].iloc[-1] == pytest.approx(np.mean(scores), abs=1e-6)


def test_postprocessing_is_decided_by_validation(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(postprocessing={"largest_component": "auto", "fill_holes": "auto"})
    done = train(slices, validation_slices, disc_truth, settings, CARD, tmp_path, log=quiet)
    after, found = model_card(done.model)["postprocessing"], done.facts["postprocessing"]
    assert set(found) == {"largest_component", "fill_holes"}
    for step, one in found.items():
        assert one["kept"] == (one["dice_with"] > one["dice_without"])
        assert after[step] is one["kept"]
    assert found["largest_component"]["dice_with"] != found["largest_component"]["dice_without"]
    alone = train(
        *(slices, validation_slices, disc_truth, settings, CARD, tmp_path),
        may_select=False,
        log=quiet,
    )
    assert model_card(alone.model)["postprocessing"] == {
        "threshold": 0.5,
        "largest_component": False,
        "fill_holes": False,
    }


def test_samples_are_what_the_network_saw(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    done = train(
        slices, validation_slices, disc_truth, experiment(epochs=1), CARD, tmp_path, log=quiet
    )
    images, masks = done.samples["images"], done.samples["masks"]
    assert images.shape == masks.shape == (16, 32, 32)
    assert images.dtype == masks.dtype == np.uint8
    shown = masks.any(axis=(1, 2))
    assert images[shown][masks[shown] > 0].mean() > images[shown][masks[shown] == 0].mean() + 50


class TooMuch(Exception):
    pass


def test_out_of_memory_says_what_to_lower(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> dict[str, float]:
        raise TooMuch("OOM when allocating tensor with shape[10,512,512,64]")

    monkeypatch.setattr(backend, "train_step", full)
    with pytest.raises(SlicewiseError, match=r"batch of 6 slices of 32 x 32; lower training.batch"):
        train(slices, validation_slices, disc_truth, experiment(), CARD, tmp_path, log=quiet)


def test_a_label_that_never_occurs(folders: list[SliceFolder], tmp_path: Path) -> None:
    made = []
    for folder in folders[:2]:
        geometry = read_json(folder.geometry)
        geometry["labels"] = ["liver", "spleen"]
        geometry["counts"] = [[n, 0] for (n,) in geometry["counts"]]
        path = tmp_path / f"{folder.case}.json"
        write_json(path, geometry)
        made.append(SliceFolder(folder.case, folder.image, folder.mask, path))
    with pytest.raises(SlicewiseError, match="spleen"):
        train(
            *(SliceSet(made), SliceSet([]), disc_truth, experiment(), CARD, tmp_path / "c"),
            log=quiet,
        )


def test_accumulated_gradients_are_those_of_a_larger_batch(
    slices: SliceSet, tmp_path: Path
) -> None:
    """Where the loss is a mean over pixels and nothing looks at the whole batch."""
    made = []
    for batch, accumulate in ((6, 1), (3, 2)):
        settings = changed(
            network={"normalisation": "none", "dropout": 0.0},
            loss={"dice": 0.0},
            optimizer={
                "name": "sgd",
                "learning_rate": 0.05,
                "momentum": 0.5,
                "accumulate": accumulate,
                "schedule": "constant",
                "warmup": 0.0,
                "ema": None,
            },
            training={"batch": batch, "epochs": 2, "foreground": 0.0},
        )
        settings = settings.model_copy(update={"augmentation": None})
        where = tmp_path / str(batch)
        made.append(train(slices, SliceSet([]), disc_truth, settings, CARD, where, log=quiet))
    whole, parts = (one.model.get_weights() for one in made)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert made[0].facts["steps"] == made[1].facts["steps"] / 2 == 10
