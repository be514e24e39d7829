"""A table names anything, and says in which row it is wrong."""

import pytest

from slicewise.dataset.finding import find_cases
from tests.layouts import dataset, touch, write_table


def test_a_table_names_anything(data, tmp_path):
    touch(data, "a.nii.gz", "m.nii.gz", "series/2", "series/1", "ct.zip", "m.nrrd")
    elsewhere = tmp_path / "elsewhere.nii.gz"
    elsewhere.touch()
    settings = write_table(
        data,
        ("case", "patient", "image", "mask", "subset", "remark"),
        ("one", "p1", "a.nii.gz", "m.nii.gz", "train", "x"),
        ("two", "p1", "series", "m.nii.gz", "train", ""),
        ("003", "", "ct.zip", "m.nrrd", "test", ""),
        ("NA", "p4", str(elsewhere), "m.nii.gz", "test", ""),
    )
    cases = {case.name: case for case in find_cases(settings, data.parent)}
    assert list(cases) == ["003", "NA", "one", "two"]
    assert [p.name for p in cases["two"].image] == ["1", "2"]
    assert cases["NA"].image == (elsewhere,)
    assert {name: case.patient for name, case in cases.items()} == {
        "003": "003",
        "NA": "p4",
        "one": "p1",
        "two": "p1",
    }
    assert [case.needs_conversion for case in cases.values()] == [True, False, False, True]
    assert [case.subset for case in cases.values()] == ["test", "test", "train", "train"]


@pytest.mark.parametrize("other", ["{} ", " {}", "{}\u00a0", "\u200b{}", "{}\t", "\ufeff{}"])
def test_a_blank_in_a_cell_makes_no_other_patient(data, other, caplog):
    touch(data, "i.nii.gz", "m.nii.gz")
    other = other.replace("\t", "\u2003")
    rows = [("case", "patient", "image", "mask")]
    for name in "ABCD":
        rows.append((f"{name}1", name, "i.nii.gz", "m.nii.gz"))
        rows.append((f"{name}2 ", other.format(name), " i.nii.gz", "m.nii.gz"))
    cases = find_cases(write_table(data, *rows), data.parent)
    assert [case.patient for case in cases] == list("AABBCCDD")
    assert [case.name for case in cases] == [f"{p}{k}" for p in "ABCD" for k in (1, 2)]
    assert "blanks" in caplog.text


def test_a_table_names_the_rows_of_patients_in_two_spellings(data, refused):
    touch(data, "i.nii.gz", "m.nii.gz")
    rows = [
        ("case", "patient", "image", "mask"),
        ("c1", "A", "i.nii.gz", "m.nii.gz"),
        ("c2", "b", "i.nii.gz", "m.nii.gz"),
        ("c3", "a", "i.nii.gz", "m.nii.gz"),
    ]
    message = refused(find_cases, write_table(data, *rows), data.parent)
    assert (
        "cases.tsv: patients 'A' (row 2) and 'a' (row 4) differ in upper and lower case" in message
    )
    # cases that look alike are no matter where the table says whose they are
    rows = [rows[0], ("c1", "A", *rows[1][2:]), ("c01", "B", *rows[1][2:])]
    assert len(find_cases(write_table(data, *rows), data.parent)) == 2


@pytest.mark.parametrize(
    ("column", "meant"), [("Patient_ID", "patient"), ("subject", "patient"), ("split", "subset")]
)
def test_a_column_that_seems_to_be_meant_for_another_is_said(data, caplog, column, meant):
    touch(data, "i.nii.gz", "m.nii.gz")
    rows = [("case", "image", "mask", column), ("c1", "i.nii.gz", "m.nii.gz", "x")]
    find_cases(write_table(data, *rows), data.parent)
    assert f"the column '{column}' is not read; call it {meant}" in caplog.text
    caplog.clear()
    rows = [(*rows[0], meant), (*rows[1], "train")]
    find_cases(write_table(data, *rows), data.parent)
    assert not caplog.records


