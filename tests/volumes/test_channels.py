"""Channels come onto the grid of the first one, as SimpleITK brings them, or are refused."""

import logging

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Content
from slicewise.volumes.channels import first_channel, read_channel_images, read_channels, split
from slicewise.volumes.read import read_image
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti

SHAPE = (12, 10, 8)
AFFINE = np.array([[-0.8, 0, 0, 8], [0, -0.9, 0, 9], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])
TWO = ["flair", "t1"]
MR = Content(
    intensity="arbitrary", contiguous=True, labels={"a": [1]}, other_labels="refuse", channels=TWO
)


def noise(seed, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(-500, 900, shape).astype(np.int16)


def written(path, array, affine=AFFINE):
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def pair(tmp_path, second, affine=AFFINE):
    first = written(tmp_path / "flair.nii.gz", noise(1))
    return [("flair", [first]), ("t1", [written(tmp_path / "t1.nii.gz", second, affine)])]


def test_channels_on_one_grid_stay_as_they_are(tmp_path, caplog):
    image = read_channels(pair(tmp_path, noise(2)))
    assert image.array.dtype == np.int16
    for channel in (0, 1):
        np.testing.assert_array_equal(image.array[..., channel], noise(channel + 1))
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-6)
    assert not caplog.text


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_channel_that_is_stored_otherwise_keeps_its_values(tmp_path, caplog, axes, mirrored):
    moved = nib.Nifti1Image(noise(2), AFFINE)
    turn = np.column_stack([np.argsort(axes), [-1 if mirrored else 1, 1, 1]])
    turned = moved.as_reoriented(turn)
    path = tmp_path / "turned.nii.gz"
    nib.save(turned, path)
    groups = [("flair", [written(tmp_path / "a.nii.gz", noise(1))]), ("t1", [path])]
    with caplog.at_level(logging.WARNING):
        image = read_channels(groups)
    np.testing.assert_array_equal(image.array[..., 1], noise(2))
    assert image.array.dtype == np.int16
    assert ("no value changed" in caplog.text) == (axes != (0, 1, 2) or mirrored)


def smooth(shape) -> np.ndarray:
    x, y, z = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return (100 * np.sin(x / 5) + 50 * np.cos(y / 4) + 10 * z).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(*[st.floats(-1, 1)] * 3),
    st.floats(0.7, 1.3),
    st.floats(-0.05, 0.05),
)
def test_a_channel_on_another_grid_is_what_simpleitk_makes_of_it(
    tmp_path_factory, shift, scale, angle
):
    folder = tmp_path_factory.mktemp("channels")
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = turn @ AFFINE @ np.diag([scale, scale, scale, 1])
    affine[:3, 3] += shift
    groups = pair(folder, smooth((15, 14, 11)), affine)
    ours = read_channels(groups, absent=-7.0).array[..., 1]
    first, second = (sitk.ReadImage(str(paths[0]), sitk.sitkFloat32) for _, paths in groups)
    theirs = sitk.Resample(second, first, sitk.Transform(), sitk.sitkLinear, -7.0)
    expected = sitk.GetArrayFromImage(theirs).transpose(2, 1, 0)
    # half a voxel from the rim rounding decides
    both = (ours != -7) & (expected != -7)
    assert both.mean() > 0.5
    assert ((ours != -7) == (expected != -7)).mean() > 0.9
    np.testing.assert_allclose(ours[both], expected[both], atol=0.05)


@pytest.mark.parametrize("edges", [0.0, 0.5], ids=["first slices together", "edges together"])
@pytest.mark.parametrize("place", [-30.0, 17.3, 101.7])
def test_thicker_slices_of_the_same_field_of_view_fill_it_to_its_rim(tmp_path, edges, place):
    affine = AFFINE.copy()
    affine[:2, 3] += 0.1
    affine[2, 3] = place
    thick = affine @ np.diag([1, 1, 2, 1])
    thick[2, 3] += edges * AFFINE[2, 2]
    path = written(tmp_path / "flair.nii.gz", noise(1), affine)
    other = written(tmp_path / "t1.nii.gz", smooth((12, 10, 5)) + 50, thick)
    image = read_channels([("flair", [path]), ("t1", [other])], absent=-7000.0)
    assert image.array[..., 1].min() > -200


def test_a_line_says_how_far_off_it_was(tmp_path, caplog):
    affine = AFFINE.copy()
    affine[2, 3] += 1.0
    with caplog.at_level(logging.WARNING):
        read_channels(pair(tmp_path, noise(2), affine))
    assert "channel t1 lies on another grid than" in caplog.text
    assert "up to 1.00 mm off" in caplog.text
    assert "interpolated" in caplog.text


