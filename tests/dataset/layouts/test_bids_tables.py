"""Tables of a BIDS data set."""

from slicewise.dataset.layouts.bids_tables import (
    label_table,
    read_label_names,
    read_participants,
)
from tests.layouts import touch


def test_nobody_is_named_by_a_table_that_is_not_there(data):
    assert read_participants(data / "participants.tsv", "split")[""].columns == ()


def test_a_subject_that_the_table_lacks_has_empty_columns(data):
    path = data / "participants.tsv"
    path.write_text("participant_id\tsex\nsub-1\tF\n")
    known = read_participants(path, "split")
    assert known["sub-1"].columns == (("sex", "F"),)
    assert known[""].columns == (("sex", ""),)


def test_the_nearest_table_that_says_most_names_the_values(data):
    mask = data / "d" / "sub-1" / "sub-1_desc-a_dseg.nii.gz"
    touch(data, "dseg.tsv", "desc-b_dseg.tsv", "d/x.tsv")
    above = [mask.parent, data / "d", data]
    assert label_table(mask, above) == data / "dseg.tsv"
    touch(data, "desc-a_dseg.tsv")
    assert label_table(mask, above) == data / "desc-a_dseg.tsv"
    touch(data, "d/dseg.tsv")
    assert label_table(mask, above) == data / "d" / "dseg.tsv"
    touch(data, "d/sub-1/sub-1_desc-a_dseg.tsv")
    assert label_table(mask, above) == data / "d" / "sub-1" / "sub-1_desc-a_dseg.tsv"


def test_an_index_that_is_no_number_is_refused(data, refused):
    path = data / "dseg.tsv"
    path.write_text("index\tname\n1\tliver\n2\tspleen\n")
    assert read_label_names(path) == {1: "liver", 2: "spleen"}
    path.write_text("index\tname\n1.5\tliver\n")
    assert "row 2: index is '1.5'" in refused(read_label_names, path)
