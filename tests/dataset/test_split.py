"""The split: whole patients, stable under growth, the same whatever the order of files."""

import collections
import dataclasses
import hashlib
import itertools
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Split
from slicewise.dataset.assignment import Assignment, split_table
from slicewise.dataset.case import Case
from slicewise.dataset.split import (
    held_out_cases,
    name_hash,
    number_of_folds,
    read_strata,
    split_cases,
    training_cases,
    warn_of_shared,
    with_strata,
)
from slicewise.errors import SlicewiseError

names = st.text("abcdefgh0123456789_.-", min_size=1, max_size=8)
patients = st.lists(names, min_size=1, max_size=40, unique=True)
seeds = st.integers(0, 10_000)
fractions = st.floats(0, 0.9).map(lambda x: round(x, 3))
quick = settings(max_examples=60, deadline=None)


def cases_of(patients, each: int = 1, subset=None) -> list[Case]:
    return [Case(f"{p}~{k}", p, (), (), subset) for p in patients for k in range(each)]


def subsets(cases, wanted: Split) -> dict[str, str]:
    """Subset of each patient."""
    return {a.patient: a.subset for a in split_cases(cases, wanted)}


def counted(cases, wanted: Split) -> tuple[int, int, int]:
    count = collections.Counter(subsets(cases, wanted).values())
    return count["train"], count["validation"], count["test"]


@quick
@given(patients, st.integers(1, 3), fractions, fractions, seeds)
def test_a_patient_is_never_on_both_sides(patients, each, test, validation, seed):
    try:
        assigned = split_cases(
            cases_of(patients, each), Split(test=test, validation=validation, seed=seed)
        )
    except SlicewiseError as error:
        assert "leave" in str(error)  # nobody left to train on is refused, not worked around
        return
    by_patient = collections.defaultdict(set)
    for a in assigned:
        by_patient[a.patient].add(a.subset)
    assert all(len(subset) == 1 for subset in by_patient.values())
    assert [a.case for a in assigned] == [c.name for c in cases_of(patients, each)]


@quick
@given(patients, names, fractions, fractions, seeds)
def test_a_new_patient_moves_at_most_one_other_across_each_boundary(
    patients, new, test, validation, seed
):
    wanted = Split(test=test, validation=validation, seed=seed)
    if new in patients:
        return
    try:
        before, after = (subsets(cases_of(p), wanted) for p in (patients, [*patients, new]))
    except SlicewiseError as error:
        assert "leave" in str(error)
        return
    moved = [p for p in patients if before[p] != after[p]]
    across_test = [p for p in moved if "test" in (before[p], after[p])]
    assert len(across_test) <= 1
    # Below four patients validation is empty, so there it begins all at once.
    left = [sum(s != "test" for s in side.values()) for side in (before, after)]
    if min(left) >= 4:
        assert len(moved) - len(across_test) <= 2


@quick
@given(patients, st.randoms(), seeds)
def test_the_order_of_files_means_nothing(patients, random, seed):
    shuffled = list(patients)
    random.shuffle(shuffled)
    wanted = Split(seed=seed)
    if len(patients) > 1:
        assert subsets(cases_of(patients), wanted) == subsets(cases_of(shuffled), wanted)


def test_strata_are_shown_beside_other_columns_by_case():
    patients = {"p": "4.0", "q": "0"}
    cases = [
        Case(f"{p}{k}", p, (), (), None, (("ml_cyst", ml),))
        for p, ml in patients.items()
        for k in "ab"
    ]
    columns = {"site": {"pa": "A"}}
    assert with_strata(columns, cases, Split()) == columns
    told = with_strata(columns, cases, Split(stratify="ml_cyst"))
    assert list(told) == ["ml_cyst", "site"]
    assert told["ml_cyst"] == {"pa": "yes", "pb": "yes", "qa": "no", "qb": "no"}


