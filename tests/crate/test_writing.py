"""Whether there is a crate, and what only its authors can say."""

from __future__ import annotations

import pytest

from slicewise.crate import Wanted, gather_crate, write_crate
from slicewise.crate.numbers import Numbers
from slicewise.crate.writing import questions_of
from slicewise.errors import SlicewiseError
from tests.crate.conftest import WORKFLOW


@pytest.mark.parametrize("licence", ["CC-BY-4.0", "MIT", "https://example.org/terms"])
def test_a_licence_is_an_identifier_or_an_address(licence):
    assert Wanted(WORKFLOW, licence).licence == licence


@pytest.mark.parametrize("licence", ["", "of my own", "http://anna:secret@example.org/x"])
def test_another_licence_is_refused(licence):
    with pytest.raises(SlicewiseError, match=r"--license: .* is no licence; give its identifier"):
        Wanted(WORKFLOW, licence)


def test_without_a_crate_an_old_one_goes(folder, tmp_path):
    path = tmp_path / "crate.zip"
    path.write_bytes(b"of an earlier call")
    planned = gather_crate(None, [folder])
    assert "none was asked for" in write_crate(planned, path)
    assert not path.exists()
    assert questions_of(planned) == []


def test_of_names_is_asked_where_there_are_some(folder):
    numbers = Numbers.of(tuple("abcdefyz"), tuple("abcdefyz"))
    asked = questions_of(gather_crate(Wanted(WORKFLOW), [folder]))
    numbered = questions_of(gather_crate(Wanted(WORKFLOW), [folder], numbers))
    (names,) = set(asked) - set(numbered)
    assert "say who somebody is" in names


def test_a_licence_that_is_given_is_not_asked_for(folder):
    asked = questions_of(gather_crate(Wanted(WORKFLOW), [folder]))
    given = questions_of(gather_crate(Wanted(WORKFLOW, "MIT"), [folder]))
    assert len(asked) == len(given) + 1
    assert "--license" in asked[0]
