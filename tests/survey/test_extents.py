"""How large structures are, and which share voxels."""

from functools import partial

import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.survey import proposal
from slicewise.survey.extents import Extents, measured
from slicewise.survey.proposal import propose
from slicewise.survey.sample import sampled
from tests.imitated import SPACING, _dicom, scan, write
from tests.volumes.dicom.drawn import corners, write_rtstruct, write_seg

ORGAN = np.zeros((24, 20, 7), bool)
ORGAN[4:18, 4:15, 2:5] = True
TUMOUR = np.zeros((24, 20, 7), bool)
TUMOUR[14:20, 7:11, 3] = True  # with a rim outside


def layers(root):
    """Write what 3D Slicer does of a kidney with its cyst."""
    for n in range(3):
        array, mask = scan(n)
        write(root / f"P{n}/ct.nrrd", array)
        drawn = np.stack([mask > 0, mask == 2], -1).astype(np.uint8)
        image = sitk.GetImageFromArray(drawn.transpose(2, 1, 0, 3), isVector=True)
        image.SetSpacing(SPACING)
        for number, name in enumerate(("Kidney", "Cyst")):
            image.SetMetaData(f"Segment{number}_Name", name)
            image.SetMetaData(f"Segment{number}_LabelValue", "1")
            image.SetMetaData(f"Segment{number}_Layer", str(number))
        sitk.WriteImage(image, str(root / f"P{n}/s.seg.nrrd"))


def contours(root):
    for n in range(3):
        ct = root / f"P{n}/CT"
        disc = _dicom(ct, n)
        square = np.array([(14, 7), (21, 7), (21, 11), (14, 11)])
        regions = {k: [disc] for k in (2, 3, 4)}
        told = {"Kidney": corners(ct, regions), "Cyst": corners(ct, {3: [square]})}
        write_rtstruct(root / f"P{n}/RT/rs.dcm", ct, told)


def frames(root):
    for n in range(3):
        ct = root / f"P{n}/CT"
        _dicom(ct, n)
        write_seg(root / f"P{n}/SEG/s.dcm", ct, {"Kidney": ORGAN, "Cyst": TUMOUR})


def files(root):
    """Write a file a structure; the first case has neither kidney nor cyst."""
    for n in range(5):
        array, mask = scan(n)
        write(root / f"s{n}/ct.nii.gz", array)
        there = mask * (n > 0)
        for name, drawn in {"Kidney": there > 0, "Cyst": there == 2, "Bone": mask == 0}.items():
            write(root / f"s{n}/segmentations/{name}.nii.gz", drawn.astype(np.uint8))


def _sampled_until(late, cases, looker, **asked):
    sample = sampled(cases, looker, **asked)
    looker._until = 0.0 if late else looker._until
    return sample


@pytest.mark.parametrize("make", [layers, contours, frames, files])
@pytest.mark.parametrize("late", [False, True])
def test_what_lies_within_another_structure_is_named_after_it(tmp_path, monkeypatch, make, late):
    """By the alphabet the kidney had all voxels of its cyst."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    make(tmp_path / "data")
    # when all else was looked at
    monkeypatch.setattr(proposal, "sampled", partial(_sampled_until, late))
    said = propose(tmp_path / "data", "x", "x").said
    labels = {one.path[-1]: one.why for one in said if one.path[:2] == ("dataset", "labels")}
    names = [name for name in labels if name != "Bone"]
    assert names == ["Kidney", "Cyst"]
    assert labels["Cyst"].endswith("it has the voxels that it shares with Kidney")
    assert "shares" not in labels["Kidney"]


def test_a_size_is_that_of_the_cases_that_have_it():
    extents = Extents()
    for size in (0.0, 2.0, 9.0, 4.0):
        extents.add("liver", size)
    assert extents.size("liver") == 4.0
    assert extents.size("cyst") == 0.0
    assert extents.said("liver", {}) == ", 4 ml in 3 cases (median)"
    extents.add("skin", 10_000.2)
    assert extents.said("skin", {}) == ", 10,000 ml in 1 case"
    assert extents.said("cyst", {"liver": "Liver"}) == ""


def test_few_cases_are_measured_from_the_first_to_the_last():
    assert measured(2) == [0, 1]
    assert len(measured(100)) == 5
    assert (measured(100)[0], measured(100)[-1]) == (0, 99)
