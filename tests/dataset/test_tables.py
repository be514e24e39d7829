"""Tables as people and spreadsheets write them; what is repaired is said, the rest refused."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from slicewise.dataset.tables import read_rows

COLUMNS = ("case", "patient", "image", "mask", "subset")
NEEDED = ("case", "image", "mask")
ROWS = [
    {"case": "001", "image": "ct/ä b.nii.gz", "mask": "m,1.nii.gz", "patient": "7", "subset": ""},
    {"case": "NA", "image": "b.nii.gz", "mask": "m;2.nii.gz", "patient": "", "subset": "test"},
]


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "t.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def written(separator: str, header: list[str] | None = None, end: str = "\n") -> str:
    header = header or ["case", "image", "mask", "patient", "subset"]
    rows = [header, *(list(row.values()) for row in ROWS)]
    return (
        end.join(
            separator.join(f'"{cell}"' if set(",;") & set(cell) else cell for cell in row)
            for row in rows
        )
        + end
    )


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_encodings(tmp_path, caplog, separator, encoding, mark, end):
    path = tmp_path / "cases.any"
    path.write_bytes(mark + written(separator, end=end).encode(encoding))
    header, rows = read_rows(path, COLUMNS, NEEDED)
    assert header == list(ROWS[0])
    assert [(row.number, row.cells) for row in rows] == [(2, ROWS[0]), (3, ROWS[1])]
    assert not caplog.records


def test_headers_in_any_case_with_blanks_and_in_any_order(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text(
        "remark; SUBSET ;Mask;  Case;Image ;Patient\na, b;test ; m.nii ; 1;  i.nii;p 1\n"
    )
    header, (row,) = read_rows(path, COLUMNS, NEEDED)
    assert header == ["remark", "subset", "mask", "case", "image", "patient"]
    assert row.cells == {
        **{"case": "1", "image": "i.nii", "mask": "m.nii", "patient": "p 1", "subset": "test"},
        "remark": "a, b",
    }


def test_what_a_spreadsheet_adds_does_no_harm(tmp_path, caplog):
    path = tmp_path / "cases.csv"
    path.write_text("sep=;\ncase;image;mask;;\n\na;i;m;;\n;;;;\nb;i;m\n   \n")
    header, rows = read_rows(path, COLUMNS, NEEDED)
    assert header == ["case", "image", "mask"]
    assert [(row.number, row.cells["case"]) for row in rows] == [(4, "a"), (6, "b")]
    assert not caplog.records


def test_cells_below_no_name_are_said_not_to_be_read(tmp_path, caplog):
    # an index, as data frames are written with
    path = table(tmp_path, ",case,image,mask\n0,a,i,m\n1,b,i,m\n")
    header, rows = read_rows(path, COLUMNS, NEEDED)
    assert header == ["case", "image", "mask"]
    assert [row.cells["case"] for row in rows] == ["a", "b"]
    (record,) = caplog.records
    assert "row 2 has cells below no name, which are not read" in record.getMessage()


def test_a_quoted_cell_may_follow_a_blank(tmp_path, caplog):
    path = table(tmp_path, 'case, image, mask\na, "i, 1.nii", "m"\n')
    _, (row,) = read_rows(path, COLUMNS, NEEDED)
    assert row.cells == {"case": "a", "image": "i, 1.nii", "mask": "m"}
    assert not caplog.records


def test_without_known_columns_the_separator_is_that_of_most_cells(tmp_path):
    _, (row,) = read_rows(table(tmp_path, "scan,site,x;a\n1,2,3;b\n"))
    assert row.cells == {"scan": "1", "site": "2", "x;a": "3;b"}
    _, (row,) = read_rows(table(tmp_path, "scan;site,x;a\n1;2;b\n"), ("scan",))
    assert row.cells == {"scan": "1", "site,x": "2", "a": "b"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("case,image,mask\na,i,m\nb,,m\n", "row 3 (case b): the cell of image is empty"),
        ("case,image,mask\n\na,i\n", "row 3 (case a): the cell of mask is empty"),
        ("sep=,\ncase,image,mask\n ,i,m\n", "row 3: the cell of case is empty"),
        ("case,image,Mask,mask \na,i,m,m\n", "two columns are called mask"),
        ("case,image\na,i\n", "no column mask"),
        ("case image mask\na i m\n", "no column case, image, mask"),
        ("case,image,mask\na,i,m,n,o\n", "row 2 has 5 cells for 3 columns"),
        ("", "no column case, image, mask"),
        (b"\xd0\xcf\x11\xe0rest of an old one", "save it as text"),
        ("case,image,mask\na," + "i" * 200_000 + ",m\n", "not readable as a table"),
        (b"PK\x03\x04rest of a workbook", "save it as text"),
        ("case;image;mask\nä;i;m\n".encode("latin-1"), "save it anew as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "UTF-8"),
    ],
)
def test_faults_are_a_sentence_that_names_the_row(tmp_path, refused, content, said):
    path = tmp_path / "cases.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refused(read_rows, path, COLUMNS, NEEDED)
    assert message.startswith(f"{path}: ")
    assert said in message


def test_a_folder_is_no_table(tmp_path, refused):
    assert "this is a folder" in refused(read_rows, tmp_path)


def test_random_bytes_are_a_table_or_a_sentence(tmp_path):
    import numpy as np

    from slicewise.errors import SlicewiseError

    path, random = tmp_path / "cases.tsv", np.random.default_rng(6)
    good = written(";").encode("utf-16")
    refusals = 0
    for _ in range(300):
        spoilt = bytearray(good[: random.integers(0, len(good) + 1)])
        for _ in range(random.integers(0, 6)):
            if spoilt:
                spoilt[random.integers(0, len(spoilt))] = random.integers(0, 256)
        path.write_bytes(spoilt)
        try:
            read_rows(path, COLUMNS, NEEDED)
        except SlicewiseError as error:
            assert str(error).startswith(f"{path}: ")
            refusals += 1
    assert 0 < refusals < 300


def test_cells_are_read_without_blanks_and_a_line_says_so(tmp_path, caplog):
    text = "\ufeffCase \tpatient\u00a0\tRemark\n p1\tA\u200b\t x y \n\t \u00a0\t\n\np2\tB\n"
    header, rows = read_rows(table(tmp_path, text), ("case", "patient"))
    assert header == ["case", "patient", "Remark"]
    assert [(row.number, row.cells) for row in rows] == [
        (2, {"case": "p1", "patient": "A", "Remark": "x y"}),
        (5, {"case": "p2", "patient": "B", "Remark": ""}),
    ]
    (record,) = caplog.records
    assert "row 2, case: ' p1' and 2 more" in record.getMessage()


def test_a_clean_table_says_nothing(tmp_path, caplog):
    header, rows = read_rows(table(tmp_path, "a\tb\r\nNA\t001\r\n"))
    assert (header, rows[0].cells) == (["a", "b"], {"a": "NA", "b": "001"})
    assert not caplog.records


def test_an_empty_file_has_no_columns(tmp_path):
    assert read_rows(table(tmp_path, "")) == ([], [])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a\tb\n1\t2\t3\n", "row 2 has 3 cells for 2 columns"),
        ("a\ta \n1\t2\n", "two columns are called a"),
        ('a\tb\n"1\n2"\t3\n', "row 2, a"),
        ('a\tb\n"1\t2"\t3\n', "control character"),
        (b"a\tb\n\xff\xfe\t3\n", "not readable as a table"),
    ],
)
def test_faults(tmp_path, refused, text, part):
    path = table(tmp_path, text)
    message = refused(read_rows, path)
    assert message.startswith(str(path))
    assert part in message
