"""A training is known by all that its weights depend on."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

from slicewise.config import Context
from slicewise.network.depth import Depth
from slicewise.slices.batches import SliceSet
from slicewise.slices.folder import SliceFolder
from slicewise.sources import LIBRARY, TRAINED_BY, sources_of
from slicewise.training.inputs import TrainingInputs, source_digest
from tests.discs import CARD, card_with, experiment
from tests.training.runs import changed


def key_of(*inputs: Any, **more: Any) -> str:
    """Return the key of what a training is made from."""
    return TrainingInputs(*inputs, **more).key


def test_key_depends_on_what_weights_depend_on(
    slices: SliceSet, validation_slices: SliceSet
) -> None:
    base = key_of(slices, validation_slices, experiment(), CARD, True)
    assert base == key_of(slices, validation_slices, experiment(), CARD, True)
    assert base != key_of(slices, validation_slices, experiment(seed=9), CARD, True)
    assert base != key_of(validation_slices, slices, experiment(), CARD, True)
    assert base != key_of(slices, validation_slices, experiment(), CARD, False)


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
    base = key_of(slices, validation_slices, experiment(), CARD, True)
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
            key = key_of(slices, validation_slices, fresh, CARD, True)
        assert (key == base) == (above == ["prediction"]), name


def test_a_change_of_the_card_the_reading_or_the_callers_files_makes_another_key(
    folders: list[SliceFolder], slices: SliceSet, validation_slices: SliceSet
) -> None:
    two = card_with(labels=["liver", "b"], values={"liver": [5], "b": [6]})
    turned = card_with(labels=["b", "liver"], values={"b": [6], "liver": [5]})
    wide = SliceSet(folders[:3], context=Context(slices=3))
    far = SliceSet(folders[:3], context=Context(mm=9))
    keys = [
        key_of(slices, validation_slices, experiment(), CARD, True),
        key_of(slices, validation_slices, experiment(), two, True),
        key_of(slices, validation_slices, experiment(), turned, True),
        key_of(slices, validation_slices, experiment(), CARD, True, also=["another truth"]),
        key_of(wide, validation_slices, experiment(), CARD, True),
        key_of(far, validation_slices, experiment(), CARD, True),
        key_of(SliceSet(folders[2::-1]), validation_slices, experiment(), CARD, True),
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
    assert names <= {
        "dataset/case_record.py",
        "dataset/proposal.py",  # what a plan says becomes settings, which are in the key
        "dataset/rungs.py",  # which combination it is becomes settings, too
        "dataset/truth.py",
        "dataset/unsized.py",  # it names cases that a model could not predict
        "network/card.py",
        "slices/staging.py",
        "slices/suits.py",  # and this refuses them
        "training/plan.py",
        "training/prepared.py",
    }


def test_a_network_of_blocks_follows_from_how_far_slices_lie_apart(
    slices: SliceSet, validation_slices: SliceSet
) -> None:
    """Discs have pixels of 1 mm, and slices every 3 mm."""
    given = changed(network={"dimensions": 3, "block": 8})
    other = changed(network={"dimensions": 3, "block": 16})
    made = TrainingInputs(slices, validation_slices, given, CARD)
    assert made.depth == Depth(8, flat=1)
    assert TrainingInputs(slices, validation_slices, experiment(), CARD).depth is None
    keys = {key_of(slices, validation_slices, each, CARD) for each in (given, other, experiment())}
    assert len(keys) == 3
