"""Tables as people and spreadsheets write them."""

from __future__ import annotations

import codecs

import pytest

from slicewise.volumes.tables import read_rows

NEEDED, OPTIONAL = ("case", "image", "mask"), ("patient", "subset")
ROWS = [
    {"case": "001", "image": "ct/ä b.nii.gz", "mask": "m,1.nii.gz", "patient": "7", "subset": ""},
    {"case": "NA", "image": "b.nii.gz", "mask": "m;2.nii.gz", "patient": "", "subset": "test"},
]


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
def test_separators_and_encodings(tmp_path, separator, encoding, mark, end):
    path = tmp_path / "cases.any"
    path.write_bytes(mark + written(separator, end=end).encode(encoding))
    assert read_rows(path, NEEDED, OPTIONAL) == ROWS


def test_headers_in_any_case_with_blanks_and_in_any_order(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text(
        "remark; SUBSET ;Mask;  Case;Image ;Patient\na, b;test ; m.nii ; 1;  i.nii;p 1\n"
    )
    assert read_rows(path, NEEDED, OPTIONAL) == [
        {"case": "1", "image": "i.nii", "mask": "m.nii", "patient": "p 1", "subset": "test"}
    ]


def test_what_a_spreadsheet_adds_does_no_harm(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text("sep=;\ncase;image;mask;;\n\na;i;m;;\n;;;;\nb;i;m\n   \n")
    assert [row["case"] for row in read_rows(path, NEEDED, OPTIONAL)] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("case,image,mask\na,i,m\nb,,m\n", "row 3 (case b): the cell of image is empty"),
        ("case,image,mask\n\na,i\n", "row 3 (case a): the cell of mask is empty"),
        ("sep=,\ncase,image,mask\n ,i,m\n", "row 3: the cell of case is empty"),
        ("case,image,Mask,mask \na,i,m,m\n", "two columns mask"),
        ("case,image\na,i\n", "no column mask"),
        ("case image mask\na i m\n", "no column case, image, mask"),
        ("case,image,mask\na,i,m,n,o\n", "row 2 has 5 cells, but the first row 3"),
        ("", "no column case, image, mask"),
        (b"PK\x03\x04rest of a workbook", "save it as text"),
        ("case;image;mask\nä;i;m\n".encode("latin-1"), "save it anew as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "UTF-8"),
    ],
)
def test_faults_are_a_sentence_that_names_the_row(tmp_path, refused, content, said):
    path = tmp_path / "cases.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = refused(read_rows, path, NEEDED, OPTIONAL)
    assert message.startswith(f"{path}: ")
    assert said in message


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
            read_rows(path, NEEDED, OPTIONAL)
        except SlicewiseError as error:
            assert str(error).startswith(f"{path}: ")
            refusals += 1
    assert 0 < refusals < 300
