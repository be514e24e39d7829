"""Which columns of a table say what."""

import pytest

from slicewise.config import Dataset

PAIRS = {"name": "x", "layout": "pairs", "root": "d", "labels": {"liver": 1}}


def test_a_table_says_what_it_is_asked_for():
    metadata = Dataset(**PAIRS, metadata={"table": "d/people.csv"}).metadata
    assert (metadata.case, metadata.patient, metadata.subset) == ("case", None, None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"metadata": {"table": "t", "subset": "case"}}, "names the column case twice"),
        ({"metadata": {"table": "t", "patient": "p", "subset": "p"}}, "names the column p twice"),
        ({"metadata": {"table": ""}}, "at least 1 character"),
        (
            {"metadata": {"table": "t", "patient": "p"}, "patient_pattern": "(?P<patient>p)"},
            "both say whose a case is",
        ),
        ({"layout": "phantom", "metadata": {"table": "t"}}, "layout phantom has none"),
    ],
)
def test_what_contradicts_itself_is_refused(more, message):
    with pytest.raises(ValueError, match=message):
        Dataset(**{**PAIRS, **more})
