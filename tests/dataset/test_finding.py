"""Cases follow from file names alone, and what two patients could share is refused."""

import json
from pathlib import Path

import pytest

from slicewise.dataset.finding import find_cases
from tests.layouts import ONE_FOLDER, dataset, describe, entry, found, touch

LITTER = [
    *(".DS_Store", "._.DS_Store", "Thumbs.db", "thumbs.DB", "desktop.ini", "Desktop.ini"),
    *("@eaDir/a/SYNOFILE_THUMB_M.jpg", "#recycle/p1_orig.nii.gz", "__MACOSX/._p1_orig.nii.gz"),
]


def test_names_that_differ_in_case_only_are_refused(data, refused):
    # macOS and Windows would write the results of one over those of the other
    touch(data / "raw", *(f"{n}_{kind}.nii.gz" for n in ("p1", "P1") for kind in ("orig", "liver")))
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert message.startswith("cases P1 and p1: their names differ in capital letters alone")
    assert "p1_orig.nii.gz" in message
    assert "P1_orig.nii.gz" in message


@pytest.mark.parametrize(
    "name", ["with space", "née", "a;b", "$(x)", "-dash", ".hidden", "{w}", "a'b"]
)
def test_unsafe_names_are_refused(data, refused, name):
    touch(data / "raw", f"{name}_orig.nii.gz", f"{name}_liver.nii.gz")
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert repr(name) in message
    assert "layout: table" in message


@pytest.mark.parametrize("layout", ["pairs", "ircad", "nnunet"])
def test_an_empty_folder_is_no_data_set(data, refused, layout):
    (data / "raw").mkdir()
    labels = {"liver": "liver"} if layout == "ircad" else None
    keys = ONE_FOLDER if layout == "pairs" else {}
    message = refused(find_cases, dataset(layout, labels, **keys), data.parent)
    assert str(data) in message
    assert "no case found" in message


def test_no_data_at_the_root_names_the_way_out(tmp_path, refused):
    message = refused(find_cases, dataset("pairs", root="nowhere"), tmp_path)
    assert message.startswith(str(tmp_path / "nowhere"))
    assert "SLICEWISE_DATA" in message
    assert "dataset.root" in message


def test_excluded_cases_are_left_out(data, refused):
    touch(data / "raw", *(f"p{k}_{kind}.nii.gz" for k in "123" for kind in ("orig", "liver")))
    assert list(found(data, dataset("pairs", exclude=["p2"], **ONE_FOLDER))) == ["p1", "p3"]
    message = refused(find_cases, dataset("pairs", exclude=["p9"], **ONE_FOLDER), data.parent)
    assert message.startswith("dataset.exclude: no case is called p9")
    nobody = dataset("pairs", exclude=["p1", "p2", "p3"], **ONE_FOLDER)
    assert "leaves no case" in refused(find_cases, nobody, data.parent)


def test_a_pattern_says_whose_a_volume_is(data, refused):
    names = ["p1-ct1", "p1-ct2", "p2-ct1"]
    touch(data / "raw", *(f"{n}_{kind}.nii.gz" for n in names for kind in ("orig", "liver")))
    pattern = "^(?P<patient>p[0-9]+)-"
    cases = find_cases(dataset("pairs", patient_pattern=pattern, **ONE_FOLDER), data.parent)
    assert [case.patient for case in cases] == ["p1", "p1", "p2"]
    cases = find_cases(dataset("pairs", **ONE_FOLDER), data.parent)
    assert [case.patient for case in cases] == names
    settings = dataset("pairs", patient_pattern="^(?P<patient>q[0-9]+)-", **ONE_FOLDER)
    assert "dataset.patient_pattern" in refused(find_cases, settings, data.parent)


def test_a_pattern_whose_group_is_empty_or_missing_is_refused(data, refused):
    touch(
        data / "raw", *(f"{n}_{kind}.nii.gz" for n in ("p1-a", "b") for kind in ("orig", "liver"))
    )
    for pattern in ("^(?P<patient>p[0-9]*)?", "^(?P<patient>p?)", "(?P<patient>p)|b"):
        settings = dataset("pairs", patient_pattern=pattern, **ONE_FOLDER)
        message = refused(find_cases, settings, data.parent)
        assert "dataset.patient_pattern" in message
        assert "'b'" in message


def test_patients_that_differ_in_spelling_only_are_refused_in_every_layout(data, refused):
    names = ["p1", "p01", "q2"]
    touch(data / "raw", *(f"{n}_{kind}.nii.gz" for n in names for kind in ("orig", "liver")))
    message = refused(find_cases, dataset("pairs", **ONE_FOLDER), data.parent)
    assert "'p01' (case p01) and 'p1' (case p1) differ in leading zeros only" in message
    assert "dataset.different_patients, as [[p01, p1]]" in message
    for known in ([["p1", "p01"]], "all"):
        settings = dataset("pairs", different_patients=known, **ONE_FOLDER)
        assert len(find_cases(settings, data.parent)) == 3
    wrong = dataset("pairs", different_patients=[["p1", "p2"]], **ONE_FOLDER)
    assert "no patient is called p2" in refused(find_cases, wrong, data.parent)
    # one that is left out stands in no one's way, and may still be named
    for known in ([], [["p1", "p01"]]):
        left = dataset("pairs", exclude=["p01"], different_patients=known, **ONE_FOLDER)
        assert len(find_cases(left, data.parent)) == 2


