"""Shards: a new case changes one of them, and test cases share none with others."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Split
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case import Case
from slicewise.dataset.shards import current_shards, predicted_shards, shards, shares
from slicewise.dataset.split import split_cases

names = st.text("abcdefgh0123456789_.-", min_size=1, max_size=8)
quick = settings(max_examples=60, deadline=None)


@quick
@given(st.sets(names, min_size=1, max_size=120), names, st.integers(1, 40))
def test_a_new_case_changes_one_share_unless_their_number_doubles(cases, new, size):
    before, after = shares(cases, size), shares({*cases, new}, size)
    number = [2 ** max(0, math.ceil(math.log2(n / size))) for n in (len(cases), len({*cases, new}))]
    if number[0] == number[1]:
        changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
        assert len(changed) == (new not in cases)


@quick
@given(st.sets(names, max_size=120), st.integers(1, 40))
def test_every_case_is_in_one_share(cases, size):
    shared = shares(cases, size)
    assert sorted(itertools.chain(*shared.values())) == sorted(cases)
    assert all(share == sorted(share) and share for share in shared.values())
    assert len(cases) <= size * 2 ** max(0, math.ceil(math.log2(max(1, len(cases)) / size)))


def test_shares_stay_about_as_large_as_asked():
    shared = shares([f"case{k}" for k in range(2000)], 32)
    assert len(shared) == 64
    assert max(map(len, shared.values())) < 64


def test_when_the_number_of_shares_doubles_each_splits_in_two():
    few, many = (shares([f"case{k}" for k in range(n)], 4) for n in (8, 9))
    assert (max(few) < 2, max(many) < 4) == (True, True)
    for number, share in many.items():
        assert set(share) - {"case8"} <= set(few[number % 2])


def test_few_cases_are_shared_out_all_the_same():
    assert len(shares([f"case{k}" for k in range(20)], 32, least=4)) == 4
    assert len(shares([f"case{k}" for k in range(2000)], 32, least=4)) == 64


def case(name: str, *files: str) -> Case:
    sources = tuple(map(Path, files or (f"{name}.nii.gz",)))
    return Case(name, name, sources, (Path(f"{name}_mask.nii.gz"),))


@quick
@given(st.sets(names, min_size=6, max_size=120), names, st.integers(1, 4))
def test_a_new_test_case_changes_no_shard_of_others(found, new, folds):
    def shared(wanted: set[str]) -> tuple[dict[str, list[str]], set[str]]:
        cases = [case(name) for name in sorted(wanted)]
        assigned = [
            Assignment(c.name, c.name, "test" if c.name == new else "train", folds) for c in cases
        ]
        made = shards(cases, assigned)
        assert sorted(itertools.chain(*made.values())) == sorted(wanted)
        return made, {shard for shard, members in made.items() if new in members}

    (before, _), (after, own) = shared(found - {new}), shared(found | {new})
    assert {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)} == own


def test_a_case_that_is_converted_has_a_shard_of_its_own():
    cases = [case("a"), case("b", "b/1.dcm", "b/2.dcm"), case("c", "c.nrrd"), case("d")]
    assigned = split_cases(cases, Split(test=0, validation=0))
    made = shards(cases, assigned)
    assert (made["case-b"], made["case-c"]) == (["b"], ["c"])
    assert sorted(itertools.chain(*made.values())) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("folds", [1, 5])
def test_a_shard_of_test_cases_is_predicted_by_one_job(folds):
    cases = [case(f"c{k}") for k in range(900)]
    assigned = split_cases(cases, Split(folds=folds))
    scored = [a.case for a in assigned if a.subset != "train" or folds > 1]
    predicted = {name: number for number, part in shares(scored, 32).items() for name in part}
    for name, members in shards(cases, assigned).items():
        if name.startswith("test"):
            assert len({predicted[member] for member in members}) == 1


def test_where_each_is_alone_a_shard_is_called_as_its_case():
    assert predicted_shards(["b", "a"], 32, alone=True) == {"a": ["a"], "b": ["b"]}
    assert predicted_shards(["b", "a"], 32, alone=False) == {"0": ["a", "b"]}


@pytest.mark.parametrize("alone", [False, True])
def test_shards_that_an_earlier_prediction_left_are_told_from_those_of_the_last(alone):
    every = [f"c{k}" for k in range(40)]
    fewer = every[:20]
    made = predicted_shards(every, 4, alone=alone)
    left = made | (last := predicted_shards(fewer, 4, alone=alone))
    assert left.keys() > last.keys()
    assert sorted(current_shards(every, made)) == sorted(made)
    assert sorted(current_shards(fewer, left)) == sorted(last)
    assert current_shards(every, left) == (list(made) if alone else [])
