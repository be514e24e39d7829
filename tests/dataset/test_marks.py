"""What is kept of a scan, in case records and beside the table of cases."""

import base64
from functools import cache

import numpy as np

from slicewise.dataset import marks as module
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import (
    COEFFICIENTS,
    Scan,
    beside,
    pack,
    read_marks,
    unpack,
    write_marks,
)
from slicewise.phantom.patient import phantom
from slicewise.volumes.volume import Volume

DAMAGED = "the file is damaged or was edited"


@cache
def marks(index: int) -> Scan:
    return slice_marks(phantom(index, seed=11, size=96, slices=(20, 24))[0])


def same(one: Scan, other: Scan) -> bool:
    parts = ("heights", "marks", "thumbs", "keys", "places")
    return one.frame == other.frame and all(
        np.array_equal(getattr(one, part), getattr(other, part)) for part in parts
    )


def nothing() -> Scan:
    return slice_marks(Volume(np.zeros((9, 8, 2)), np.eye(4)))


def test_a_case_record_holds_them_as_text():
    assert same(unpack(pack(marks(1))), marks(1))
    assert same(unpack(pack(nothing())), nothing())
    assert not same(marks(1), marks(2))


def test_marks_of_earlier_versions_are_refused(tmp_path, refused):
    old = np.zeros((3, COEFFICIENTS), np.int8)
    assert "another version" in refused(unpack, base64.b64encode(old.tobytes()).decode())
    path = tmp_path / "cases.npz"
    np.savez(path, method=np.int64(1), cases=np.array(["a"]), numbers=np.array([3]), marks=old)
    assert refused(read_marks, path, ["a"]).startswith(f"{path}: another version")


def test_they_lie_beside_the_table(tmp_path):
    path = beside(tmp_path / "cases.tsv")
    assert path == tmp_path / "cases.npz"
    stored = {"001": marks(1), "NA": nothing(), "b": marks(2)}
    write_marks(path, stored)
    found = read_marks(path, ["NA", "b", "001"])
    assert list(found) == list(stored)
    assert all(same(found[case], stored[case]) for case in stored)
    first = path.read_bytes()
    write_marks(path, stored)
    assert path.read_bytes() == first


def test_where_there_are_none_or_others_a_gate_must_not_open(tmp_path, monkeypatch, refused):
    path = tmp_path / "cases.npz"
    assert refused(read_marks, path, ["a"]).startswith(f"{path}: it is missing")
    with monkeypatch.context() as patch:
        patch.setattr(module, "METHOD", module.METHOD + 1)
        write_marks(path, {"a": marks(1)})
    assert refused(read_marks, path, ["a"]).startswith(f"{path}: another version")


def test_a_file_that_is_damaged_or_of_another_table_is_refused(tmp_path, refused):
    path = tmp_path / "cases.npz"
    write_marks(path, {"a": marks(1), "b": marks(2)})
    message = refused(read_marks, path, ["a", "c"])
    assert message.startswith(f"{path}: it holds other cases")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no archive"):
        path.write_bytes(content)
        assert DAMAGED in refused(read_marks, path, ["a", "b"])
    write_marks(path, {"a": marks(1)})
    np.savez(path, cases=np.array(["a"]))
    assert DAMAGED in refused(read_marks, path, ["a"])
