"""How even a split is."""

from slicewise.dataset.assignment import Assignment
from slicewise.report.balance import imbalances, parts
from tests.looks import seen, seen_case


def test_patients_count_once_and_volumes_by_their_mean():
    twice = {"patient": "p"}
    data = seen(
        [
            seen_case("a", record={**twice, "ml": {"liver": 1000.0}}),
            seen_case("b", record={**twice, "ml": {"liver": 2000.0}}),
            seen_case("c", record={"ml": {"liver": 900.0}}),
            seen_case("d", "test", record={"ml": {"liver": 0.0}}),
        ],
        unread=[Assignment("e", "q", "test", None)],
    )
    train, test = parts(data)
    assert (train.name, train.patients, train.cases, train.share) == ("train", 2, 3, 0.5)
    (liver,) = train.labels
    assert (liver.patients, liver.median_ml, liver.total_ml) == (2, 1200.0, 3900.0)
    # one that could not be read is a patient all the same
    assert (test.patients, test.cases) == (2, 2)
    assert test.labels[0].median_ml is None
    assert imbalances([train, test]) == [
        "No patient of test has liver, so nothing is learned or scored of it there: "
        "split.stratify by ml_<label> shares patients out evenly."
    ]


def test_who_was_drawn_in_part_has_a_label_and_no_volume():
    in_part = {"ml": {"liver": 20.0}, "undrawn": 0.9}
    cases = [seen_case("a"), seen_case("b", record=in_part)]
    ((liver,),) = [part.labels for part in parts(seen([*cases, seen_case("c")]))]
    assert (liver.patients, liver.median_ml) == (3, 1500.0)
    ((liver,),) = [part.labels for part in parts(seen(cases[1:]))]
    assert (liver.patients, liver.median_ml) == (1, None)


def test_folds_are_ordered_by_their_numbers_and_test_is_last():
    data = seen([seen_case("t", "test"), *(seen_case(f"a{n}", fold=n) for n in range(11))])
    assert [part.name for part in parts(data)] == [*(f"fold {n}" for n in range(11)), "test"]


def test_a_group_that_a_part_lacks_is_named():
    same = {"patient": "of-b"}
    sites = {"a": "A", "b": "B", "b2": "B", "c": "A", "d": "C", "e": ""}
    cases = [seen_case("a"), seen_case("b"), seen_case("b2", record=same), seen_case("c", "test")]
    lost = [Assignment("d", "of-d", "train", None), Assignment("e", "of-e", "train", None)]
    train, test = parts(seen(cases, columns={"site": sites}, unread=lost))
    # one that could not be read is of a site all the same
    assert train.groups == {"site": {"A": 1, "B": 1, "C": 1, "not given": 1}}
    assert test.groups == {"site": {"A": 1, "B": 0, "C": 0, "not given": 0}}
    said = ["No patient of test is of site B (1 patient), C (1 patient)."]
    assert imbalances([train, test]) == said
    assert imbalances([train, test], leave_out="site") == []


def test_folds_of_sites_are_called_by_them():
    cases = [seen_case("a", fold=0), seen_case("b", fold=1), seen_case("c", "test")]
    columns = {"site": {"a": "Bern", "b": "Chur", "c": "Bern"}}
    split = parts(seen(cases, columns=columns, leave_out="site"))
    assert [part.name for part in split] == ["fold 0 (site Bern)", "fold 1 (site Chur)", "test"]
    assert [part.groups["site"]["Bern"] for part in split] == [1, 0, 1]


def test_numbers_are_grouped_as_the_report_does():
    cases = [seen_case(f"a{n:02d}", "train" if n < 9 else "test") for n in range(12)]
    ages = {case.name: str(30 + n) for n, case in enumerate(cases)}
    train, test = parts(seen(cases, columns={"age": ages}, bins={"age": [36]}))
    assert train.groups == {"age": {"below 36": 6, "36 and above": 3}}
    assert test.groups == {"age": {"below 36": 0, "36 and above": 3}}
    quartiles, _ = parts(seen(cases, columns={"age": ages}))
    assert len(quartiles.groups["age"]) == 4


def test_a_label_that_nobody_has_is_said_once():
    data = seen([seen_case("a", record={"ml": {"liver": 0.0}})])
    assert imbalances(parts(data)) == ["No patient at all has liver."]
    assert imbalances([]) == []
