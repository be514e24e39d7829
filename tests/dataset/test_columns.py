"""What tables say of cases beyond their files."""

import pytest

from slicewise.config import Split, load_settings
from slicewise.dataset.case import Case
from slicewise.dataset.columns import read_column, read_columns, read_sites
from slicewise.errors import SlicewiseError


def case(name, patient, **columns):
    return Case(name, patient, (), (), columns=tuple(columns.items()))


CASES = [case("a1", "a", site="Ulm", age="40"), case("b1", "b", site="Bonn", age="")]
SITES = Split(leave_out="site", strata="t.tsv")


def test_the_layouts_own_column_comes_first(tmp_path):
    (tmp_path / "t.tsv").write_text("patient\tsite\tsex\na\tX\tF\n")
    assert read_column(CASES, "site", "k", SITES, tmp_path) == {"a1": "Ulm", "b1": "Bonn"}
    assert read_column(CASES, "age", "k", SITES, tmp_path) == {"a1": "40", "b1": ""}
    # a patient that the other table lacks has nothing said of
    assert read_column(CASES, "sex", "k", SITES, tmp_path) == {"a1": "F", "b1": ""}


def test_a_column_that_is_not_there_is_refused(tmp_path, refused):
    message = refused(read_column, CASES, "sex", "evaluation.by", Split())
    assert "evaluation.by: no table has a column 'sex'; there are: age, site" in message
    (tmp_path / "t.tsv").write_text("patient\tsite\na\tX\n")
    assert "needs a column" in refused(read_column, CASES, "sex", "k", SITES, tmp_path)


@pytest.mark.parametrize("name", ["case", "fold", "label", "ml_liver", "image_sha256", "spacing"])
def test_a_column_of_the_results_is_refused(refused, name):
    assert "cannot be asked for" in refused(read_column, CASES, name, "evaluation.by", Split())


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (case("a2", "a", site="Bonn"), "patients of more than one site: a (Bonn, Ulm)"),
        (case("c1", "c", site=""), "no site is given for c1"),
        (case("c1", "c", age="3"), "no site is given for c1"),
        (case("c1", "c", site="NA"), "no site is given for c1 (NA); fill it in"),
        (case("c1", "c", site="ulm"), "'Ulm' and 'ulm', which differ in upper and lower case only"),
        (case("c1", "c", site="Ul m"), "differ in blanks only"),
    ],
)
def test_sites_that_do_not_fit_are_refused(refused, second, said):
    message = refused(read_sites, [*CASES, second], Split(leave_out="site"))
    assert message.startswith("split.leave_out: ")
    assert said in message


def test_a_patient_with_rows_of_two_sites_is_refused(tmp_path, refused):
    (tmp_path / "t.tsv").write_text("patient\tsite\na\tX\nb\tY\nq\tX\na\tY\nq\tY\n")
    cases = [case("a1", "a"), case("b1", "b")]
    message = refused(read_sites, cases, SITES, tmp_path)
    assert "patients of more than one site: a (X, Y); a model" in message
    # other columns may differ from scan to scan
    assert read_column(cases, "site", "k", SITES, tmp_path) == {"a1": "Y", "b1": "Y"}


def test_each_patient_has_a_site():
    assert read_sites(CASES, Split(leave_out="site")) == {"a": "Ulm", "b": "Bonn"}


def loaded(**keys):
    return load_settings(
        {
            "dataset": {"name": "x", "layout": "phantom", "labels": {"liver": 1}},
            "slices": {"axial": {"size": 64}},
            "experiments": {"one": {"slices": "axial"}},
            **keys,
        }
    )


def test_only_columns_that_settings_name_are_kept(refused):
    cases = [case("a1", "a", site="Ulm", age="40", surname="Miller")]
    assert read_columns(cases, loaded()) == {}
    both = loaded(split={"leave_out": "site"}, evaluation={"by": ["age", "site"]})
    assert read_columns(cases, both) == {"site": {"a1": "Ulm"}, "age": {"a1": "40"}}
    assert list(read_columns(cases, both)) == ["site", "age"]
    message = refused(read_columns, cases, loaded(evaluation={"by": ["sex"]}))
    assert "evaluation.by: no table has a column 'sex'" in message


@pytest.mark.parametrize("name", ["one", "one-seed2"])
@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ("evaluation.by", lambda name: {"evaluation": {"by": [name]}}),
        ("split.leave_out", lambda name: {"split": {"leave_out": name}}),
    ],
)
def test_a_column_that_is_called_as_an_experiment_is_refused(refused, name, key, keys):
    """Dice of an experiment have a column of its name in `comparison_cases.tsv`."""
    experiments = {"one": {"slices": "axial", "training": {"seeds": [1, 2]}}}
    settings = loaded(experiments=experiments, **keys(name))
    message = refused(read_columns, [case("a1", "a", **{name: "yes"})], settings)
    assert message.startswith(f"{key}: a column {name!r} cannot be asked for, as an experiment")


@pytest.mark.parametrize("bins", [[40.0], "quartiles"])
def test_a_word_among_binned_numbers_is_refused(refused, bins):
    settings = loaded(evaluation={"by": ["age"], "bins": {"age": bins}})
    fine = [case("a1", "a", age="40"), case("b1", "b", age="")]
    assert read_columns(fine, settings) == {"age": {"a1": "40", "b1": ""}}
    message = refused(read_columns, [*fine, case("c1", "c", age="41,5")], settings)
    assert "evaluation.bins.age: age of case c1 is '41,5', not a number" in message


def test_strata_go_with_what_names_a_column_of_it():
    assert loaded(evaluation={"by": ["site"]}, split={"strata": "t.tsv"}).split.strata == "t.tsv"
    with pytest.raises(SlicewiseError, match=r"goes with split.stratify, split.leave_out or"):
        loaded(split={"strata": "t.tsv"})
