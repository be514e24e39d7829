"""Series of a study that are the channels of an image, found by their headers."""

from __future__ import annotations

import json
from pathlib import Path

from slicewise.config import Dataset, Dicom
from slicewise.dataset.case import Case
from slicewise.dataset.finding import find_cases
from slicewise.dataset.layouts.dicom_channels import grouped
from slicewise.jobs import Convert
from slicewise.volumes.dicom.index import IMAGE, Entry
from tests.volumes.dicom.archived import write_modalities

CHANNELS = {"flair": "*flair*", "t1": "*t1*"}


def settings(image=None, **more) -> Dataset:
    image = image or CHANNELS
    given = {"name": "a", "layout": "dicom", "root": "archive", "labels": {"liver": "Liver"}}
    given |= {"channels": [*image], "dicom": {"image": image}, "intensity": "arbitrary"}
    return Dataset.model_validate({**given, **more})


def found(root: Path, image=None, **more) -> dict[str, Case]:
    return {case.name: case for case in find_cases(settings(image, **more), root.parent)}


def of_channels(case: Case) -> dict[str, set[str]]:
    """Return in which folders the files of each channel lie, and that all are there."""
    files = iter(case.image)
    return {name: {next(files).parent.name for _ in range(count)} for name, count in case.channels}


def test_series_of_a_study_are_its_channels(root, write_series, caplog):
    for patient in ("A", "B"):
        write_modalities(root / patient.lower(), write_series, f"ID-{patient}", "Ax FLAIR", "T1 SE")
        # of another day, which is no channel of it
        write_modalities(
            *(root / patient.lower() / "x", write_series, f"ID-{patient}", "T1 SE"),
            study="2",
            mask=None,
        )
    cases = found(root)
    assert list(cases) == ["a", "b"]
    for case in cases.values():
        assert of_channels(case) == {"flair": {"Ax FLAIR"}, "t1": {"T1 SE"}}
        assert [path.parent.parent.name for path in case.image] == [case.name] * 10
        assert case.needs_conversion
        assert dict(case.named) == {"image": f"{case.name} (5 + 5)", "mask": "SEG (1)"}
        assert "ID-" not in str(Convert.of_case(case, settings()).dump())
    assert "2 × image series without a segmentation" in caplog.text


def test_modalities_tell_channels_apart(root, write_series):
    write_modalities(root / "a", write_series, "ID-A", "CT:low dose", "PT:WB")
    (case,) = found(root, {"ct": "CT", "pet": "PT"}).values()
    assert of_channels(case) == {"ct": {"low dose"}, "pet": {"WB"}}


def test_a_channel_that_is_missing(root, write_series, refused, caches):
    write_modalities(root / "a", write_series, "ID-A", "FLAIR", "T1")
    write_modalities(root / "b", write_series, "ID-B", "FLAIR", "T2")
    message = refused(found, root)
    assert "case b: it has no file of the channel t1 beside its other series" in message
    (listing,) = caches.glob("*.series.json")
    assert str(listing) in message
    assert "T2" not in message
    told = json.loads(listing.read_text())
    assert sorted(says[-1] for says in told.values()) == ["FLAIR", "FLAIR", "T1", "T2"]
    assert listing.stat().st_mode & 0o077 == 0
    cases = found(root, missing_channels="zero")
    assert of_channels(cases["b"]) == {"flair": {"FLAIR"}, "t1": set()}
    assert list(found(root, exclude=["b"])) == ["a"]


def test_two_series_that_may_be_a_channel(root, write_series, refused):
    write_modalities(root / "a", write_series, "ID-A", "FLAIR", "T1", "T1 again")
    assert "case a: 2 series of its study may be the channel t1" in refused(found, root)
    (case,) = found(root, {"flair": "flair", "t1": "t1"}).values()
    assert of_channels(case)["t1"] == {"T1"}


def test_a_mask_that_was_drawn_on_another_channel(root, write_series, refused, caplog):
    write_modalities(root / "a", write_series, "ID-A", "T1", "FLAIR")
    message = refused(found, root)
    assert "case a: its mask was drawn on the channel t1, which is not the first" in message
    assert of_channels(found(root, {"t1": "t1", "flair": "flair"})["a"])["t1"] == {"T1"}
    # beside one on the first channel it is left aside
    write_modalities(root / "a", write_series, "ID-A", "FLAIR", series=7)
    assert len(found(root, {"flair": "flair", "t1": "t1"}, missing_channels="zero")) == 1
    assert "1 × masks of an image series that is no first channel" in caplog.text


def test_masks_of_no_channel_at_all(root, write_series, refused):
    write_modalities(root / "a", write_series, "ID-A", "T2", "FLAIR")
    message = refused(found, root)
    assert "no image series that a mask was drawn on is called as dataset.dicom.image" in message


def test_of_several_series_those_in_the_same_frame_of_reference_are_taken():
    frames = {"1": "f", "2": "g", "3": "f"}
    series = {one: Entry(IMAGE, study="s", patient="p", frame=frames[one]) for one in frames}
    called = {"1": ["MR", "flair"], "2": ["MR", "t1"], "3": ["MR", "t1"]}
    of = grouped(["1"], series, called, Dicom(image=CHANNELS))
    assert of.images == {"1": {"flair": ["1"], "t1": ["3"]}}
    assert of.used == {"1", "3"}
    # registered by hand, in no common frame
    del series["3"]
    assert grouped(["1"], series, called, Dicom(image=CHANNELS)).images["1"]["t1"] == ["2"]


def test_two_patterns_that_say_as_much_are_refused(refused):
    called = {"1": ["MR", "t1 gd"]}
    settings = Dicom(image={"a": "*t1*", "b": "*gd*"})
    message = refused(grouped, ["1"], {"1": Entry(IMAGE)}, called, settings)
    assert "the patterns of a and b fit the same series alike" in message