def folds_of(patients, wanted: Split, columns=None) -> dict[str, int]:
    """Fold of each patient."""
    cases = [Case(p, p, (), (), None, (columns or {}).get(p, ())) for p in patients]
    return {a.patient: a.fold for a in split_cases(cases, wanted)}


@quick
@given(st.lists(names, min_size=2, max_size=60, unique=True), st.integers(2, 10), seeds, names)
def test_folds_are_of_one_size_and_a_new_patient_moves_few_others(patients, folds, seed, new):
    wanted = Split(test=0, folds=folds, seed=seed)
    if len(patients) < folds:
        with pytest.raises(SlicewiseError, match="use fewer folds"):
            folds_of(patients, wanted)
        return
    first = folds_of(patients, wanted)
    sizes = [collections.Counter(first.values())[fold] for fold in range(folds)]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1
    second = folds_of({*patients, new}, wanted)
    assert sum(first[p] != second[p] for p in patients) <= folds - 1


@quick
@given(st.lists(names, min_size=12, max_size=60, unique=True), st.integers(2, 6), seeds, names)
def test_with_test_patients_a_new_patient_moves_few_others_too(patients, folds, seed, new):
    wanted = Split(test=0.25, folds=folds, seed=seed)
    first, second = (folds_of(p, wanted) for p in (patients, {*patients, new}))
    # at most one goes to the test set or comes from it, which the folds see as one more change
    assert sum(first[p] != second[p] for p in patients) <= 2 * (folds - 1) + 1


def test_a_new_patient_moves_two_others_on_average_with_five_folds():
    moved = []
    for seed in range(200):
        wanted = Split(test=0, folds=5, seed=seed)
        patients = [f"p{k}" for k in range(50)]
        first, second = (folds_of(p, wanted) for p in (patients, [*patients, "new"]))
        moved.append(sum(first[p] != second[p] for p in patients))
    assert 1.5 < sum(moved) / len(moved) < 2.3


@pytest.mark.parametrize(("patients", "folds"), [(13, 5), (5, 5), (50, 5), (7, 2), (3, 3)])
def test_folds_exist_for_every_seed(patients, folds):
    for seed in range(300):
        found = folds_of([f"p{k}" for k in range(patients)], Split(test=0, folds=folds, seed=seed))
        sizes = [collections.Counter(found.values())[fold] for fold in range(folds)]
        assert max(sizes) - min(sizes) <= 1


@quick
@given(st.randoms(), seeds, st.integers(2, 6))
def test_the_order_of_files_means_nothing_to_folds(random, seed, folds):
    patients = [f"p{k}" for k in range(17)]
    wanted = Split(test=3, folds=folds, seed=seed)
    first = folds_of(patients, wanted)
    random.shuffle(patients)
    assert folds_of(patients, wanted) == first


# --- strata --------------------------------------------------------------------------------

strata = st.dictionaries(names, st.sampled_from(["A", "B", "C"]), min_size=12, max_size=60)


def with_centre(of: dict[str, str]) -> dict[str, tuple]:
    return {patient: (("centre", centre),) for patient, centre in of.items()}


@quick
@given(strata, st.integers(2, 6), seeds)
def test_folds_share_out_each_stratum(centres, folds, seed):
    wanted = Split(test=0, folds=folds, seed=seed, stratify="centre")
    found = folds_of(centres, wanted, with_centre(centres))
    groups = [found, *({p: found[p] for p in centres if centres[p] == c} for c in "ABC")]
    for group in groups:
        sizes = [collections.Counter(group.values())[fold] for fold in range(folds)]
        assert max(sizes) - min(sizes) <= 1


