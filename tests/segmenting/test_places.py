"""Where the models of a name lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.segmenting.places import files_of


def test_folds_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for fold in (10, 2):
        (tmp_path / f"fold-{fold}").mkdir()
        (tmp_path / f"fold-{fold}" / "model.keras").touch()
    (tmp_path / "other.keras").touch()
    found = files_of("x", tmp_path)
    assert [path.parent.name for path in found] == ["fold-2", "fold-10"]
    assert files_of("x", found[0]) == found[:1]
    assert files_of("x", tmp_path / "fold-10") == found[1:]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SlicewiseError, match="x: there is no such model"):
        files_of("x", tmp_path / "absent")
    with pytest.raises(SlicewiseError, match="x: there is no model in this folder"):
        files_of("x", tmp_path)
