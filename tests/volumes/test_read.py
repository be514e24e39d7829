"""NIfTI and its neighbours are read to the voxel and the millimetre, and written for good."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.config import Content
from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import label_indices
from slicewise.volumes.read import read_image, read_mask, read_volume
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.volumes.written import AFFINE


def test_folder_zip_and_slice_of_dicom_are_dispatched(tmp_path, write_series):
    stored = write_series(tmp_path / "ct")
    np.testing.assert_array_equal(read_volume(tmp_path / "ct").array, stored - 1024)
    write_series(tmp_path / "one", count=1, name=lambda k: "a.dcm")
    assert read_volume(tmp_path / "one" / "a.dcm").array.shape == (12, 16, 1)


def test_missing_file(tmp_path, refused):
    for name in ("a.nii.gz", "a.nrrd", "a.zip", "a.png"):
        message = refused(read_volume, tmp_path / name)
        assert message.startswith(f"{tmp_path / name}: there is no such")


def test_other_formats_refuse_too(tmp_path, refused):
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\ngarbage")
    assert "cannot be read" in refused(read_volume, tmp_path / "a.nrrd")
    (tmp_path / "a.png").write_bytes(b"x")
    assert "no format that can be read" in refused(read_volume, tmp_path / "a.png")
    sitk.WriteImage(sitk.Image([3, 4, 5], sitk.sitkVectorUInt8, 3), str(tmp_path / "v.nrrd"))
    assert "several numbers a voxel" in refused(read_volume, tmp_path / "v.nrrd")
    sitk.WriteImage(sitk.Image([3, 4], sitk.sitkUInt8), str(tmp_path / "flat.mha"))
    assert "2 dimensions (3 × 4) instead of 3" in refused(read_volume, tmp_path / "flat.mha")


GOOD = [("uint8", 5), ("int8", 5), ("int16", 200), ("uint16", 300), ("int32", 300), ("float64", 2)]
BAD = [
    ("int16", -1, "has -1; check that it is the mask"),
    ("float32", 0.5, "this has 0.5; give the label map itself"),
    ("float32", np.nan, "this has nan; give the label map itself"),
    ("float64", 1e9, "this has 1e.09; check"),
    ("int32", 70000, "this has 70000; check"),
]
FORMATS = [".nii.gz", ".nrrd", ".mha", ".mhd", ".mgz"]


def mask_file(path, dtype, value):
    array = np.zeros((4, 5, 6), dtype)
    array[1:3, 2, 3] = value
    if path.suffix == ".mgz":
        stored = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
        nib.save(nib.MGHImage(stored, AFFINE), path)
    elif path.name.endswith(".nii.gz"):
        nib.save(nib.Nifti1Image(array, AFFINE), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(array.transpose(2, 1, 0)), str(path))
    return array


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("dtype", "value"), GOOD)
def test_whole_numbers_are_a_mask_whatever_their_type(tmp_path, suffix, dtype, value):
    path = tmp_path / f"m{suffix}"
    array = mask_file(path, dtype, value)
    mask = read_mask([path])
    np.testing.assert_array_equal(mask.array, array)
    assert mask.array.dtype == (np.uint8 if value < 256 else np.uint16)
    write_nifti(tmp_path / "out.nii.gz", mask)
    np.testing.assert_array_equal(nib.load(tmp_path / "out.nii.gz").get_fdata(), array)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("dtype", "value", "said"), BAD)
def test_other_numbers_are_refused_in_the_same_sentence(tmp_path, suffix, dtype, value, said):
    path = tmp_path / f"m{suffix}"
    mask_file(path, dtype, value)
    for read in (
        lambda: read_mask([path]),
        lambda: label_indices(read_volume(path), str(path), {"a": 1}, "refuse"),
    ):
        with pytest.raises(SlicewiseError, match=said) as caught:
            read()
        assert str(caught.value).startswith(str(path))


def test_a_dicom_mask_with_the_intercept_of_its_ct_is_taken_as_stored(
    tmp_path, write_series, caplog
):
    stored = np.zeros((12, 16, 5), np.uint8)
    stored[3:6, 4:9, 2] = 2
    write_series(tmp_path / "seg", stored=stored)  # with an intercept of -1024
    paths = sorted((tmp_path / "seg").iterdir())
    for sources in ([tmp_path / "seg"], paths):
        caplog.clear()
        mask = read_mask(sources)
        np.testing.assert_array_equal(mask.array, stored)
        np.testing.assert_array_equal(mask.affine, read_volume(tmp_path / "seg").affine)
        (record,) = caplog.records
        assert f"{tmp_path / 'seg'}: this mask carries the rescale slope" in record.getMessage()

    def plain(header, k):
        header.RescaleIntercept = 0

    caplog.clear()
    write_series(tmp_path / "plain", stored=stored, edit=plain)
    np.testing.assert_array_equal(read_mask([tmp_path / "plain"]).array, stored)
    assert not caplog.records


def test_a_dicom_image_in_place_of_a_mask_is_refused(tmp_path, write_series, refused):
    stored = np.full((12, 16, 5), 70000, np.uint32)
    stored[0] = 3
    write_series(tmp_path / "ct", stored=stored)
    assert "check that it is the mask" in refused(read_mask, [tmp_path / "ct"])


@pytest.mark.parametrize(
    ("shown", "there", "expected"),
    [(None, "abc", "a"), ("b", "abc", "b"), ("b", "ac", "a"), (None, "bc", "b"), ("a", "c", "c")],
)
def test_the_channel_that_is_shown_is_one_that_is_there(tmp_path, shown, there, expected):
    values = {name: np.arange(24.0).reshape(2, 3, 4) + 100 * n for n, name in enumerate("abc")}
    channels = [values[name] if name in there else np.zeros((2, 3, 4)) for name in "abc"]
    image = np.stack(channels, axis=-1).astype(np.float32)
    write_nifti(tmp_path / "image.nii.gz", Volume(image, AFFINE))
    content = Content(
        intensity="arbitrary",
        contiguous=True,
        labels={"liver": [1]},
        other_labels="refuse",
        channels=list("abc"),
        shown_channel=shown,
    )
    read = read_image(tmp_path / "image.nii.gz", content)
    np.testing.assert_array_equal(read.array, values[expected])
