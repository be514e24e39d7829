"""A frame of a 4-D file is what SimpleITK and nibabel take out of it."""

import logging

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.errors import SlicewiseError
from slicewise.volumes.frames import (
    frames_of,
    labelled_frames,
    read_frame,
    read_mask_of_frame,
)
from slicewise.volumes.nifti import read_nifti

AFFINE = np.array([[-0.8, 0, 0, 8], [0, -0.7, 0, 9], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])
SHAPE = (5, 4, 3, 6)


def cine(dtype="int16", seed=1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 100, SHAPE).astype(dtype)


def written(path, array, slope=None, affine=AFFINE):
    image = nib.Nifti1Image(array, affine)
    if slope is not None:
        image.header.set_slope_inter(*slope)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_each_frame_is_what_others_read(tmp_path, name, dtype):
    path = written(tmp_path / name, cine(dtype))
    assert frames_of(path) == 6
    whole = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    for frame in range(6):
        volume = read_frame(path, frame)
        np.testing.assert_array_equal(volume.array, whole[frame].transpose(2, 1, 0))
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)
        alone = written(tmp_path / "alone.nii.gz", cine(dtype)[..., frame])
        assert volume.array.dtype == read_nifti(alone)[0].array.dtype
        assert not volume.lost


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 5),
    st.sampled_from([(1, -1024), (0.5, 3), (2, 0)]),
    st.sampled_from(["<", ">"]),
)
def test_scales_and_byte_orders(tmp_path_factory, frame, scale, order):
    path = tmp_path_factory.mktemp("frames") / "a.nii.gz"
    image = nib.Nifti1Image(cine(f"{order}i2"), AFFINE, nib.Nifti1Header(endianness=order))
    image.header.set_slope_inter(*scale)
    nib.save(image, path)
    slope, inter = scale
    expected = cine()[..., frame].astype(float) * slope + inter
    np.testing.assert_allclose(nib.load(path).get_fdata()[..., frame], expected)
    np.testing.assert_allclose(read_frame(path, frame).array, expected)


def test_a_frame_that_is_not_there(tmp_path, refused):
    path = written(tmp_path / "a.nii.gz", cine())
    for frame in (6, -1):
        assert "the frames 0 to 5" in refused(read_frame, path, frame)
    flat = written(tmp_path / "b.nii.gz", cine()[..., 0])
    assert "has 3 dimensions" in refused(read_frame, flat, 0)
    assert frames_of(flat) is None
    (tmp_path / "c.mha").touch()
    assert "out of NIfTI files" in refused(read_frame, tmp_path / "c.mha", 0)
    assert "no such file" in refused(read_frame, tmp_path / "none.nii.gz", 0)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("keep", [0, 400, 0.6, 0.95])
def test_a_file_that_is_cut_short_is_refused_whichever_frame_is_meant(
    tmp_path, refused, name, keep
):
    path = written(tmp_path / name, np.random.default_rng(2).integers(0, 9999, SHAPE, np.int16))
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep > 1 else keep * len(content))])
    assert "cut short or damaged" in refused(read_frame, path, 0)


def test_the_mask_of_a_frame(tmp_path, refused, caplog):
    image = written(tmp_path / "image.nii.gz", cine())
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[1:3, 1:3, 1, 2] = 3
    mask = written(tmp_path / "mask.nii.gz", drawn)
    with caplog.at_level(logging.WARNING):
        of_frame = read_mask_of_frame([mask], {"heart": 3}, 2, image)
        assert not caplog.text
        assert not read_mask_of_frame([mask], {"heart": 3}, 1, image).array.any()
    np.testing.assert_array_equal(of_frame.array, drawn[..., 2])
    assert "nothing is drawn on frame 1" in caplog.text
    alone = written(tmp_path / "alone.nii.gz", drawn[..., 2])
    of_file = read_mask_of_frame([alone], {"heart": 3}, 5, image)
    np.testing.assert_array_equal(of_file.array, drawn[..., 2])
    other = written(tmp_path / "other.nii.gz", drawn[..., :4])
    message = refused(read_mask_of_frame, [other], {"heart": 3}, 2, image)
    assert "has 4 frames" in message
    assert "has 6" in message


def test_a_4d_file_without_a_frame_names_the_way_out(tmp_path, refused):
    path = written(tmp_path / "a.nii.gz", cine())
    message = refused(read_nifti, path)
    assert "column frame" in message
    assert "{frame}" in message


@pytest.mark.parametrize("name", ["m.nii", "m.nii.gz"])
def test_frames_that_hold_anything_are_told(tmp_path, name):
    stack = np.zeros((5, 4, 3, 6), np.uint8)
    stack[4, 3, 2, 1] = 1
    stack[0, 0, 0, 5] = 200
    nib.Nifti1Image(stack, np.eye(4)).to_filename(tmp_path / name)
    assert labelled_frames(tmp_path / name) == [1, 5]
    nib.Nifti1Image(stack[..., 0], np.eye(4)).to_filename(tmp_path / name)
    with pytest.raises(SlicewiseError, match="frames cannot be read"):
        labelled_frames(tmp_path / name)
