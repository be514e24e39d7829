"""The table of corrected scans."""

from __future__ import annotations

import pytest

from slicewise.dataset.corrections import Correction, changing, read_corrections
from slicewise.errors import SlicewiseError
from slicewise.files import write_text

ONE = Correction("new1", "p9", "new1/image.nii.gz", "new1/mask.nii.gz", weights="w0", when="now")


def test_what_was_added_is_read_again_in_the_order_of_names(tmp_path):
    table = tmp_path / "kept" / "corrections.tsv"
    assert read_corrections(table) == {}
    with changing(table) as known:
        known["new1"] = ONE
    other = Correction("a0", "p8", "a0/image.nii.gz", "a0/mask.nii.gz")
    with changing(table) as known:
        assert known == {"new1": ONE}
        known["a0"] = other
    assert read_corrections(table) == {"a0": other, "new1": ONE}
    assert list(read_corrections(table)) == ["a0", "new1"]


def test_nothing_is_written_where_something_fails(tmp_path):
    table = tmp_path / "corrections.tsv"
    with pytest.raises(KeyError), changing(table) as known:
        known["new1"] = ONE
        raise KeyError
    assert not table.exists()


def test_a_case_that_is_there_twice_is_refused(tmp_path):
    table = tmp_path / "corrections.tsv"
    row = "new1\tp9\timage.nii.gz\tmask.nii.gz\n"
    write_text(table, f"case\tpatient\timage\tmask\n{row}{row}")
    with pytest.raises(SlicewiseError, match="row 3: case new1 is there twice"):
        read_corrections(table)