@quick
@given(strata, seeds, st.floats(0.1, 0.6).map(lambda x: round(x, 3)))
def test_test_and_validation_share_out_each_stratum(centres, seed, fraction):
    wanted = Split(test=fraction, validation=fraction, seed=seed, stratify="centre")
    cases = [Case(p, p, (), (), None, columns) for p, columns in with_centre(centres).items()]
    try:
        found = subsets(cases, wanted)
    except SlicewiseError as error:
        assert "leave" in str(error)
        return
    plain = counted(cases, Split(test=fraction, validation=fraction, seed=seed))
    assert counted(cases, wanted) == plain
    for centre in "ABC":
        there = [p for p in centres if centres[p] == centre]
        share = sum(found[p] == "test" for p in there)
        exact = len(there) * sum(s == "test" for s in found.values()) / len(centres)
        assert abs(share - exact) < 1.5


@quick
@given(strata, st.integers(2, 5), seeds, names, st.sampled_from("ABC"))
def test_with_strata_a_new_patient_moves_few_others(centres, folds, seed, new, centre):
    if new in centres:
        return
    wanted = Split(test=0, folds=folds, seed=seed, stratify="centre")
    grown = {**centres, new: centre}
    first, second = (folds_of(c, wanted, with_centre(c)) for c in (centres, grown))
    assert sum(first[p] != second[p] for p in centres) <= 3 * (folds - 1)


def test_strata_of_their_own_do_not_go_by_their_names():
    """A column of other values for all is as good as none: chance decides, not the alphabet."""
    centres = {f"p{k:02d}": f"{k:02d}" for k in range(40)}
    cases = [Case(p, p, (), (), None, columns) for p, columns in with_centre(centres).items()]
    found = subsets(cases, Split(test=10, stratify="centre"))
    assert sorted(p for p, s in found.items() if s == "test") != sorted(centres)[:10]


def test_strata_of_another_table_and_presence_of_a_label(tmp_path, monkeypatch, refused):
    patients = [f"p{k}" for k in range(12)]
    rows = "".join(f"{p}\t{0.0 if k % 3 else 1.5}\n" for k, p in enumerate(patients))
    (tmp_path / "cases.tsv").write_text("case\tml_tumour\n" + rows)
    wanted = Split(test=0, folds=4, stratify="ml_tumour", strata="cases.tsv")
    found = split_cases([Case(p, p, (), ()) for p in patients], wanted, tmp_path)
    assert collections.Counter(a.fold for a in found if int(a.patient[1:]) % 3 == 0) == {
        0: 1,
        1: 1,
        2: 1,
        3: 1,
    }
    cases = [Case(p, p, (), ()) for p in patients]
    monkeypatch.setenv("STRATA", str(tmp_path / "cases.tsv"))
    for path in ("$STRATA", str(tmp_path / "${NAME}.tsv")):
        monkeypatch.setenv("NAME", "cases")
        assert split_cases(cases, wanted.model_copy(update={"strata": path}), tmp_path) == found
    (tmp_path / "cases.npz").touch()
    assert "copy it" in refused(split_cases, [Case("p1", "p1", (), ())], wanted, tmp_path)
    (tmp_path / "cases.npz").unlink()
    cases = [Case(p, p, (), ()) for p in [*patients, "new"]]
    assert "no ml_tumour" in refused(split_cases, cases, wanted, tmp_path)
    for text, part in (("a\tb\n1\t2\n", "case or patient"), ("case\tx\np1\t2\n", "ml_tumour")):
        (tmp_path / "cases.tsv").write_text(text)
        assert part in refused(split_cases, cases[:3], wanted, tmp_path)


@pytest.mark.parametrize(
    ("columns", "part"),
    [
        ([(), (), ()], "no table has a column 'centre'"),
        ([(("site", "A"),)] * 3, "there are: site"),
        ([(("centre", "A"),), (("centre", ""),), (("centre", "B"),)], "case c1 no centre"),
        ([(("centre", "A"),), (("centre", "B"),), (("centre", "B"),)], "patient p several values"),
    ],
)
def test_faults_of_strata(refused, columns, part):
    owners = ("p", "p", "q")
    cases = [Case(f"c{k}", owners[k], (), (), None, columns[k]) for k in range(3)]
    assert part in refused(split_cases, cases, Split(test=1, stratify="centre"))


