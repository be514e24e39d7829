"""Looking at cases: each volume once, in the orientation in which it is shown."""

import base64
import io

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from slicewise.config import Content
from slicewise.dataset.describe import CaseFiles
from slicewise.dataset.ingest import ingest
from slicewise.dataset.looked import read_looks
from slicewise.errors import SlicewiseError
from slicewise.report import looking

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="refuse")
LPS = np.diag([-1.0, -1.0, 4.0, 1.0])


def written(folder, name: str, affine: np.ndarray = LPS, slab: int = 6) -> looking.CaseVolumes:
    """A case with a cube of liver, bright, at the patient's right, ingested."""
    array = np.random.default_rng(0).integers(-1000, -900, (40, 30, 12)).astype(np.int16)
    mask = np.zeros(array.shape, np.uint8)
    # stored from right to left
    mask[3:13, 8:18, slab - 2 : slab + 1] = 1
    mask[2:14, 8:18, slab] = 1
    array[mask == 1] = 200
    paths = [folder / f"{name}_{kind}.nii.gz" for kind in ("image", "mask")]
    for path, values in zip(paths, (array, mask), strict=True):
        nib.save(nib.Nifti1Image(values, affine), path)
    sources = {"image": paths[:1], "mask": paths[1:]}
    files = CaseFiles(name, name, *paths, sources)
    (record,) = ingest([files], CONTENT, "1", folder / "cases")
    return looking.CaseVolumes(record, *paths)


def picture(thumbnail) -> np.ndarray:
    shown = Image.open(io.BytesIO(base64.b64decode(thumbnail.webp)))
    return np.asarray(shown.convert("L"), int)


def test_the_largest_slice_is_drawn_as_radiologists_look_at_it(tmp_path):
    look = looking.look_at_case(written(tmp_path, "a"), CONTENT)
    thumbnail = look.thumbnail
    assert (thumbnail.plane, thumbnail.index, thumbnail.slices) == ("axial", 6, 12)
    assert (thumbnail.width, thumbnail.height) == (40.0, 30.0)
    assert (thumbnail.columns, thumbnail.rows) == (40, 30)
    grey = picture(thumbnail)
    assert max(grey.shape) == looking.LONGEST
    # the patient's right is on the left of the picture
    height, width = grey.shape
    assert grey[height * 13 // 30, width * 8 // 40] > 180
    assert grey[height * 13 // 30, width * 32 // 40] < 40
    assert thumbnail.outline.count("M") == 1
    assert look.spacing == [1.0, 1.0, 4.0]
    assert look.field == [40.0, 30.0, 48.0]


def test_how_a_volume_is_stored_makes_no_difference(tmp_path):
    first = written(tmp_path, "a")
    look = looking.look_at_case(first, CONTENT)
    stored = [nib.load(path) for path in (first.image, first.mask)]
    turned = nib.orientations.axcodes2ornt("SAR")
    for path, volume in zip((first.image, first.mask), stored, strict=True):
        own = nib.orientations.io_orientation(volume.affine)
        way = nib.orientations.ornt_transform(own, turned)
        nib.save(volume.as_reoriented(way), path)
    record = first.record.model_copy(update={"read": {}})
    again = looking.look_at_case(looking.CaseVolumes(record, first.image, first.mask), CONTENT)
    assert again == look


def test_a_volume_of_sagittal_slices_is_shown_in_them(tmp_path):
    sagittal = np.diag([-6.0, -1.0, 1.0, 1.0])
    thumbnail = looking.look_at_case(written(tmp_path, "a", sagittal), CONTENT).thumbnail
    assert thumbnail.plane == "sagittal"
    assert (thumbnail.width, thumbnail.height) == (30.0, 12.0)


def test_planes_follow_the_coarsest_axis_and_are_axial_when_in_doubt():
    assert looking.acquired_plane([1.0, 1.0, 1.0]) == "axial"
    assert looking.acquired_plane([1.1, 1.0, 1.0]) == "axial"
    assert looking.acquired_plane([0.5, 3.0, 0.5]) == "coronal"
    assert looking.acquired_plane([3.0, 0.5, 0.5]) == "sagittal"
    assert looking.acquired_plane([3.0, 0.5, 3.0]) == "axial"


def test_what_was_looked_at_is_not_read_again(tmp_path, monkeypatch):
    cases = [written(tmp_path, name) for name in ("a", "b")]
    looks = looking.look_at_cases(cases, CONTENT, tmp_path / "cases")
    read = []
    seen = looking.look_at_case
    monkeypatch.setattr(
        looking, "look_at_case", lambda case, *rest: read.append(case) or seen(case, *rest)
    )
    assert looking.look_at_cases(cases, CONTENT, tmp_path / "cases") == looks
    assert read == []
    (tmp_path / "cases" / "b" / "look.json").write_text("{")
    assert looking.look_at_cases(cases, CONTENT, tmp_path / "cases") == looks
    assert [case.record.case for case in read] == ["b"]
    path = tmp_path / "shard.json"
    looking.write_looks(path, looks)
    assert [*read_looks([path]).values()] == looks


def test_a_file_that_was_changed_since_is_refused(tmp_path):
    case = written(tmp_path, "a")
    stored = nib.load(case.image)
    nib.save(nib.Nifti1Image(np.asarray(stored.dataobj) + 1, stored.affine), case.image)
    with pytest.raises(SlicewiseError, match="changed since it was checked as the image of case a"):
        looking.look_at_cases([case], CONTENT, tmp_path / "cases")
    assert not (tmp_path / "cases" / "a" / "look.json").exists()


def test_a_case_without_a_record_is_named(tmp_path):
    with pytest.raises(SlicewiseError, match=r"shard\.json: it has no record of case b"):
        looking.volumes_of({}, ["b"], ["i"], ["m"], tmp_path / "shard.json")
