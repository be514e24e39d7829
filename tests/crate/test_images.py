"""A crate with the images and masks of its data set."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from slicewise.crate import Wanted, gather_crate, open_crate, questions_of, write_crate
from slicewise.crate.images import image_files
from slicewise.crate.numbers import Numbers
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_bytes, write_text
from slicewise.stored import read_stored
from tests.crate import made
from tests.crate.conftest import WORKFLOW
from tests.settings import used_settings

CASES = ("a", "b", "c")


def settings_of(tmp_path: Path, by: tuple[str, ...] = (), **dataset) -> dict:
    whole = {
        **made.SETTINGS,
        "dataset": {"name": "tiny", "layout": "pairs", "labels": {"liver": 1}, **dataset},
        "split": {},
        "segment": None,
        "evaluation": {"by": list(by)},
    }
    path = tmp_path / "settings.yaml"
    write_text(path, used_settings(whole, "baseline"))
    return read_stored(path)


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SLICEWISE_DATA", str(tmp_path / "data"))
    place = tmp_path / "data" / "livers"
    for case in CASES:
        folder = place / "raw" / ("test" if case == "a" else "train")
        write_text(folder / f"{case}_orig.nii.gz", f"image {case}")
        write_text(folder / f"{case}_liver.nii.gz", f"mask {case}")
    write_text(place / "names of all patients.txt", "Maria")
    return place


def digests(data: Path) -> dict[tuple[str, str], str]:
    return {
        (case, kind): sha256(next(data.rglob(f"{case}_{end}.nii.gz")))
        for case in CASES
        for kind, end in (("image", "orig"), ("mask", "liver"))
    }


def test_what_the_layout_reads_is_in_it_and_nothing_else(data, tmp_path):
    files = image_files(settings_of(tmp_path, root="livers"), digests(data))
    assert {each.name for each in files} == {
        f"images/raw/{'test' if case == 'a' else 'train'}/{case}_{end}.nii.gz"
        for case in CASES
        for end in ("orig", "liver")
    }
    assert files[0].what == "the image of case a, as it was read"


def test_new_scans_that_another_experiment_segments_matter_not(data, tmp_path):
    used = settings_of(tmp_path, root="livers")
    segment = {"scans": "new", "experiment": "another", "offset": 0}
    files = image_files(used | {"segment": segment}, digests(data))
    assert files == image_files(used, digests(data))


def test_an_excluded_case_stays_behind(data, tmp_path):
    files = image_files(settings_of(tmp_path, root="livers", exclude=["b"]), digests(data))
    assert not [each for each in files if "/b_" in each.name]
    assert len(files) == 4


def test_a_file_that_was_not_scored_is_refused(data, tmp_path):
    known = digests(data)
    write_text(data / "raw" / "train" / "b_liver.nii.gz", "another")
    with pytest.raises(SlicewiseError, match="case b, mask: it is not the file that was trained"):
        image_files(settings_of(tmp_path, root="livers"), known)


def test_dicom_is_refused_as_its_header_may_name_the_patient(data, tmp_path):
    write_bytes(data / "raw" / "train" / "b_orig.nii.gz", b"\0" * 128 + b"DICM")
    with pytest.raises(SlicewiseError, match="case b, image: it is DICOM, whose header may tell"):
        image_files(settings_of(tmp_path, root="livers"), digests(data))


def test_phantoms_have_no_files(tmp_path):
    with pytest.raises(SlicewiseError, match="--images: phantoms are made by the settings"):
        image_files(settings_of(tmp_path, layout="phantom"), {})


def table_of(data: Path, rows: list[dict[str, str]]) -> Path:
    path = data / "my cases.csv"
    write_text(path, pd.DataFrame(rows).to_csv(index=False))
    return path


def rows_of(data: Path) -> list[dict[str, str]]:
    return [
        {
            "case": case,
            "Patient": case.upper(),
            "born": "1950-01-01",
            "site": "x",
            "image": str(next(data.rglob(f"{case}_orig.nii.gz")).relative_to(data)),
            "mask": str(next(data.rglob(f"{case}_liver.nii.gz")).relative_to(data)),
        }
        for case in CASES
    ]


def test_a_table_has_the_columns_that_are_read_and_the_cases_that_are_there(data, tmp_path):
    table_of(data, rows_of(data))
    settings = settings_of(
        tmp_path, by=("site",), layout="table", root="livers/my cases.csv", exclude=["c"]
    )
    files = {each.name: each.content for each in image_files(settings, digests(data))}
    table = files["images/my cases.csv"]
    assert isinstance(table, bytes)
    lines = table.decode().splitlines()
    assert sorted(lines[0].split("\t")) == ["case", "image", "mask", "patient", "site"]
    assert len(lines) == 3 and b"1950" not in table
    assert len(files) == 5


def test_a_table_beside_the_files_has_what_is_read_and_calls_cases_by_their_names(data, tmp_path):
    rows = [
        {
            "file": f"/export/anna/{case}_orig.nii.gz",
            "who": case.upper(),
            "born": "1950-01-01",
            "site": "x",
        }
        for case in CASES
    ]
    table_of(data.parent, rows)
    metadata = {"table": "my cases.csv", "case": "file", "patient": "who"}
    settings = settings_of(tmp_path, by=("site",), root="livers", metadata=metadata, exclude=["c"])
    files = {each.name: each.content for each in image_files(settings, digests(data))}
    table = files["images/my cases.csv"]
    assert table == b"file\twho\tsite\na\tA\tx\nb\tB\tx\n"
    assert len(files) == 5


def test_lists_in_json_beside_the_files_stay_json(data, tmp_path):
    entries = [
        {
            "image": f"/export/anna/{case}_orig.nii.gz",
            "who": case.upper(),
            "site": "x",
            "born": 1950,
        }
        for case in CASES
    ]
    write_text(data.parent / "study.json", json.dumps(entries))
    metadata = {"table": "study.json", "case": "image", "patient": "who"}
    settings = settings_of(tmp_path, by=("site",), root="livers", metadata=metadata, exclude=["c"])
    files = {each.name: each.content for each in image_files(settings, digests(data))}
    table = files["images/study.json"]
    assert isinstance(table, bytes)
    assert json.loads(table) == [
        {"image": case, "who": case.upper(), "site": "x"} for case in ("a", "b")
    ]


def test_corrected_masks_are_refused_though_they_lie_with_the_data(data, tmp_path):
    table_of(data, rows_of(data))
    for kind in ("image", "mask"):
        write_text(data / f"new_{kind}.nii.gz", f"{kind} new")
    rows = "case\tpatient\timage\tmask\nnew\tnew\tnew_image.nii.gz\tnew_mask.nii.gz\n"
    write_text(data / "fixed.tsv", rows)
    known = digests(data) | {
        ("new", kind): sha256(data / f"new_{kind}.nii.gz") for kind in ("image", "mask")
    }
    root, corrections = "livers/my cases.csv", str(data / "fixed.tsv")
    settings = settings_of(tmp_path, layout="table", root=root, corrections=corrections)
    with pytest.raises(SlicewiseError, match="alone 3 cases are found, and not the 4"):
        image_files(settings, known)


def test_a_file_elsewhere_is_refused(data, tmp_path):
    rows = rows_of(data)
    elsewhere = tmp_path / "elsewhere.nii.gz"
    elsewhere.write_text("image a")
    rows[0]["image"] = str(elsewhere)
    table_of(data, rows)
    settings = settings_of(tmp_path, layout="table", root="livers/my cases.csv")
    with pytest.raises(SlicewiseError, match="case a, image: it lies outside of"):
        image_files(settings, digests(data))


def test_the_list_of_the_decathlon_is_in_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SLICEWISE_DATA", str(tmp_path))
    place = tmp_path / "task"
    for case in CASES:
        write_text(place / "imagesTr" / f"{case}.nii.gz", f"image {case}")
        write_text(place / "labelsTr" / f"{case}.nii.gz", f"mask {case}")
    listed = [
        {"image": f"./imagesTr/{case}.nii.gz", "label": f"./labelsTr/{case}.nii.gz"}
        for case in CASES
    ]
    labels = {"0": "background", "1": "liver"}
    write_text(
        place / "dataset.json", json.dumps({"training": listed, "labels": labels, "test": []})
    )
    known = {
        (case, kind): sha256(place / folder / f"{case}.nii.gz")
        for case in CASES
        for kind, folder in (("image", "imagesTr"), ("mask", "labelsTr"))
    }
    files = image_files(settings_of(tmp_path, layout="msd", root="task"), known)
    assert "images/dataset.json" in {each.name for each in files}
    assert len(files) == 7


def test_whose_they_are_is_said_and_asked(folder, tmp_path, monkeypatch):
    held = [("images/raw/test/a_orig.nii.gz", b"voxels", "the image of case a, as it was read")]
    monkeypatch.setattr(
        "slicewise.crate.contents.image_files",
        lambda settings, digests: [Held(*each) for each in held],
    )
    planned = gather_crate(Wanted(WORKFLOW, "MIT", images=True), [folder])
    assert any("may you give them away" in each for each in questions_of(planned))
    path = tmp_path / "crate.zip"
    write_crate(planned, path)
    with open_crate(path) as archive:
        assert archive.images == ["images/raw/test/a_orig.nii.gz"]
        assert archive.read(archive.images[0]) == b"voxels"
        readme = archive.read("README.md").decode()
        graph = {each["@id"]: each for each in archive._json("ro-crate-metadata.json")["@graph"]}
    assert "They belong to those who acquired and drew them" in readme
    assert "slicewise reproduce crate.zip\n" in readme
    image = graph["images/raw/test/a_orig.nii.gz"]
    assert image["license"] == {"@id": "#licence-of-images"}
    assert {"@id": image["@id"]} in graph["#images"]["hasPart"]
    assert "They are in this crate" in graph["#images"]["description"]


class Held:
    def __init__(self, name, content, what):
        self.name, self.content, self.what = name, content, what


def test_images_are_called_as_cases_are_so_they_go_with_names(folder):
    numbers = Numbers.of(set("abcdefyz"), set("abcdefyz"))
    with pytest.raises(SlicewiseError, match=r"--images: .* so they go with --names only"):
        gather_crate(Wanted(WORKFLOW, images=True), [folder], numbers)
