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


def test_folds_are_ordered_by_their_numbers_and_test_is_last():
    data = seen([seen_case("t", "test"), *(seen_case(f"a{n}", fold=n) for n in range(11))])
    assert [part.name for part in parts(data)] == [*(f"fold {n}" for n in range(11)), "test"]


def test_a_stratum_that_a_part_lacks_is_named():
    data = seen(
        [seen_case("a"), seen_case("b"), seen_case("c", "test")],
        strata={"of-a": "siteA", "of-b": "siteB", "of-c": "siteA"},
    )
    train, test = parts(data)
    assert train.strata == {"siteA": 1, "siteB": 1}
    assert imbalances([train, test]) == ["No patient of test is of stratum siteB (1 patient)."]


def test_a_label_that_nobody_has_is_said_once():
    data = seen([seen_case("a", record={"ml": {"liver": 0.0}})])
    assert imbalances(parts(data)) == ["No patient at all has liver."]
    assert imbalances([]) == []