def test_rows_of_a_patient_may_differ_in_volumes_but_not_in_what_they_are_shared_out_by(
    tmp_path, refused
):
    cases = [Case(name, name[0], (), ()) for name in ("a1", "a2", "b1", "c1")]
    rows = [("a", "Ulm", "2"), ("b", "Ulm", "0"), ("a", "Bonn", "7"), ("c", "Bonn", "1")]
    lines = [("patient", "site", "ml_cyst"), *rows]
    (tmp_path / "t.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    by_label = Split(stratify="ml_cyst", strata="t.tsv")
    assert read_strata(cases, by_label, tmp_path) == {"a": "yes", "b": "no", "c": "yes"}
    message = refused(read_strata, cases, Split(stratify="site", strata="t.tsv"), tmp_path)
    assert "t.tsv gives patient a several values of site (Bonn, Ulm)" in message


def test_the_first_of_all_are_shared_out_by_the_method_of_sainte_lague():
    """Nine patients, seven at A: by 1, 3, 5, … the quotients are A 7, 2.3, 1.4, …, B 2, 0.7."""
    centres = {f"p{k}": "A" if k < 7 else "B" for k in range(9)}
    cases = [Case(p, p, (), (), None, columns) for p, columns in with_centre(centres).items()]
    for seed in range(5):
        tested = []
        for number in range(1, 9):
            found = subsets(cases, Split(test=number, validation=0, seed=seed, stratify="centre"))
            tested.append(sum(found[p] == "test" and centres[p] == "B" for p in centres))
        assert tested == [0, 0, 1, 1, 1, 1, 2, 2]


def test_the_first_folds_have_one_more_and_the_next_stratum_goes_on_behind_them():
    centres = {f"p{k}": "A" if k < 7 else "B" for k in range(11)}
    wanted = Split(test=0, folds=5, stratify="centre")
    found = folds_of(centres, wanted, with_centre(centres))
    sizes = {
        centre: [sum(found[p] == k and centres[p] == centre for p in centres) for k in range(5)]
        for centre in "AB"
    }
    assert sizes == {"A": [2, 2, 1, 1, 1], "B": [1, 0, 1, 1, 1]}


def test_any_volume_is_the_presence_of_a_label():
    volumes = {f"p{k}": "0.001" if k < 4 else ("1.0" if k < 6 else "0.0") for k in range(12)}
    columns = {patient: (("ml_cyst", ml),) for patient, ml in volumes.items()}
    wanted = Split(test=0, folds=6, stratify="ml_cyst")
    found = folds_of(volumes, wanted, columns)
    assert sorted(found[p] for p in volumes if volumes[p] != "0.0") == list(range(6))


def test_without_folds_there_is_one_training():
    assert number_of_folds([Assignment("a", "a", "train", None)]) == 1
    assert number_of_folds([]) == 1
    assert number_of_folds([Assignment("a", "a", "train", 2)]) == 3


# --- cases that may share a patient --------------------------------------------------------


def test_cases_that_seem_to_share_a_patient_are_said(caplog):
    cases = [
        Case(f"genius_{p:02d}{s:02d}", f"genius_{p:02d}{s:02d}", (), (), guessed=True)
        for p in range(1, 7)
        for s in range(4)
    ]
    wanted = Split(test=6, validation=0)
    warn_of_shared(cases, {a.case: a for a in split_cases(cases, wanted)})
    (record,) = caplog.records
    said = record.getMessage()
    assert re.match(r"genius_0\d has [123] cases? in (train|test) and [123] in (train|test)", said)
    assert "set dataset.patient_pattern (such as '^(?P<patient>genius_[0-9]{2})'), or null" in said
    caplog.clear()
    told = [dataclasses.replace(case, guessed=False) for case in cases]
    warn_of_shared(told, {a.case: a for a in split_cases(told, wanted)})
    assert not caplog.records


def said_of(places: dict[str, tuple[str, int | None]], caplog) -> str:
    """Return the line about cases of these names, which go to these subsets and folds."""
    cases = [Case(name, name, (), (), guessed=True) for name in places]
    where = {name: Assignment(name, name, *place) for name, place in places.items()}
    warn_of_shared(cases, where)
    (record,) = caplog.records
    return record.getMessage()


def test_of_patients_who_seem_torn_the_worst_is_said(caplog):
    places = {f"p{k}_{scan}": ("train", None) for k in (1, 2, 3) for scan in ("ED", "ES")}
    places["p2_ES"] = ("test", None)
    said = said_of(places, caplog)
    assert said.startswith("p2 has 1 case in test and 1 in train, and 2 more such names several")


def test_of_patients_torn_alike_the_first_is_said_and_folds_are_named(caplog):
    places = {
        **{"p1_ED": ("train", 1), "p1_ES": ("train", 1), "p1_MD": ("train", 0)},
        **{"p2_ED": ("train", 1), "p2_ES": ("train", 1), "p2_MD": ("train", 0)},
    }
    said = said_of(places, caplog)
    assert said.startswith("p1 has 2 cases in fold 1 and 1 in fold 0, and 1 more such name several")


def test_frames_that_are_of_one_patient_already_are_no_scans_to_be_asked_about(caplog):
    names = ["p1_rest", "p1_stress", "p2_rest", "p2_stress", "p3_rest"]
    cases = [
        Case(f"{name}_{frame}", name, (), (), guessed=True, frame=frame)
        for name in names
        for frame in (0, 9)
    ]
    wanted = Split(test=2, validation=1)
    warn_of_shared(cases[::4], {a.case: a for a in split_cases(cases, wanted)})
    assert not caplog.records
    warn_of_shared(cases, {a.case: a for a in split_cases(cases, wanted)})
    (record,) = caplog.records
    assert "(such as '^(?P<patient>p[0-9]+)')" in record.getMessage()


@pytest.mark.parametrize("number", ["{:03}", "{}"])
def test_a_pattern_that_is_offered_holds_for_frames_too(number, caplog):
    """It takes the number of the patient, and not that of the frame, which would be refused."""
    names = [f"{side}_{number.format(k)}" for side in ("left", "right") for k in range(8, 12)]
    cases = [
        Case(f"{name}_{frame}", name, (), (), guessed=True, frame=frame)
        for name in names
        for frame in (2, 13)
    ]
    warn_of_shared(cases, {a.case: a for a in split_cases(cases, Split(test=2, validation=1))})
    (record,) = caplog.records
    pattern = re.search(r"such as '(.*)'\)", record.getMessage())[1]
    patients = {re.search(pattern, case.name)["patient"] for case in cases}
    assert patients == {number.format(k) for k in range(8, 12)}


def test_a_name_has_a_number_of_its_own():
    digest = hashlib.sha256(b"7:test:p01").digest()
    assert name_hash(7, "test", "p01") == int.from_bytes(digest, "big")


@pytest.mark.parametrize("folds", [2, 3])
def test_folds_hold_out_every_patient_once_and_no_test_patient_ever(folds):
    cases = cases_of([f"p{k}" for k in range(20)], 2)
    assigned = split_cases(cases, Split(test=5, folds=folds))
    test = {a.case for a in assigned if a.subset == "test"}
    assert len(test) == 10
    assert all((a.fold is None) == (a.case in test) for a in assigned)
    assert not [a for a in assigned if a.subset == "validation"]
    held_out = [held_out_cases(assigned, k, folds) for k in range(folds)]
    assert sorted(itertools.chain(*held_out)) == sorted(
        a.case for a in assigned if a.case not in test
    )
    for k in range(folds):
        trained = training_cases(assigned, k, folds)
        assert not set(trained) & set(held_out[k])
        assert not set(trained) & test
        assert {*trained, *held_out[k], *test} == {a.case for a in assigned}


def test_without_folds_validation_is_held_out():
    assigned = split_cases(cases_of([f"p{k}" for k in range(20)]), Split(test=5, validation=3))
    assert len(training_cases(assigned, 0, 1)) == 12
    assert len(held_out_cases(assigned, 0, 1)) == 3
    assert {a.fold for a in assigned} == {None}


@pytest.mark.parametrize(
    ("patients", "test", "validation", "expected"),
    [
        (20, 0.35, 0.2, (10, 3, 7)),  # the demo, 13 to train on and 7 to test on
        (10, 0.25, 0.0, (7, 0, 3)),  # 2.5 is rounded up, where Python's round says 2
        (10, 0.2, 0.4375, (4, 4, 2)),  # 3.5
        (10, 3, 2, (5, 2, 3)),  # counts
        (10, 0, 0, (10, 0, 0)),
        (4, 1, 0.34, (3, 0, 1)),  # below four, none validates
        (5, 1, 0.5, (2, 2, 1)),
        (3, 0.35, 0.2, (2, 0, 1)),
    ],
)
def test_counts_and_fractions(patients, test, validation, expected):
    cases = cases_of([f"p{k}" for k in range(patients)])
    assert counted(cases, Split(test=test, validation=validation)) == expected


@quick
@given(st.integers(1, 200), fractions)
def test_a_fraction_is_never_further_than_half_a_patient_off(number, fraction):
    patients = [f"p{k}" for k in range(number)]
    expected = math.floor(fraction * number + 0.5)
    if expected < number:
        assert counted(cases_of(patients), Split(test=fraction, validation=0))[2] == expected


def test_the_seed_matters_and_is_not_the_only_thing_that_does():
    cases = cases_of([f"p{k}" for k in range(40)])
    one, two = (subsets(cases, Split(seed=seed)) for seed in (1, 2))
    assert one != two
    assert subsets(cases, Split(seed=1)) == one


def test_a_subset_that_the_layout_gives_is_kept():
    cases = cases_of("abcdefgh", subset="train") + cases_of("xyz", subset="test")
    # the default of split.test is not used: the folders say who is tested on
    found = subsets(cases, Split(validation=2))
    assert {p for p, subset in found.items() if subset == "test"} == set("xyz")
    assert collections.Counter(found.values())["validation"] == 2


def test_who_validates_may_be_given(refused):
    given = cases_of("abcd", subset="train") + cases_of("ef", subset="validation")
    cases = given + cases_of("xyz", subset="test")
    found = subsets(cases, Split())
    assert found == dict.fromkeys("abcd", "train") | dict.fromkeys("ef", "validation") | (
        dict.fromkeys("xyz", "test")
    )
    # also where too few are left to draw anybody
    few = cases_of("a", subset="train") + cases_of("b", subset="validation")
    assert subsets(few, Split()) == {"a": "train", "b": "validation"}
    # a dump names every setting, and nobody wrote it
    assert subsets(cases, Split(**Split().model_dump())) == found
    assert "does nothing" in refused(split_cases, cases, Split(validation=1))
    both = refused(split_cases, cases + cases_of("e", subset="train"), Split())
    assert "patients e: in validation" in both
    alone = cases_of("ab", subset="validation") + cases_of("x", subset="test")
    assert "leave none to train on" in refused(split_cases, alone, Split())


def test_with_folds_those_who_validate_take_their_turns():
    cases = cases_of("abcd", subset="train") + cases_of("ef", subset="validation")
    assigned = split_cases(cases + cases_of("x", subset="test"), Split(folds=3))
    folds = {a.patient: a.fold for a in assigned if a.subset == "train"}
    assert set(folds) == set("abcdef")
    assert set(folds.values()) == {0, 1, 2}


def test_a_patient_in_the_training_and_in_the_test_folder_is_refused(refused):
    cases = cases_of("ab", subset="train") + cases_of("bc", subset="test")
    message = refused(split_cases, cases, Split())
    assert "patients b:" in message
    assert "patient_pattern" in message
    many = "abcdefghijkl"
    message = refused(
        split_cases, cases_of(many, subset="train") + cases_of(many, subset="test"), Split()
    )
    assert "patients a, b, c, d, e, f, g, h:" in message


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        (Split(test=4), "split.test"),
        (Split(test=9), "split.test"),
        (Split(test=0, validation=4), "split.validation"),
        (Split(test=0, validation=9), "split.validation"),
        (Split(test=1, folds=5), "split.folds"),
    ],
)
def test_more_patients_than_there_are(refused, wanted, key):
    assert refused(split_cases, cases_of("abcd"), wanted).startswith(key)


