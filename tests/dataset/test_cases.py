"""The table of cases: a row a case, read as it was written."""

import pandas as pd
import pytest

from slicewise.config import Content
from slicewise.dataset.cases import cases_table, check_geometry_known, read_table, say_drawn
from slicewise.errors import SlicewiseError
from tests.case_records import case_record


@pytest.fixture
def table() -> pd.DataFrame:
    return cases_table(
        [case_record("b", "two"), case_record("a", "one"), case_record("c", "three")]
    )


def test_the_table_has_a_row_a_case_in_order(table):
    assert list(table["case"]) == ["a", "b", "c"]
    first = table.iloc[0]
    assert first["image_sha256"] == "aa"
    assert (first["shape"], first["spacing"]) == ("10x12x5", "0.75x0.75x2.5")
    assert (first["ml_liver"], first["intensity_p50"]) == (1500.25, 30.0)


def test_a_ct_data_set_that_has_lost_its_geometry_is_refused(refused):
    plain = {"labels": {"l": [1]}, "other_labels": "refuse"}
    ct = Content(intensity="hu", contiguous=True, **plain)
    lost = [case_record(case, lost=True) for case in "abc"]
    message = refused(check_geometry_known, lost, ct)
    assert "none of the 3 images" in message
    assert "dataset.spacing: [0.8, 0.8, 5.0]" in message
    for legal in (
        ct.model_copy(update={"spacing": [0.8, 0.8, 5.0]}),
        Content(intensity="hu", contiguous=False, **plain),
        Content(intensity="clipped_hu", contiguous=False, **plain),
        Content(intensity="arbitrary", contiguous=True, **plain),
    ):
        check_geometry_known(lost, legal)
    check_geometry_known([*lost, case_record("d", lost=False)], ct)


def test_the_table_says_how_masks_were_stored_where_any_was_stored_otherwise():
    stored = {"how": "resampled", "off_mm": 1.25, "off_voxels": 0.5, "outside": 7}
    table = cases_table([case_record("b", "two"), case_record("a", "one", mask_stored=stored)])
    names = ["mask_stored", "mask_outside", "mask_off_mm", "mask_off_voxels"]
    assert table.fillna("")[names].to_numpy().tolist() == [
        ["resampled", "7", "1.25", "0.5"],
        ["", "", "", ""],
    ]
    assert not set(names) & set(cases_table([case_record("b", "two")]))


def test_the_table_says_how_much_was_not_drawn_where_any_was_drawn_in_part():
    table = cases_table([case_record("a", "one", undrawn=0.25), case_record("b", "two")])
    assert table["mask_undrawn_percent"].fillna("").tolist() == ["25", ""]
    assert "mask_undrawn_percent" not in cases_table([case_record("b", "two")])


def test_cases_that_count_as_drawn_as_a_whole_are_named_once(caplog):
    content = Content(
        contiguous=True, intensity="hu", labels={"liver": [1]}, other_labels="refuse", ignore=255
    )
    part = case_record("p", undrawn=0.5)
    whole = [case_record(name) for name in "abcd"]
    say_drawn([part], content)
    say_drawn(whole, content.model_copy(update={"ignore": None}))
    assert not caplog.text
    say_drawn([part, *whole], content)
    assert caplog.messages == [
        "dataset.ignore: of 5 cases 4 have no voxel of the value 255, so that all of it counts as "
        "drawn: a, b, c and 1 more"
    ]


def test_names_stay_text_on_the_way_through_a_file(tmp_path):
    odd = cases_table([case_record("001"), case_record("NA"), case_record("2")])
    odd.to_csv(tmp_path / "cases.tsv", sep="\t", index=False)
    assert read_table(tmp_path / "cases.tsv")["case"].tolist() == ["001", "2", "NA"]


@pytest.mark.parametrize("cell", ["much", "inf"])
def test_a_volume_that_is_no_number_is_refused(tmp_path, table, cell):
    text = table.to_csv(sep="\t", index=False).replace("1500.25", cell, 1)
    (tmp_path / "cases.tsv").write_text(text)
    with pytest.raises(SlicewiseError, match="cases"):
        read_table(tmp_path / "cases.tsv")


def test_further_columns_come_last():
    columns = {"site": {"a": "Ulm", "b": ""}}
    table = cases_table([case_record("b", "two"), case_record("a", "one")], columns)
    assert table.columns[-1] == "site"
    assert list(table["site"]) == ["Ulm", ""]
