"""What a recipe says of the cases that it cuts, from their records alone."""

import logging

import numpy as np
import pytest

from slicewise.config import Content, Experiment, Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.suits import (
    CaseCut,
    canonical_spacing,
    check_measured,
    check_predicted,
    check_seen,
    suits,
)
from slicewise.volumes.volume import Volume
from tests.case_records import case_record

HEART = {
    "p1": case_record("p1", spacing=[1.4, 1.4, 9.6], orientation="RAS"),
    "p2": case_record("p2", spacing=[9.6, 1.4, 1.4], orientation="PIR"),
    "p3": case_record("p3", spacing=[1.4, 1.4, 9.6], orientation="PIR"),
}
CONTENT = Content(intensity="hu", contiguous=True, labels={"l": [1]}, other_labels="refuse")


@pytest.mark.parametrize("codes", ["RAS", "LPS", "ASR", "PIR", "SLA"])
def test_the_spacing_of_a_record_is_that_of_the_canonical_volume(codes):
    direction = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, (code, size) in enumerate(zip(codes, (0.5, 1.5, 3.0), strict=True)):
        target, sign = direction[code]
        affine[target, axis] = sign * size
    volume = Volume(np.zeros((2, 3, 4), np.uint8), affine)
    assert volume.orientation == codes
    record = case_record("p", spacing=[*volume.spacing], orientation=volume.orientation)
    assert canonical_spacing(record) == pytest.approx(volume.canonical().spacing)


def test_strips_across_a_short_axis_stack_are_said_in_one_line():
    said = suits("heart", Recipe(plane="axial", size=64), [*HEART.values()])
    assert "\n" not in said
    assert said == (
        "slices.heart: of 3 cases cut axial, 2 cases were acquired in another plane (p2: coronal, "
        "p3: sagittal), and 2 cases have pixels more than twice as long as wide (p2: 1.4 × 9.6 mm, "
        "p3: 9.6 × 1.4 mm); plane: acquired cuts each along its two finest axes"
    )


def test_what_is_cut_as_it_was_acquired_says_nothing():
    assert not suits("heart", Recipe(plane="acquired"), [*HEART.values()])
    assert not suits("heart", Recipe(), [HEART["p1"]])
    thin = case_record("p", spacing=[0.7, 0.7, 0.5], orientation="LPS")
    cubes = case_record("q", spacing=[1.0, 1.003, 1.0], orientation="LPS")
    for plane in ("axial", "coronal", "sagittal"):
        assert not suits("any", Recipe(plane=plane), [cubes])
    assert not suits("ct", Recipe(), [thin, cubes])
    assert not suits("ct", Recipe(plane="acquired"), [thin, cubes])
    assert CaseCut.of(thin, Recipe()).finest == ("axial", "coronal", "sagittal")


def test_pixels_that_no_plane_makes_square_are_said():
    said = suits("r", Recipe(plane="acquired"), [case_record("p", spacing=[1.0, 3.0, 4.0])])
    assert said == (
        "slices.r: of 1 case cut acquired, 1 case has pixels more than twice as long as wide "
        "(p: 1 × 3 mm); spacing (mm) makes them squares"
    )
    squares = Recipe(plane="acquired", spacing=1.0)
    assert not suits("r", squares, [case_record("p", spacing=[1.0, 3.0, 4.0])])
    across = Recipe(plane="coronal", spacing=1.0)
    assert "in another plane" in suits("r", across, [case_record("p", spacing=[1.0, 3.0, 4.0])])
    assert not suits("r", Recipe(), [case_record("p", spacing=[1.0, 2.0, 4.0])])


def test_a_tilted_cut_lies_in_no_plane():
    near = case_record("p", spacing=[1.0, 1.0, 1.5])
    assert suits("r", Recipe(plane="coronal"), [near])
    assert not suits("r", Recipe(plane="coronal", tilt=[10.0, 0.0]), [near])