def test_as_many_as_there_are_is_not_more(refused):
    message = refused(split_cases, cases_of("abcd"), Split(test=4, validation=0))
    assert "there are only" not in message, "it leaves nobody to train on"
    with_one = Split(test=3, validation=0)
    assert counted(cases_of("abcd"), with_one) == (1, 0, 3)


def test_the_table_has_a_row_a_case():
    assigned = split_cases(cases_of("abcdef"), Split(test=2, folds=2, seed=3))
    lines = split_table(assigned).splitlines()
    assert lines[0].split("\t") == ["case", "patient", "subset", "fold"]
    assert [line.split("\t")[0] for line in lines[1:]] == [a.case for a in assigned]
    assert {line.split("\t")[3] for line in lines[1:] if "test" in line} == {""}


def test_a_number_of_test_patients_beside_a_test_folder(refused):
    cases = [Case("a", "a", (), (), "train"), Case("b", "b", (), (), "test")]
    message = refused(split_cases, cases, Split(test=0.35))
    assert message.startswith("split.test does nothing: ")
    # a default, and settings that were written down, say nothing of their own
    for unsaid in (Split(validation=0), Split(**Split().model_dump())):
        assert [a.subset for a in split_cases(cases, unsaid)] == ["train", "test"]
    with pytest.raises(SlicewiseError, match="does nothing"):
        split_cases(cases, Split.model_validate({"test": 1, "seed": 2}))


