"""A training refuses a plan or slices that are not as it was told."""

import json
from pathlib import Path
from typing import Any

import pytest

from slicewise.config import load_settings
from slicewise.errors import SlicewiseError
from slicewise.files import write_json
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.sources import code_digests
from slicewise.training.plan import Plan, read_plan, read_slices
from tests.discs import RECIPE, disc_volume

CONFIG: dict[str, Any] = {
    "dataset": {"name": "d", "layout": "phantom", "labels": {"liver": 1, "spleen": 2}},
    "slices": {"a": {"size": 32}, "b": {"size": 32, "plane": "coronal"}},
    "experiments": {"one": {"slices": "a", "also": ["b"], "network": {"filters": [4, 8]}}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    config = json.loads(json.dumps(CONFIG))
    *above, last = path.split(".")
    block = config
    for key in above:
        block = block.setdefault(key, {})
    block[last] = value
    return config


@pytest.fixture
def code(tmp_path) -> dict[str, str]:
    paths = [tmp_path / "src" / "slicewise" / name for name in ("one.py", "two.py")]
    paths[0].parent.mkdir(parents=True)
    for path in paths:
        path.write_text(f"name = {path.name!r}\n")
    return code_digests(paths)


@pytest.fixture
def path(tmp_path, code) -> str:
    """A plan as the workflow writes it."""
    settings = load_settings(CONFIG)
    experiment = settings.experiments["one"]
    planned = {
        "experiment": experiment.model_dump(exclude={"prediction"}),
        "recipe": settings.slices["a"].model_dump(),
        "content": settings.dataset.content.once_read,
        "train": ["case0", "case1"],
        "validation_cases": ["case2"],
        "patients": {"case0": "p", "case1": "q"},
        "also": [settings.slices["b"].model_dump()],
        "folds": 1,
    }
    write_json(tmp_path / "plan.json", {"settings": planned, "code": code})
    return str(tmp_path / "plan.json")


def test_a_plan_of_the_same_settings_and_code_is_read(path, code):
    plan = read_plan(path, load_settings(CONFIG), "one", code)
    assert plan.experiment.network.filters == [4, 8]
    assert list(plan.content.labels) == ["liver", "spleen"]
    assert len(plan.code) == 2
    # what changes no weight
    read_plan(path, load_settings(changed("experiments.one.prediction.batch", 3)), "one", code)
    read_plan(path, load_settings(changed("evaluation.tolerance_mm", 3.0)), "one", code)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("experiments.one.training.epochs", 3, "experiment.training.epochs"),
        ("slices.a.size", 48, "recipe.size"),
        ("slices.b.size", 48, "also"),
        ("dataset.labels", {"spleen": 2, "liver": 1}, "the order of content.labels"),
        ("dataset.intensity", "arbitrary", "content.intensity"),
        ("split.folds", 3, "folds"),
    ],
)
def test_a_plan_of_other_settings_is_refused(path, code, key, value, named):
    with pytest.raises(SlicewiseError, match=rf"plan.json: written for other .* \({named}\)"):
        read_plan(path, load_settings(changed(key, value)), "one", code)


def test_a_plan_of_other_code_is_refused(path, code):
    code["slicewise/two.py"] = "of another"
    with pytest.raises(SlicewiseError, match=r"edited since it was written \(slicewise/two.py\)"):
        read_plan(path, load_settings(CONFIG), "one", code)


def plan_of(labels: dict[str, list[int]], recipe: dict[str, Any], path: str, code: dict[str, str]):
    plan = read_plan(path, load_settings(CONFIG), "one", code)
    content = plan.content.model_copy(update={"labels": labels})
    settings = plan.settings.model_copy(update={"recipe": recipe, "also": []})
    return Plan(settings, plan.experiment, content, plan.code)


@pytest.fixture
def cut(tmp_path) -> Path:
    for number in range(3):
        folder = SliceFolder.below(tmp_path / "a", f"case{number}")
        volume, mask = disc_volume(number)
        geometry = extract(volume, mask, ["liver"], RECIPE, folder, intensity="hu")
        write_json(folder.geometry, geometry.model_dump())
    return tmp_path / "a"


def test_slices_as_planned_are_opened(cut, path, code):
    slices, validation_slices = read_slices(
        plan_of({"liver": [1]}, RECIPE.model_dump(), path, code), [cut]
    )
    assert (slices.cases, validation_slices.cases) == (["case0", "case1"], ["case2"])


def test_slices_of_other_labels_or_recipes_are_refused(cut, path, code):
    recipe = RECIPE.model_dump()
    with pytest.raises(SlicewiseError, match="numbered by liver, and dataset"):
        read_slices(plan_of({"spleen": [1], "liver": [2]}, recipe, path, code), [cut])
    with pytest.raises(SlicewiseError, match=r"case0 was cut by another recipe \(size\)"):
        read_slices(plan_of({"liver": [1]}, recipe | {"size": 64}, path, code), [cut])


def test_cases_whose_masks_are_numbered_in_different_ways_are_no_set(cut, path, code):
    folder = SliceFolder.below(cut, "case1")
    volume, mask = disc_volume(1)
    geometry = extract(volume, mask, ["b", "liver"], RECIPE, folder, intensity="hu")
    write_json(folder.geometry, geometry.model_dump())
    with pytest.raises(SlicewiseError, match="its labels are b, liver, those of other cases liver"):
        read_slices(plan_of({"liver": [1]}, RECIPE.model_dump(), path, code), [cut])
