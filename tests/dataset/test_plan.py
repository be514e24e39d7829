"""A configuration that follows from the training cases."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slicewise.config import Augmentation, load_settings
from slicewise.dataset.efforts import BUDGETS
from slicewise.dataset.fingerprint import Fingerprint, TrainingCase, fingerprint_of
from slicewise.dataset.plan import largest, plan
from slicewise.dataset.proposal import changes

EFFORTS = tuple(BUDGETS)
CT = Fingerprint(
    intensity="hu",
    contiguous=True,
    labels=1,
    channels=1,
    cases=16,
    slices=2048,
    plane="axial",
    agreement=1.0,
    rows=512,
    columns=512,
    extent=380.0,
    spacing=0.75,
    thickness=1.6,
    spread=1.0,
    lost=False,
    cubes=False,
    whole=(512, 512, 152),
    smallest=200.0,
    shown=0.8,
)
MR = replace(
    CT,
    intensity="arbitrary",
    labels=2,
    cases=128,
    slices=4096,
    rows=64,
    columns=48,
    extent=50.0,
    spacing=1.0,
    thickness=1.0,
    smallest=10.0,
)


HIPPOCAMPUS = replace(MR, cubes=True, whole=(40, 56, 48), slices=4096)


def value(planned, setting):
    (choice,) = [each for each in planned.choices if each.setting == setting]
    return choice.value


def reason(planned, setting):
    (choice,) = [each for each in planned.choices if each.setting == setting]
    return choice.reason


@st.composite
def fingerprints(draw):
    sides = st.integers(1, 60).map(lambda n: 16 * n)
    rows = draw(sides)
    contiguous = draw(st.booleans())
    planes = ["axial", "coronal", "sagittal", "acquired"] if contiguous else ["axial"]
    return Fingerprint(
        intensity=draw(st.sampled_from(["hu", "clipped_hu", "arbitrary"])),
        contiguous=contiguous,
        labels=draw(st.integers(1, 5)),
        channels=1,
        cases=draw(st.sampled_from([1, 2, 16, 1024])),
        slices=2 ** draw(st.integers(0, 20)),
        plane=draw(st.sampled_from(planes)),
        agreement=draw(st.sampled_from([0.4, 0.9, 1.0])),
        rows=rows,
        columns=draw(sides.filter(lambda n: n <= rows)),
        extent=draw(st.floats(10, 600)),
        spacing=draw(st.floats(0.1, 3)),
        thickness=draw(st.floats(0.1, 10)),
        spread=draw(st.floats(1, 3)),
        lost=draw(st.booleans()),
        cubes=draw(st.booleans()),
        whole=tuple(8 * draw(st.integers(1, 40)) for _ in range(3)),
        smallest=draw(st.none() | st.floats(0.1, 300)),
        shown=draw(st.none() | st.floats(0, 1)),
    )


def configuration(fingerprint, planned):
    labels = {f"organ{number + 1}": number + 1 for number in range(fingerprint.labels)}
    return {
        "dataset": {
            "name": "x",
            "layout": "msd",
            "root": "x",
            "labels": labels,
            "intensity": fingerprint.intensity,
            "contiguous": fingerprint.contiguous,
        },
        **planned.settings(),
    }


@settings(max_examples=150)
@given(fingerprints(), st.sampled_from(EFFORTS))
def test_a_plan_is_a_sound_configuration(fingerprint, effort):
    planned = plan(fingerprint, effort)
    # settings refuse what is wrong, and what has no effect beside another one
    made = load_settings(configuration(fingerprint, planned))
    experiment = made.experiments["baseline"]
    recipe = made.slices[experiment.slices]
    training = experiment.training
    depth = len(experiment.network.filters) - 1
    assert recipe.size % 2**depth == 0
    assert recipe.size >> depth >= 4
    assert training.batch >= 2
    whole = experiment.network.dimensions == 3
    samples = fingerprint.cases if whole else fingerprint.slices
    assert training.batch == 2 or training.batch <= 0.05 * samples
    assert recipe.size <= 2 * BUDGETS[effort].side
    assert experiment.augmentation.flip is False


@settings(max_examples=100)
@given(fingerprints(), st.sampled_from(EFFORTS))
def test_each_value_has_a_reason_in_one_sentence_and_is_plain(fingerprint, effort):
    planned = plan(fingerprint, effort)
    names = [choice.setting for choice in planned.choices]
    assert len(set(names)) == len(names)
    for choice in planned.choices:
        assert choice.reason[0].isupper() or choice.reason[0].isdigit()
        assert choice.reason.endswith(".")
        assert ". " not in choice.reason
        assert "\n" not in choice.reason
    assert json.loads(json.dumps(planned.dump())) == planned.dump()


@settings(max_examples=100)
@given(fingerprints(), st.sampled_from(EFFORTS))
def test_a_training_takes_the_time_that_its_effort_has(fingerprint, effort):
    planned = plan(fingerprint, effort)
    training = planned.experiment["training"]
    budget = BUDGETS[effort]
    images = training["batch"] * training["steps_per_epoch"] * training["epochs"]
    coarse = training.get("coarse", {"share": 0, "factor": 1})
    images *= 1 - coarse["share"] + coarse["share"] / coarse["factor"] ** 2
    block = planned.experiment["network"].get("block", 1)
    seconds = images * budget.seconds(planned.recipe["size"] ** 2 * block)
    # one epoch at least; a slice more than the effort goes to was taken for a small label
    one = seconds / training["epochs"]
    assert seconds <= max(1.1 * 3600 * budget.hours, 1.1 * one)


def test_slices_are_as_large_as_the_median_or_as_the_effort_allows():
    assert [value(plan(CT, effort), "slices.size") for effort in EFFORTS] == [128, 192, 256, 512]
    assert [value(plan(MR, effort), "slices.size") for effort in EFFORTS] == [64] * 4


def test_slices_are_smaller_where_there_is_no_time_to_look_at_them_often_enough():
    said = reason(plan(CT, "laptop"), "slices.size")
    assert said.endswith("and this effort has no time for 20000 slices larger than 192.")
    few = plan(replace(CT, slices=256), "laptop")
    assert value(few, "slices.size") == 256, "40 passes over them are enough"
    assert "goes to 256" in reason(few, "slices.size")


def test_slices_begin_coarse_where_there_is_no_time_to_see_enough_of_them():
    planned = plan(CT, "laptop")
    assert planned.experiment["training"]["coarse"] == {"share": 0.5, "factor": 1.5}
    # 128 pixels at first, of which a label of 24 in 512 has 6
    assert "coarse" in plan(replace(CT, smallest=24.0), "laptop").experiment["training"]
    for other, effort in (
        (CT, "quick"),
        (CT, "workstation"),
        (CT, "gpu"),
        (replace(CT, cases=8), "laptop"),
        (replace(CT, smallest=23.0), "laptop"),
        (MR, "laptop"),
        (HIPPOCAMPUS, "laptop"),
    ):
        assert "coarse" not in plan(other, effort).experiment["training"]
    pile = replace(CT, contiguous=False, rows=256, columns=256, slices=512)
    whole = plan(replace(pile, cases=8), "laptop")
    coarse = plan(pile, "laptop")
    steps = [
        value(each, "training.steps_per_epoch") * value(each, "training.epochs")
        for each in (whole, coarse)
    ]
    # as long, so 1.38 times as many steps
    assert steps[1] / steps[0] == pytest.approx(1.38, abs=0.05)
    assert "More time than 40 passes over some 512 slices" in reason(coarse, "training.epochs")


def test_a_small_label_is_not_made_smaller():
    small = replace(CT, smallest=8.0)
    planned = plan(small, "laptop")
    assert value(planned, "slices.size") == 384
    assert "would be lost" in reason(planned, "slices.size")
    assert value(plan(replace(CT, smallest=30.0), "laptop"), "slices.size") == 192


def test_the_network_halves_slices_until_they_are_4_by_4():
    assert value(plan(MR, "laptop"), "network.filters") == [16, 32, 64, 128, 256]
    assert value(plan(CT, "laptop"), "network.filters") == [16, 32, 64, 128, 256, 256]


def test_few_slices_make_small_batches_with_instance_normalisation():
    planned = plan(replace(CT, slices=64), "laptop")
    assert value(planned, "training.batch") == 3
    assert value(planned, "network.normalisation") == "instance"
    assert value(plan(CT, "laptop"), "network.normalisation") == "batch"
    assert value(plan(replace(CT, slices=8), "laptop"), "training.batch") == 2


def test_volumes_that_a_block_holds_whole_are_learnt_in_three_dimensions():
    planned = plan(HIPPOCAMPUS, "laptop")
    # 48 × 48 × 56 voxels, where axial slices would take 64 × 64 × 48
    assert planned.recipe_name == "coronal48"
    assert planned.experiment["network"] == {
        "dimensions": 3,
        "block": 56,
        "filters": [16, 32, 64, 128],
        "normalisation": "instance",
        "deep_supervision": True,
    }
    assert value(planned, "training.batch") == 5
    assert value(planned, "optimizer.learning_rate") == 0.004
    assert "40 × 56 × 48" in reason(planned, "slices.size")
    assert "%" not in reason(planned, "training.foreground"), "a share of slices says nothing here"


@pytest.mark.parametrize(
    "changed",
    [
        {"contiguous": False},
        {"cubes": False},
        {"whole": (512, 512, 152)},
    ],
)
def test_other_volumes_are_learnt_by_slices(changed):
    planned = plan(replace(HIPPOCAMPUS, **changed), "laptop")
    assert "dimensions" not in planned.experiment["network"]
    assert planned.recipe_name == "axial64"


def test_an_effort_without_room_for_two_volumes_takes_slices():
    assert "block" not in plan(HIPPOCAMPUS, "quick").experiment["network"]


@settings(max_examples=150)
@given(fingerprints(), st.sampled_from(EFFORTS))
def test_blocks_hold_what_they_are_said_to_hold(fingerprint, effort):
    seen = replace(fingerprint, contiguous=True, cubes=True, plane="axial")
    planned = plan(seen, effort)
    block = planned.experiment["network"].get("block")
    if block is None:
        # two volumes whole have no room in any plane
        least = min(
            max(side for other, side in enumerate(seen.whole) if other != axis) ** 2
            * seen.whole[axis]
            for axis in range(3)
        )
        assert 2 * 4 * least > BUDGETS[effort].pixels
        return
    axis = ("sagittal", "coronal", "axial").index(planned.recipe["plane"])
    sides = list(seen.whole)
    assert block >= sides.pop(axis)
    assert planned.recipe["size"] >= max(sides)


def test_small_volumes_are_told_by_19_of_20_cases():
    sides = [(35, 50, 36)] * 95 + [(36, 49, 60)] * 5
    cases = [TrainingCase(shape, (1, 1, 1), "RAS", {"organ": 3.0}) for shape in sides]
    found = fingerprint_of(cases, intensity="arbitrary", labels=1)
    assert found.whole == (40, 56, 40)
    assert found.cubes
    # axes as they are stored, and voxels of another size
    turned = [TrainingCase((36, 35, 50), (1, 1, 1), "SRA", {"organ": 3.0})] * 19
    coarse = TrainingCase((20, 25, 18), (2, 2, 2), "RAS", {"organ": 3.0})
    again = fingerprint_of([*turned, coarse], intensity="arbitrary", labels=1)
    assert again.whole == (40, 56, 40)
    flat = [TrainingCase((35, 50, 9), (1, 1, 4), "RAS", {"organ": 3.0})] * 2
    assert not fingerprint_of([*cases[:10], *flat], intensity="arbitrary", labels=1).cubes


def test_only_hounsfield_units_are_cut_by_what_is_inside_labels():
    assert value(plan(CT, "gpu"), "input.window") == "foreground"
    assert value(plan(MR, "gpu"), "input.window") == "none"
    assert value(plan(replace(CT, intensity="clipped_hu"), "gpu"), "input.normalisation") == "all"


def test_pixels_of_different_sizes_are_brought_to_one():
    mixed = plan(replace(CT, spread=1.4), "laptop")
    # 380 mm in 192 pixels
    assert value(mixed, "slices.spacing") == 2.2
    assert "380 mm" in reason(mixed, "slices.spacing")
    assert value(plan(replace(CT, spread=1.4), "gpu"), "slices.spacing") == 0.75
    assert value(mixed, "augmentation.scale") == 0.2
    assert "spacing" not in plan(CT, "laptop").recipe


def test_rounded_millimetres_and_minutes_are_said_as_such():
    small = replace(CT, slices=8, cases=2, spacing=0.83, thickness=5.0)
    said = reason(plan(small, "laptop"), "slices.plane")
    assert "about 0.83 mm in the median case, with about 5 mm" in said
    assert " 1 minutes" not in reason(plan(small, "quick"), "training.epochs")


def test_a_plane_of_most_says_why_it_is_not_that_of_each():
    planned = plan(replace(CT, agreement=0.7, lost=True), "laptop")
    assert value(planned, "slices.plane") == "axial"
    assert "lost the size of its voxels" in reason(planned, "slices.plane")


def test_what_has_lost_its_size_is_scaled_at_random_instead():
    for changed in ({"lost": True}, {"contiguous": False}):
        planned = plan(replace(CT, spread=1.4, **changed), "laptop")
        assert "spacing" not in planned.recipe
    assert value(plan(replace(CT, spread=1.4, lost=True), "laptop"), "augmentation.scale") == 0.3
    # and nobody says of sizes that nobody knows that they are similar
    assert "similar size" in reason(plan(replace(CT, spread=1.0), "laptop"), "augmentation.scale")
    planned = plan(replace(CT, spread=1.0, lost=True), "laptop")
    assert "may have lost the size" in reason(planned, "augmentation.scale")


@example(extent=340.0, rows=272, effort="workstation")
@given(st.floats(10, 600), st.integers(4, 64).map(lambda n: 16 * n), st.sampled_from(EFFORTS))
def test_a_median_slice_has_room_in_millimetres(extent, rows, effort):
    seen = replace(CT, extent=extent, rows=rows, columns=rows, spread=1.5, spacing=extent / rows)
    recipe = plan(seen, effort).recipe
    assert recipe["size"] * recipe["spacing"] >= 0.98 * extent
    # and no more is thrown away than has to be
    assert recipe["spacing"] <= 1.14 * max(extent / rows, extent / recipe["size"])


@pytest.mark.parametrize(("effort", "most"), [("quick", 2), ("laptop", 8), ("gpu", 8)])
def test_few_patients_are_changed_more(effort, most):
    """Where a training is short, only of the fewest: of others it learns less so."""
    for cases in (2 * most, 64):
        usual = plan(replace(CT, cases=cases), effort).experiment["augmentation"]
        assert set(usual) == {"rotation", "scale", "flip"}
    for cases in (1, most):
        few = plan(replace(CT, cases=cases), effort).experiment["augmentation"]
        defaults = Augmentation()
        for name in set(few) - {"flip"}:
            assert few[name] > getattr(defaults, name), name
        assert {"elastic", "shear", "gamma", "noise"} < set(few)


def test_the_study_of_few_patients_tries_what_plans_do():
    page = Path(__file__).resolve().parents[2] / "benchmarks/study.yaml"
    variants = yaml.safe_load(page.read_text(encoding="utf-8"))["few"]
    few = plan(replace(CT, cases=1), "laptop").experiment["augmentation"]
    assert {**variants["both"]["augmentation"], "flip": False} == few


def test_a_pile_of_slices_gets_no_component_in_3d():
    pile = plan(replace(CT, contiguous=False), "laptop")
    assert "postprocessing" not in pile.experiment
    assert "no neighbours" in reason(pile, "slices.plane")


def test_cases_of_different_planes_are_each_cut_along_their_own():
    planned = plan(replace(CT, plane="acquired", agreement=0.7), "laptop")
    assert value(planned, "slices.plane") == "acquired"
    assert "3 in 10 cases" in reason(planned, "slices.plane")
    assert planned.recipe_name == "acquired192"


def test_a_greater_effort_trains_more():
    def images(effort):
        training = plan(CT, effort).experiment["training"]
        return training["batch"] * training["steps_per_epoch"] * training["epochs"]

    assert images("quick") < images("laptop") < images("workstation") < images("gpu")


@settings(max_examples=60)
@given(fingerprints(), st.sampled_from(EFFORTS))
def test_no_plan_takes_more_memory_than_the_largest(fingerprint, effort):
    def pixels(planned):
        block = planned.experiment["network"].get("block", 1)
        return planned.recipe["size"] ** 2 * block * planned.experiment["training"]["batch"]

    most = largest(effort)
    assert pixels(plan(fingerprint, effort)) <= max(
        pixels(most), 2 * (2 * BUDGETS[effort].side) ** 2
    )
    assert most.experiment["network"]["filters"][-1] == BUDGETS[effort].widest


# --- one case more ------------------------------------------------------------------------------


def hospital(seed, number):
    """Cases of one kind of scanner, as they come."""
    random = np.random.default_rng(seed)
    typical = [random.choice([384, 512]), random.uniform(0.6, 1.0), random.uniform(1, 5)]
    cases = []
    for _ in range(number):
        inner = float(typical[1] * random.uniform(0.85, 1.15))
        shape = [int(typical[0]), int(typical[0]), int(random.integers(80, 160))]
        ml = {"liver": float(random.normal(1500, 250)), "tumour": float(random.uniform(1, 60))}
        cases.append(TrainingCase(shape, [inner, inner, float(typical[2])], "LPS", ml))
    return cases


def planned_for(cases, effort="laptop"):
    return plan(fingerprint_of(cases, intensity="hu", labels=2), effort)


@pytest.mark.parametrize("effort", EFFORTS)
def test_a_case_more_seldom_changes_the_plan(effort):
    changed = 0
    for seed in range(100):
        number = 12 + seed % 40
        cases = hospital(seed, number + 1)
        before = planned_for(cases[:-1], effort)
        after = planned_for(cases, effort)
        changed += bool(changes(before, after))
    assert changed <= 10


@given(st.integers(0, 1000), st.randoms())
def test_the_order_of_cases_never_changes_the_plan(seed, random):
    cases = hospital(seed, 15)
    mixed = list(cases)
    random.shuffle(mixed)
    assert planned_for(mixed) == planned_for(cases)


def test_another_kind_of_case_does_change_it():
    small = [TrainingCase((96, 96, 30), (3, 3, 3), "RAS", {"liver": 900.0})] * 40
    lines = changes(planned_for(hospital(1, 20)), planned_for(hospital(1, 20) + small))
    assert any(line.startswith("slices.size: 192 becomes 96.") for line in lines)
