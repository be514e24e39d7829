"""What rules tell their scripts: dumped and read again, it is the same."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from slicewise.config import Content, Dataset, Recipe, load_settings
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case import Case
from slicewise.jobs import Cases, Compare, Data, Ingest, Look, Plan, Propose
from tests.settings import LEAST

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="background")


def told(cfg: object) -> SimpleNamespace:
    return SimpleNamespace(params=SimpleNamespace(cfg=cfg))


def test_assignments_arrive_as_their_type():
    compare = Compare(
        dataset="a",
        experiments=["one"],
        repeats={},
        cases=[Assignment("a1", "a", "validation", 1)],
    )
    assert compare.dump()["cases"] == [
        {"case": "a1", "patient": "a", "subset": "validation", "fold": 1}
    ]
    assert Compare.of(told(compare.dump())) == compare


def test_settings_of_ingest_alone_reach_nothing_after_it():
    read = Cases(content=CONTENT, cases=["a1"]).dump()["content"]
    ingested = Ingest(content=CONTENT, cases=[("a1", "a")]).dump()["content"]
    assert ingested.keys() - read.keys() == {"empty_masks", "masks"}
    assert Cases.of(told({"content": read, "cases": ["a1"]})).content == CONTENT


def test_a_case_without_a_mask_is_told_apart():
    whole = Case("a", "a", (Path("a.nii"),), (Path("m.nii"),))
    bad = Case("b", "b", (Path("b.nii"),), (), lacks="b.nii: image without mask")
    told_of = Ingest.of_cases([whole, bad], CONTENT)
    assert (told_of.cases, told_of.lacking) == ([("a", "a")], {"b": "b.nii: image without mask"})
    # what changes nothing for a data set without such a case
    assert "lacking" not in Ingest.of_cases([whole], CONTENT).dump()


def test_a_training_is_told_what_its_plan_says():
    settings = load_settings(LEAST)
    plan = Plan(
        experiment={"effort": "quick"},
        recipe=Recipe(size=16),
        content=CONTENT,
        train=["a1"],
        validation_cases=[],
        validation={"may_select": True, "patients": {}},
        patients={"a1": "a"},
        also=[],
        folds=1,
    )
    assert Plan.of(told(plan.dump())) == plan
    resolved = plan.resolved(settings, "e")
    assert resolved.recipe == settings.slices[settings.experiments["e"].slices]
    assert resolved.experiment["training"]["epochs"] == 60
    assert "prediction" not in resolved.experiment
    assert resolved.train == ["a1"]


def test_the_page_about_the_data_is_told_who_goes_where():
    cases = [Assignment("a1", "a", "train", 0)]
    told_of = Data(dataset="d", content=CONTENT, cases=cases, columns={"site": {"a": "x"}})
    assert Data.of(told(told_of.dump())) == told_of
    assert "not_the_same" not in told_of.dump()
    look = Look(content=CONTENT, cases=["a1"])
    assert "masks" not in look.dump()["content"]
    assert Look.of(told(look.dump())).cases == ["a1"]


def test_a_parameter_that_no_script_knows_is_refused():
    with pytest.raises(ValidationError, match="more"):
        Cases.of(told({"content": CONTENT.once_read, "cases": [], "more": 1}))


def test_a_plan_is_told_what_all_cases_hold():
    dataset = Dataset(name="x", layout="msd", root="x", labels={"liver": 1, "spleen": 2})
    told = Propose(content=dataset.content, cases=["a"], effort="gpu")
    again = Propose.model_validate(told.dump())
    assert again.kind == {"intensity": "hu", "contiguous": True, "labels": 2}