def test_patients_of_a_pattern_that_differ_in_spelling_only_are_refused(data, refused):
    names = ["P1-a", "p1-b"]
    touch(data / "raw", *(f"{n}_{kind}.nii.gz" for n in names for kind in ("orig", "liver")))
    settings = dataset("pairs", patient_pattern="^(?P<patient>[Pp][0-9]+)", **ONE_FOLDER)
    assert "upper and lower case" in refused(find_cases, settings, data.parent)


def test_only_a_case_of_which_nothing_says_whose_it_is_is_guessed(data):
    touch(data / "raw", *(f"p1_{kind}.nii.gz" for kind in ("orig", "liver")))
    for keys, guessed in (({}, True), ({"patient_pattern": None}, False)):
        (case,) = find_cases(dataset("pairs", **keys, **ONE_FOLDER), data.parent)
        assert case.guessed == guessed


def test_labels_may_be_names_where_masks_name_their_segments(data, refused):
    named = dataset("nnunet", labels={"liver": "Liver"})
    touch(data, "imagesTr/a_0000.nii.gz", "labelsTr/a.seg.nrrd")
    assert found(data, named) == {"a": ("imagesTr/a_0000.nii.gz", "labelsTr/a.seg.nrrd", None)}
    touch(data, "imagesTr/b_0000.nii.gz", "labelsTr/b.nii.gz")
    message = refused(find_cases, named, data.parent)
    assert "b.nii.gz" in message
    assert "names of segments" in message


@pytest.mark.parametrize(
    ("layout", "root", "labels", "count", "tested"),
    [
        ("ircad", "ircad", {"liver": "liver"}, 3, 0),
        ("pairs", "msd_liver_2d", {"liver": 1}, 102, 21),
        ("msd", "msd_hippocampus", {"anterior": 1, "posterior": 2}, 130, 0),
    ],
)
def test_the_real_data_are_found(real_data, layout, root, labels, count, tested):
    cases = find_cases(dataset(layout, labels, root=root), real_data)
    assert len(cases) == count
    assert sum(case.subset == "test" for case in cases) == tested
    assert all(path.is_file() for case in cases for path in (*case.image, *case.mask))


def litter(folder: Path) -> None:
    """Leave what macOS, Windows and a Synology leave: also beside each file, under its name."""
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        touch(path.parent, f"._{path.name}", f"@eaDir/{path.name}/SYNOINDEX_{path.name}")
    for place in [
        folder,
        *(p for p in folder.rglob("*") if p.is_dir() and "@eaDir" not in p.parts),
    ]:
        touch(place, *LITTER)
        (place / "empty").mkdir(exist_ok=True)


def test_litter_changes_no_case_of_any_layout(data, tmp_path):
    touch(data / "pairs/raw", "p1_orig.nii.gz", "p1_liver.nii.gz")
    touch(data / "ircad/3Dircadb1.1", "PATIENT_DICOM/i1", "MASKS_DICOM/liver/i1")
    touch(data / "msd", "imagesTr/a.nii.gz", "labelsTr/a.nii.gz")
    describe(data / "msd", [entry("a")])
    touch(data / "nnunet", "imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    touch(data / "nnunet", "imagesTs/b_0000.nii.gz", "labelsTs/b.nii.gz")
    touch(data / "table", "ct/1", "ct/2", "m.nii.gz")
    (data / "table/cases.tsv").write_text("case\timage\tmask\na\tct\tm.nii.gz\n")
    every = [
        dataset("pairs", root="data/pairs", **ONE_FOLDER),
        dataset("ircad", {"liver": "liver"}, root="data/ircad"),
        dataset("msd", root="data/msd"),
        dataset("nnunet", root="data/nnunet"),
        dataset("table", root="data/table/cases.tsv"),
    ]
    before = [find_cases(settings, tmp_path) for settings in every]
    litter(data)
    for name in ("3Dircadb1.2", "3Dircadb1.3"):
        (data / "ircad" / name / "PATIENT_DICOM").mkdir(parents=True)
    touch(data / "ircad" / "3Dircadb1.3", "PATIENT_DICOM/Thumbs.db", ".DS_Store")
    # a folder may have any name
    (data / "pairs/raw/p2_orig.nii.gz").mkdir()
    (data / "nnunet/imagesTr/c_0001.nii.gz").mkdir()
    touch(data / "nnunet/labelsTs/c.nrrd", "@eaDir/c.nrrd")
    described = json.loads((data / "msd/dataset.json").read_text())["training"]
    describe(data / "msd", [*described, entry("._a")])
    assert [find_cases(settings, tmp_path) for settings in every] == before
    assert all(before)


def test_root_may_hold_variables_and_a_home(data, tmp_path, monkeypatch, refused):
    touch(data / "raw", "p1_orig.nii.gz", "p1_liver.nii.gz")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STUDY", "data")
    for root in ("~/data", "$HOME/data", "${STUDY}", "$STUDY"):
        (case,) = find_cases(dataset("pairs", root=root, **ONE_FOLDER), tmp_path)
        assert case.image == (data / "raw/p1_orig.nii.gz",)
    message = refused(find_cases, dataset("pairs", root="$STUDIES/x", **ONE_FOLDER), tmp_path)
    assert message.startswith("dataset.root: $STUDIES/x: the variable $STUDIES is not set")
    literal = tmp_path / "$STUDIES"
    data.rename(literal)
    (case,) = find_cases(dataset("pairs", root="$STUDIES", **ONE_FOLDER), tmp_path)
    assert case.image[0].is_relative_to(literal)