def at_sites(**sites):
    return [
        Case(f"{p}{n}", p, (), (), columns=(("site", s),)) for p, s in sites.items() for n in "12"
    ]


def test_each_site_is_a_fold_and_no_model_saw_the_one_it_scores():
    cases = at_sites(a="Ulm", b="Bonn", c="Bonn", d="Aalen", e="Ulm")
    settings = Split(leave_out="site")
    assigned = split_cases(cases, settings)
    folds = number_of_folds(assigned)
    assert folds == 3
    assert {a.patient: a.fold for a in assigned} == {"a": 2, "b": 1, "c": 1, "d": 0, "e": 2}
    site = {case.name: dict(case.columns)["site"] for case in cases}
    for fold in range(folds):
        trained = {site[case] for case in training_cases(assigned, fold, folds)}
        held_out = {site[case] for case in held_out_cases(assigned, fold, folds)}
        assert len(held_out) == 1
        assert trained == set(site.values()) - held_out
    assert {a.subset for a in assigned} == {"train"}


def test_test_patients_of_a_layout_are_in_no_fold():
    cases = at_sites(a="A", b="B", c="C", d="A")
    cases = [dataclasses.replace(c, subset="test" if c.patient == "c" else "train") for c in cases]
    assigned = split_cases(cases, Split(leave_out="site"))
    assert {a.patient: (a.subset, a.fold) for a in assigned} == {
        "a": ("train", 0),
        "b": ("train", 1),
        "c": ("test", None),
        "d": ("train", 0),
    }


def test_one_site_cannot_be_left_out(refused):
    message = refused(split_cases, at_sites(a="A", b="A"), Split(leave_out="site"))
    assert "all patients to train on have the site A" in message
    cases = [
        dataclasses.replace(c, subset="test" if c.patient == "b" else "train")
        for c in at_sites(a="A", b="B")
    ]
    assert "have the site A" in refused(split_cases, cases, Split(leave_out="site"))
