"""Tables: blanks of any kind are left out with a line, and what is no table is refused."""

from pathlib import Path

import pytest

from slicewise.volumes.tables import read_rows


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "t.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


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
