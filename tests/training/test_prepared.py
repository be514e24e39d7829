"""A training is prepared from its plan, and is known by all that it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.config import Experiment, load_settings
from slicewise.dataset.training_record import TrainingPlan
from slicewise.errors import SlicewiseError
from slicewise.slices.folder import SliceFolder
from slicewise.training.plan import Plan
from slicewise.training.prepared import prepare
from tests.discs import RECIPE, experiment
from tests.settings import LEAST


def planned(code: str = "a", **blocks: object) -> Plan:
    content = load_settings(LEAST).dataset.content
    block = Experiment.model_validate({**experiment().model_dump(), **blocks})
    made = TrainingPlan(
        experiment=block.model_dump(mode="json"),
        recipe=RECIPE.model_dump(),
        content=content.once_read,
        train=["case0", "case1"],
        validation_cases=[],
        validation={"may_select": True, "patients": {}},
        patients={"case0": "p", "case1": "q"},
        also=[],
        folds=1,
    )
    return Plan(made, block, content, [code])


def test_another_code_or_setting_is_another_training(folders: list[SliceFolder]) -> None:
    recipe = folders[0].image.parents[1]

    def key(plan: Plan) -> str:
        return prepare(plan, [recipe], [], [], None).inputs.key

    assert key(planned()) == key(planned())
    assert key(planned("b")) != key(planned())
    assert key(planned(optimizer={"learning_rate": 0.5})) != key(planned())


def test_what_is_tracked_names_the_key_and_the_slices(folders: list[SliceFolder]) -> None:
    ready = prepare(planned(), [folders[0].image.parents[1]], [], [], None)
    assert ready.tags == {"training_key": ready.inputs.key}
    assert ready.digests["train"] == ready.sets[0].digest
    assert len(ready.sets[1]) == 0


def test_slices_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(SlicewiseError, match="case0"):
        prepare(planned(), [tmp_path], [], [], None)