def test_a_table_without_some_patients_is_said_and_further_columns_are_kept(data, caplog):
    touch(data, "i.nii.gz", "m.nii.gz")
    rows = [
        ("Case", "Patient", "Image", "Mask", "centre"),
        ("c1", "A", "i.nii.gz", "m.nii.gz", "Bern"),
        ("c2", "", "i.nii.gz", "m.nii.gz", "Basel "),
    ]
    cases = find_cases(write_table(data, *rows), data.parent)
    assert [(c.patient, c.columns, c.guessed) for c in cases] == [
        ("A", (("centre", "Bern"),), False),
        ("c2", (("centre", "Basel"),), True),
    ]
    assert "no patient is given for c2" in caplog.text


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([("case", "image"), ("a", "a.nii.gz")], "no column mask"),
        ([("case", "image", "mask")], "no case found"),
        ([("case", "image", "mask"), ("a", "none.nii.gz", "m.nii.gz")], "none.nii.gz"),
        (
            [("case", "image", "mask"), ("a", "a.nii.gz", "")],
            "row 2 (case a): the cell of mask is empty",
        ),
        ([("case", "image", "mask"), ("", "a.nii.gz", "m.nii.gz")], "row 2: the cell of case"),
        ([("case", "image", "mask"), ("../up", "a.nii.gz", "m.nii.gz")], "'../up'"),
        (
            [
                ("case", "image", "mask"),
                ("a", "a.nii.gz", "m.nii.gz"),
                ("a", "b.nii.gz", "m.nii.gz"),
            ],
            "case a: two candidates",
        ),
        (
            [("case", "image", "mask", "subset"), ("a", "a.nii.gz", "m.nii.gz", "tset")],
            "subset is 'tset'",
        ),
        (
            [
                ("case", "image", "mask", "subset"),
                ("a", "a.nii.gz", "m.nii.gz", "test"),
                ("b", "b.nii.gz", "m.nii.gz", ""),
            ],
            "subset is given for some cases only",
        ),
        ([("case|image|mask",), ("a|a.nii.gz|m.nii.gz",)], "tabs, semicolons or commas"),
    ],
)
def test_table_faults(data, refused, rows, part):
    touch(data, "a.nii.gz", "b.nii.gz", "m.nii.gz")
    assert part in refused(find_cases, write_table(data, *rows), data.parent)


def test_a_root_that_is_a_folder_is_no_table(data, refused):
    message = refused(find_cases, dataset("table"), data.parent)
    assert str(data) in message


def test_a_folder_of_nothing_but_litter_is_empty(data, refused):
    touch(data, "ct/.DS_Store", "ct/Thumbs.db", "m.nii.gz")
    settings = write_table(data, ("case", "image", "mask"), ("a", "ct", "m.nii.gz"))
    message = refused(find_cases, settings, data.parent)
    assert f"{data / 'ct'}: the folder is empty" in message


def test_a_frame_of_a_4d_image(data, refused):
    touch(data, "cine.nii.gz", "m.nii.gz", "flat.nii.gz")
    rows = [
        ("case", "patient", "image", "mask", "Frame"),
        ("ed", "p1", "cine.nii.gz", "m.nii.gz", "0"),
        ("es", "p1", "cine.nii.gz", "m.nii.gz", "11"),
        ("flat", "p2", "flat.nii.gz", "m.nii.gz", ""),
    ]
    cases = find_cases(write_table(data, *rows), data.parent)
    assert [case.frame for case in cases] == [0, 11, None]
    assert [case.needs_conversion for case in cases] == [True, True, False]
    assert dict(cases[1].named)["image"] == "cine.nii.gz (frame 11)"
    assert not cases[2].named
    assert not any(case.columns for case in cases)
    for wrong in ("-1", "ES", "3.0", "²"):
        rows[2] = ("es", "p1", "cine.nii.gz", "m.nii.gz", wrong)
        message = refused(find_cases, write_table(data, *rows), data.parent)
        assert f"row 3, case es: frame is '{wrong}'" in message


def test_frames_of_one_file_are_of_one_patient(data, refused):
    touch(data, "cine.nii.gz", "m.nii.gz")
    header = ("case", "patient", "image", "mask", "frame")
    rows = [(case, case, "cine.nii.gz", "m.nii.gz", n) for case, n in (("ed", "0"), ("es", "11"))]
    for kept in (range(5), (0, 2, 3, 4)):  # of two patients, and of nobody
        table = write_table(data, *(tuple(row[n] for n in kept) for row in (header, *rows)))
        message = refused(find_cases, table, data.parent)
        assert message.startswith(f"{data / 'cine.nii.gz'}: its frames ed, es would be of several")
        assert "give them one patient, by a column patient" in message
        assert message.endswith("or split a file that stacks patients into one for each")