def test_many_cases_are_counted_and_few_named():
    records = [case_record(f"p{k}", spacing=[1.0, 1.0, 9.0]) for k in range(40)]
    said = suits("r", Recipe(plane="coronal"), records)
    assert "40 cases were acquired in another plane" in said
    assert "p39" not in said
    assert len(said) < 500


def test_a_lost_geometry_is_refused_where_the_cut_follows_from_it():
    lost = case_record("p", lost=True, spacing=[1.0, 1.0, 1.0])
    check_measured(Recipe(), CONTENT, lost)
    with pytest.raises(SlicewiseError, match="lost"):
        check_measured(Recipe(spacing=1.0), CONTENT, lost)
    check_measured(Recipe(plane="acquired"), CONTENT, case_record("p"))
    given = CONTENT.model_copy(update={"spacing": [0.8, 0.8, 5.0]})
    check_measured(Recipe(plane="acquired"), given, lost)
    with pytest.raises(SlicewiseError, match=r"case p: .* lost .* dataset\.spacing"):
        check_measured(Recipe(plane="acquired"), CONTENT, lost)


def test_a_lost_geometry_is_refused_where_what_is_seen_follows_from_it():
    lost = case_record("p", lost=True, spacing=[1.0, 1.0, 1.0])
    given = CONTENT.model_copy(update={"spacing": [0.8, 0.8, 5.0]})
    with pytest.raises(SlicewiseError, match=r"case p: .* lost .* not tilted"):
        check_measured(Recipe(tilt=[0.0, 5.0]), CONTENT, lost)
    check_measured(Recipe(tilt=[0.0, 5.0]), given, lost)
    plain = Experiment(slices="a")
    block = Experiment(slices="a", network={"dimensions": 3, "block": 8})
    for each in (plain, block):
        check_seen(each, CONTENT, [lost], [lost])
    context = Experiment(slices="a", input={"context": 3})
    for cases in ([lost], []), ([], [lost]):
        with pytest.raises(SlicewiseError, match=r"case p: .* lost .* input\.context: 1"):
            check_seen(context, CONTENT, *cases)
        check_seen(context, given, *cases)
    check_seen(context, CONTENT, [case_record("q")], [case_record("r")])
    tilted = Experiment(slices="a", inference={"tilt": 20.0})
    check_seen(tilted, CONTENT, [lost], [])
    with pytest.raises(SlicewiseError, match=r"case p: .* lost .* inference\.tilt: 0"):
        check_seen(tilted, CONTENT, [], [lost])


@pytest.mark.parametrize(
    ("experiment", "recipe", "instead"),
    [
        ({"input": {"context": 3}}, {}, r"input\.context: 1"),
        ({"inference": {"tilt": 20.0}}, {}, r"inference\.tilt: 0"),
        ({}, {"spacing": 1.0}, "counts pixels"),
        ({}, {"plane": "acquired"}, "counts pixels"),
    ],
)
def test_what_could_not_be_predicted_is_refused_before_a_training(experiment, recipe, instead):
    made = Experiment(slices="a", **experiment), Recipe(**recipe)
    check_predicted(*made, [])
    check_predicted(Experiment(slices="a"), Recipe(), ["p"])
    with pytest.raises(SlicewiseError, match=rf"case p: .* lost .* dataset\.spacing, .*{instead}"):
        check_predicted(*made, ["p", "q"])


def test_the_line_is_said_at_the_cut(tmp_path, caplog):
    """As `cut_cases` says it, of the cases of a shard together."""
    from slicewise.dataset.case_record import write_case_records
    from slicewise.slices.cases import cut_cases

    write_case_records(tmp_path / "records.json", HEART.values())
    with caplog.at_level(logging.WARNING), pytest.raises(SlicewiseError):
        cut_cases(
            list(HEART),
            CONTENT,
            Recipe(size=64),
            case_records=tmp_path / "records.json",
            images=["none.nii.gz"] * 3,  # which the first case stops at
            masks=["none.nii.gz"] * 3,
            place=tmp_path / "heart",
        )
    assert [record.getMessage() for record in caplog.records] == [
        suits("heart", Recipe(size=64), [*HEART.values()])
    ]
