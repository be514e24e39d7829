"""Cases that lie otherwise than most of a data set."""

from __future__ import annotations

import numpy as np
import pytest

from slicewise.report.lying import lying_otherwise
from slicewise.report.outliers import findings
from slicewise.volumes.tones import tones_of
from slicewise.volumes.volume import Volume
from tests.inference.test_unlike import patient
from tests.looks import seen, seen_case


def cases(number: int, turn=lambda array: array, turned: int = 0) -> list:
    """So many cases, the last of which are turned in their files."""
    made = []
    for n in range(number):
        image = patient(n)[0].canonical()
        array = turn(image.array) if n >= number - turned else image.array
        tones = tones_of(Volume(np.ascontiguousarray(array), image.affine), "hu")
        made.append(seen_case(f"a{n}", record={"tones": [tones], "patient": f"p{n}"}))
    return made


def test_where_all_lie_alike_none_is_odd():
    assert list(lying_otherwise(seen(cases(30)))) == []


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (lambda array: array[::-1], "after an exchange of left and right, "),
        (lambda array: array[:, ::-1], "after an exchange of back and front,"),
        (np.rot90, "after a quarter turn ("),
    ],
)
def test_a_turned_case_is_named_with_how_to_turn_it_back(turn, said):
    data = seen(cases(12, turn, 2))
    found = dict(lying_otherwise(data))
    assert found.keys() == {"a10", "a11"}
    assert all(f"looks like the other cases {said}" in sentence for sentence in found.values())
    reasons = findings(data).reasons["a11"]
    assert "the orientation in its file may be wrong" in reasons[0].sentence, "comes first"


def test_of_few_patients_or_without_pictures_nothing_is_said():
    mirrored = cases(5, lambda array: array[::-1], 1)
    assert list(lying_otherwise(seen(mirrored))) == []
    old = [seen_case(f"b{n}", record={"patient": f"q{n}"}) for n in range(9)]
    assert list(lying_otherwise(seen(old))) == []
    assert list(lying_otherwise(seen([*old, *mirrored]))) == []
