"""Labels against dataset.json: a value that has another name there is refused."""

from pathlib import Path

import pytest

from slicewise.volumes.described import check_described, described_labels, read_description

MSD = {"labels": {"0": "background", "1": "Anterior", "2": "Posterior"}}
NNUNET = {"labels": {"background": 0, "Left Kidney": 1, "tumour": 2, "organ": [1, 2]}}
PATH = Path("set/dataset.json")


def test_both_ways_of_writing_labels_are_read():
    assert described_labels(MSD) == {"background": {0}, "Anterior": {1}, "Posterior": {2}}
    assert described_labels(NNUNET) == {
        "background": {0},
        "Left Kidney": {1},
        "tumour": {2},
        "organ": {1, 2},
    }
    assert described_labels({"labels": {"liver": "1"}}) == {"liver": {1}}
    for nothing in ({}, [], 3, {"labels": None}, {"labels": ["liver"]}, {"labels": {"a": True}}):
        assert described_labels(nothing) == {}


@pytest.mark.parametrize(
    ("description", "labels"),
    [
        (MSD, {"anterior": 1, "posterior": 2}),
        (MSD, {"posterior": [2]}),
        (MSD, {"anterior": [1, 2]}),  # an organ with its tumour
        (NNUNET, {"left_kidney": 1, "organ": [1, 2]}),
        (NNUNET, {"organ": [2, 1]}),
        ({}, {"anything": 5}),
    ],
)
def test_labels_that_agree_say_nothing(description, labels, caplog):
    check_described(labels, PATH, description)
    assert not caplog.records


@pytest.mark.parametrize(
    ("description", "labels", "part"),
    [
        (MSD, {"anterior": 2, "posterior": 1}, "anterior is 2, but there 1; posterior is 1, but"),
        (MSD, {"anterior": 2, "other": 1}, "anterior is 2, but there 1"),
        (MSD, {"ANTERIOR": 3}, "ANTERIOR is 3"),
        (NNUNET, {"left-kidney": 2}, "left-kidney is 2, but there 1"),
        (NNUNET, {"organ": [1]}, "organ is 1, but there 1 and 2"),
        (NNUNET, {"organ": [1, 3]}, "organ is 1 and 3, but there 1 and 2"),
    ],
)
def test_labels_that_do_not_are_refused(refused, description, labels, part):
    message = refused(check_described, labels, PATH, description)
    assert part in message
    assert str(PATH) in message
    assert "dataset.labels" in message


def test_a_name_of_ones_own_is_said(caplog):
    check_described({"head": 1, "posterior": 2}, PATH, MSD)
    (record,) = caplog.records
    assert "head (1): Anterior" in record.getMessage()
    assert "posterior" not in record.getMessage()


@pytest.mark.parametrize("content", [b"{", b"\xe9", "{}".encode("utf-16"), b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path, refused, content):
    path = tmp_path / "dataset.json"
    path.write_bytes(content)
    assert str(path) in refused(read_description, path)
