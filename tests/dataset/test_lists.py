"""Lists of cases in JSON are rows of a table."""

import json

import pytest

from slicewise.config import Split
from slicewise.dataset.finding import find_cases
from slicewise.dataset.lists import read_entries, write_rows
from slicewise.dataset.split import split_cases
from tests.layouts import ONE_FOLDER, dataset, touch

MONAI = {
    "name": "study",
    "labels": {"0": "background", "1": "liver"},
    "numTraining": 2,
    "training": [
        {"image": "./raw/s1_orig.nii.gz", "label": "s1.nii.gz", "fold": 0, "site": "A"},
        {"image": ["raw/s2_orig.nii.gz", "raw/s2_other.nii.gz"], "label": "s2.nii.gz", "fold": 1},
    ],
    "validation": [],
    "testing": ["raw/s3_orig.nii.gz", {"label": "lost.nii.gz"}],
    "unlabelled": ["raw/s9_orig.nii.gz"],
}
SPLITS = [{"train": ["s1", "s2"], "val": ["s3"]}, {"train": ["s2", "s3"], "val": ["s1"]}]


@pytest.fixture
def cells(tmp_path):
    """Return what writes JSON and reads its rows."""

    def read(content):
        path = tmp_path / "lists.JSON"
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8-sig")
        header, rows = read_entries(path)
        assert all(list(row.cells) == header for row in rows)
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        return [row.cells for row in rows]

    return read


def test_lists_of_monai(cells):
    one, two, three = cells(MONAI)
    path = "./raw/s1_orig.nii.gz"
    more = {"label": "s1.nii.gz", "given_fold": "0", "site": "A", "subset": "train"}
    assert one == {"image": path, **more}
    # of several channels the first tells the case
    assert two["image"] == "raw/s2_orig.nii.gz" and two["site"] == ""
    assert three["image"] == "raw/s3_orig.nii.gz" and three["subset"] == "test"
    assert three["given_fold"] == ""


def test_splits_of_nnunet(cells):
    folds = [(row["case"], row["given_fold"]) for row in cells(SPLITS)]
    assert folds == [("s1", "1"), ("s2", ""), ("s3", "0")]
    # of a single one nobody is held out who is trained on elsewhere
    parts = [(row["case"], row["subset"]) for row in cells(SPLITS[:1])]
    assert parts == [("s1", "train"), ("s2", "train"), ("s3", "validation")]


def test_objects_are_rows_and_are_written_as_such(cells):
    rows = [
        {" scan ": "s1 ", "age": 61, "of": {"more": 1}},
        "remark",
        {"scan": "s2", "smokes": True},
    ]
    assert cells(rows) == [
        {"scan": "s1", "age": "61", "smokes": ""},
        {"scan": "s2", "age": "", "smokes": "True"},
    ]
    written = write_rows(["case", "who"], [["s1", "Ä"], ["s2", ""]]).decode()
    assert cells(written) == [{"case": "s1", "who": "Ä"}, {"case": "s2", "who": ""}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not readable as JSON"),
        ([], "it lists no cases; a list of cases in JSON is one of objects, lists as MONAI has"),
        ({"train": {"image": "s1"}, "labels": ["a"]}, "it lists no cases"),
        ([*SPLITS, SPLITS[0]], "in more than one of its 3 splits: s3 (0, 2); held-out folds share"),
        (7, "it lists no cases"),
    ],
)
def test_what_is_none_is_refused(cells, refused, content, message):
    assert message in refused(cells, content)


def test_a_folder_is_none(tmp_path, refused):
    (tmp_path / "lists.json").mkdir()
    assert "this is a folder; name the table itself" in refused(
        read_entries, tmp_path / "lists.json"
    )


@pytest.fixture
def study(data):
    """Return what finds three scans by lists beside them."""
    touch(data / "raw", *(f"s{k}_{kind}.nii.gz" for k in "123" for kind in ("orig", "liver")))

    def find(content, **keys):
        (data / "lists.json").write_text(json.dumps(content))
        metadata = {"table": f"{data.name}/lists.json", **keys}
        return find_cases(dataset("pairs", metadata=metadata, **ONE_FOLDER), data.parent)

    return find


def test_they_say_who_is_tested_on(study, refused):
    cases = study(MONAI, case="image", subset="subset")
    assert [case.subset for case in cases] == ["train", "train", "test"]
    less = {"training": MONAI["training"]}
    assert "lists.json: it has no row of s3" in refused(study, less, case="image", subset="subset")
    twice = {**MONAI, "validation": ["raw/s1_orig.nii.gz"]}
    message = refused(study, twice, case="image", subset="subset")
    assert "rows 1 and 3, case s1: subset is 'train' and 'validation'; correct one" in message


def test_they_say_the_folds(study):
    splits = [
        {"train": [c for c in ("s1", "s2", "s3") if c != v], "val": [v]} for v in ("s2", "s3", "s1")
    ]
    cases = study(splits)
    folds = split_cases(cases, Split(test=0, leave_out="given_fold"))
    assert [(one.case, one.fold) for one in folds] == [("s1", 2), ("s2", 0), ("s3", 1)]
