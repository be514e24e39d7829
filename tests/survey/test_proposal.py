"""All settings of a folder."""

import itertools
from types import SimpleNamespace

import pytest

from slicewise.survey import proposal
from slicewise.survey.looking import Looker
from slicewise.survey.proposal import propose
from tests.imitated import BUILDERS, pair


def values(said):
    return {one.path: one.value for one in said}


def test_blocks_stand_together_and_values_before_blocks(tmp_path):
    BUILDERS["SegTHOR"](tmp_path)
    said = propose(tmp_path, "x", "x").said
    paths = [one.path for one in said]
    assert len(set(paths)) == len(paths)
    blocks = [path[:-1] for path in paths]
    assert [b for n, b in enumerate(blocks) if b not in blocks[:n]] == list(dict.fromkeys(blocks))
    changes = sum(one != other for one, other in itertools.pairwise(blocks))
    assert changes == len(set(blocks)) - 1


def test_masks_beside_the_voxels_of_their_images_are_resampled(tmp_path):
    import nibabel as nib

    for n in range(4):
        pair(tmp_path / f"{n}_i.nii.gz", tmp_path / f"{n}_m.nii.gz", n)
    for path in tmp_path.glob("*_m.nii.gz"):
        image = nib.load(path)
        affine = image.affine.copy()
        affine[:3, 3] += 0.6
        nib.Nifti1Image(image.get_fdata().astype("uint8"), affine).to_filename(path)
    assert values(propose(tmp_path, "x", "x").said)["dataset", "masks"] == "resample"


@pytest.mark.parametrize(("name", "test"), [("BTCV", True), ("ACDC", False)])
def test_the_split_is_drawn_unless_folders_say_it(tmp_path, name, test):
    BUILDERS[name](tmp_path)
    assert (("split", "test") in values(propose(tmp_path, "x", "x").said)) == test


def test_nothing_is_written_into_the_data(tmp_path):
    BUILDERS["autoPET"](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    propose(tmp_path, "x", "x")
    assert sorted(tmp_path.rglob("*")) == before


def test_organs_in_the_body_are_named_after_it_however_slow_the_disk(tmp_path, monkeypatch):
    """Where masks share voxels, the later label has them: by name, the skin would hide all."""
    sizes = {"artery": 60.0, "liver": 1500.0, "skin": 9000.0}
    monkeypatch.setattr(proposal, "cases_of", lambda root: [root])
    monkeypatch.setattr(proposal, "size_of", lambda masks, organ: sizes[organ])
    image = tmp_path / "3Dircadb1.1" / "PATIENT_DICOM.zip"
    layout = SimpleNamespace(
        name="ircad", structures=sorted(sizes), cases=[SimpleNamespace(image=[image])]
    )
    late = Looker(tmp_path, patience=-1.0)
    assert late.is_late
    said = proposal._labels(layout, SimpleNamespace(root=tmp_path), late, None)
    assert [one.path[-1] for one in said] == ["skin", "liver", "artery"]