def test_a_channel_of_another_patient(tmp_path, refused):
    affine = AFFINE.copy()
    affine[2, 3] += 200
    message = refused(read_channels, pair(tmp_path, noise(2), affine))
    assert "t1.nii.gz: channel t1 shows only 0%" in message
    assert "two patients" in message
    lost = pair(tmp_path, noise(2, (6, 5, 4)), np.eye(4))
    assert "does not say where its voxels lie" in refused(read_channels, lost)


def test_a_missing_channel_is_empty_with_a_line(tmp_path, caplog, refused):
    path = written(tmp_path / "t1.nii.gz", noise(2))
    with caplog.at_level(logging.WARNING):
        image = read_channels([("flair", []), ("t1", [path])], absent=-1024)
    assert np.all(image.array[..., 0] == -1024)
    np.testing.assert_array_equal(image.array[..., 1], noise(2))
    assert "there is no channel flair" in caplog.text
    same = written(tmp_path / "same.nii.gz", np.full(SHAPE, 3, np.int16))
    message = refused(read_channels, [("flair", [same]), ("t1", [path])])
    assert "all voxels of the channel flair have one value" in message
    assert message.endswith("or leave the file out and set dataset.missing_channels to zero")


def test_channels_of_a_4d_file(tmp_path, refused):
    both = np.stack([noise(1), noise(2)], axis=-1)
    path = written(tmp_path / "both.nii.gz", both)
    groups = [("flair", [path]), ("t1", [path])]
    image = read_channels(groups, in_one=True)
    np.testing.assert_array_equal(image.array, both)
    np.testing.assert_array_equal(first_channel(image).array, noise(1))
    three = [*groups, ("t2", [path])]
    message = refused(read_channels, three, in_one=True)
    assert "both.nii.gz: it has the shape 12 × 10 × 8 × 2, but an image of the channels" in message
    flat = written(tmp_path / "flat.nii.gz", noise(1))
    assert "has 2 of them" in refused(read_channels, [("flair", [flat])] * 2, in_one=True)
    # nobody can leave a channel out of it
    empty = written(tmp_path / "empty.nii.gz", np.stack([noise(1), 0 * noise(2)], axis=-1))
    message = refused(read_channels, [("flair", [empty]), ("t1", [empty])], in_one=True)
    assert "empty.nii.gz: all voxels of the channel t1 have one value; check" in message
    assert "exclude the case, or give each channel that there is as a file of its own" in message


def test_what_is_stored_comes_back_and_the_first_is_the_image(tmp_path):
    image = read_channels(pair(tmp_path, smooth(SHAPE)))
    assert image.array.dtype == np.float32
    write_nifti(tmp_path / "image.nii.gz", image)
    first, second = read_channel_images(tmp_path / "image.nii.gz", MR)
    np.testing.assert_array_equal(first.array, noise(1))
    np.testing.assert_array_equal(second.array, smooth(SHAPE))
    shown = read_image(tmp_path / "image.nii.gz", MR)
    np.testing.assert_array_equal(shown.array, first.array)
    assert shown.array.ndim == 3


def test_the_first_channel_is_one_that_is_there():
    array = np.stack([np.full(SHAPE, -1024), noise(1), noise(2)], axis=-1)
    np.testing.assert_array_equal(first_channel(Volume(array, np.eye(4))).array, noise(1))
    alone = Volume(noise(2), np.eye(4))
    assert first_channel(alone) is alone
    empty = np.zeros((*SHAPE, 2), np.int16)
    assert first_channel(Volume(empty, np.eye(4))).array.shape == SHAPE


def test_offset_spacing_and_air_are_those_of_each_channel(tmp_path):
    ct = MR.model_copy(update={"intensity": "hu", "offset": -1024, "spacing": [2.0, 2.0, 5.0]})
    array = np.stack([noise(1) + 1024, noise(2) + 1024], axis=-1).astype(np.int16)
    write_nifti(tmp_path / "image.nii.gz", Volume(array, np.eye(4), lost=True))
    for channel, volume in enumerate(read_channel_images(tmp_path / "image.nii.gz", ct)):
        np.testing.assert_array_equal(volume.array, noise(channel + 1))
        np.testing.assert_allclose(volume.spacing, [2, 2, 5])


def test_another_number_of_channels_is_refused(refused):
    image = Volume(np.zeros((2, 2, 2, 3)), np.eye(4))
    assert "has 2 of them along its fourth axis" in refused(split, image, TWO, "x.nii")
