"""Series of a study that may be the channels of one image, as `init` proposes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from slicewise.config import load_settings
from slicewise.dataset.finding import find_cases
from slicewise.survey.dicom_channels import Studies, beside
from slicewise.survey.init import Wanted, init
from slicewise.survey.looking import Looker
from tests.volumes.dicom.archived import write_modalities


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "archive"


def write(root, write_series, *studies) -> None:
    """Write a study of each patient without telling names; the first series has the mask."""
    for number, names in enumerate(studies):
        place = root / f"p{number}"
        write_modalities(place, write_series, f"ID-{number}", *names)
        for count, path in enumerate(sorted(place.rglob("*"), key=lambda p: (p.is_dir(), p.name))):
            if path.is_file():
                path.rename(place / f"I{count:04d}")


def written(root, answers=None) -> dict:
    """Return the configuration that is written, and what is said, where it finds cases."""
    said = []
    ask = None if answers is None else (lambda _: answers.pop(0))
    path = init(Wanted(root, output=root.parent / "x.yaml", force=True), said.append, ask)
    settings = yaml.safe_load(path.read_text())
    cases = find_cases(load_settings(settings).dataset, root.parent)
    told = {"said": "\n".join(said), "text": path.read_text()}
    return {**settings["dataset"], **told, "cases": cases}


def test_sequences_on_the_same_voxels_are_channels_and_the_first_has_the_mask(root, write_series):
    write(root, write_series, *[("T2 tse", "Zeta", "T1 SE")] * 3)
    found = written(root)
    assert found["layout"] == "dicom"
    assert found["channels"] == ["t2_tse", "t1_se", "zeta"]
    assert found["dicom"]["image"] == {"t2_tse": "t2 tse", "t1_se": "t1 se", "zeta": "zeta"}
    assert found["intensity"] == "arbitrary"
    assert [case.channels for case in found["cases"]] == [
        (("t2_tse", 5), ("t1_se", 5), ("zeta", 5)),
    ] * 3
    assert "guessed: dataset.dicom.image" in found["said"]
    assert "ID-" not in found["text"]


def test_the_series_with_the_mask_alone_is_the_other_answer(root, write_series):
    write(root, write_series, *[("T2", "T1")] * 2)
    found = written(root, ["2"])
    assert (found["channels"], found["dicom"]["image"]) == (None, None)
    assert [case.channels for case in found["cases"]] == [()] * 2


def test_modalities_are_channels_only_where_somebody_says_so(root, write_series):
    write(root, write_series, *[("CT:low dose", "PT:WB")] * 2)
    found = written(root)
    assert (found["channels"], found["dicom"]["image"]) == (None, None)
    assert "# image: {ct: ct, pet: pt}" in found["text"]
    found = written(root, ["2"])
    assert found["channels"] == ["ct", "pet"]
    assert [len(case.image) for case in found["cases"]] == [10, 10]


def test_a_case_without_a_channel_or_with_two_is_left_out_by_name(root, write_series):
    whole = ("T2", "T1")
    write(root, write_series, *[whole] * 9, ("T2",))
    write_modalities(root / "p7" / "x", write_series, "ID-7", "T1", series=9, mask=None)
    found = written(root)
    assert found["exclude"] == ["p7", "p9"]
    assert len(found["cases"]) == 8


def test_what_one_patient_or_few_studies_say_is_never_written(root, write_series):
    write(root, write_series, ("T2", "T1 Grete"), ("T2", "T1 Anna"), ("T2", "rare"))
    assert beside(Looker(root)) is None
    for study in ("2", "3", "4", "5", "6"):
        write_modalities(root / "p0" / study, write_series, "ID-0", "T2", "Grete", study=study)
    text = written(root)["text"]
    assert "grete" not in text.lower()


def test_masks_on_different_series_are_no_first_channel(root, write_series):
    write(root, write_series, ("T2", "T1"), ("T1", "T2"))
    assert beside(Looker(root)) is None


def test_series_on_other_voxels_are_no_channels_in_the_first_guess(root, write_series, monkeypatch):
    write(root, write_series, *[("T2", "T1", "sagittal")] * 2)
    assert beside(Looker(root)).together
    studies = Studies.of(Looker(root))
    grids = {
        studies.archive.series[series][0]: says[1] == "sagittal"
        for series, says in studies.called.items()
    }
    monkeypatch.setattr(Looker, "header", lambda self, path, files: grids[path])
    monkeypatch.setattr("slicewise.survey.dicom_channels.same_grid", lambda one, two: one == two)
    found = beside(Looker(root))
    assert (found.together, list(found.image)) == (True, ["t2", "t1"])
    grids |= {path: place for place, path in enumerate(grids)}
    found = beside(Looker(root))
    assert (found.together, list(found.image)) == (False, ["t2", "sagittal", "t1"])
