"""Images, masks and pairs that are not what the settings say are refused in one sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slicewise.config import UNDRAWN
from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import (
    check_image,
    count_values,
    is_stored_with_offset,
    label_indices,
    mask_values,
)
from slicewise.volumes.dicom.organs import read_organ_masks
from slicewise.volumes.placing import Stored, VoxelGrid, on_image
from slicewise.volumes.read import read_volume
from slicewise.volumes.volume import Volume

AFFINE = np.diag([-0.7, -0.7, 2.5, 1.0])


def body() -> np.ndarray:
    """A block of soft tissue in air with some bone, in HU, shape (20, 20, 10)."""
    array = np.full((20, 20, 10), -1000, np.int16)
    array[4:16, 4:16] = 60
    array[9:11, 9:11] = 900
    return array


def volume(array: np.ndarray, affine: np.ndarray = AFFINE) -> Volume:
    return Volume(array, affine)


# --- images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
def test_good_images_pass(dtype):
    array = body().astype(dtype)
    check_image(volume(array), "ct", "hu")
    check_image(volume(np.clip(array, 0, 255)), "ct", "clipped_hu")
    check_image(volume(np.clip(array, -160, 240)), "ct", "clipped_hu")
    check_image(volume(array / 7000), "mr", "arbitrary")


@pytest.mark.parametrize(
    ("array", "intensity", "fault"),
    [
        (body() + 1024, "hu", "air, which is below -200"),
        (np.clip(body(), 0, 255).astype(np.uint8), "hu", "go from 0 to 255"),
        (np.where(body() > 800, -2000, body() + 1024), "hu", "rescale intercept"),
        (np.where(body() > 0, 400, body()), "hu", "soft tissue"),
        (body() * 100, "hu", "fit 16 bits"),
        (body() * 4, "clipped_hu", "within -1100 to 3100"),
        (body() / 2000 + 0.5, "clipped_hu", "normalised"),
    ],
)
def test_intensities_that_contradict_the_settings(refused, array, intensity, fault):
    if intensity == "hu" and fault == "fit 16 bits":
        array = body().astype(np.int32) * 100
    message = refused(check_image, volume(array), "raw/p1.nii.gz", intensity)
    assert message.startswith("raw/p1.nii.gz: ")
    assert fault in message
    assert "set dataset.intensity to" in message


@pytest.mark.parametrize(
    "array",
    [
        body() + 1024,
        (body() + 1024).clip(0, 4095).astype(np.uint16),
        (body() + 1024).astype(np.float32) + 0.25,
        # padding outside the field of view
        np.where(body() < -990, -2000, body() + 1024),
    ],
)
def test_a_ct_stored_with_1024_added_is_told_the_remedy(refused, array):
    message = refused(check_image, volume(array), "p1", "hu")
    assert "dataset.offset: -1024" in message
    assert "clipped_hu" not in message
    shifted = volume(array).plus(-1024)
    check_image(shifted, "p1", "hu", -1024)


@pytest.mark.parametrize(
    "array",
    [
        np.clip(body(), 0, 255).astype(np.uint8),
        np.where(body() > 0, 400, body()),
        np.where(body() < 0, 3000, body()),
        np.random.default_rng(0).gamma(2, 60, (20, 20, 10)),  # MR
    ],
)
def test_what_is_no_ct_with_1024_added_is_not(refused, array):
    assert "offset" not in refused(check_image, volume(array), "p1", "hu")


def test_an_offset_that_is_not_needed_is_refused(refused):
    message = refused(check_image, volume(body() - 1024), "p1", "hu", -1024)
    assert "without it they are Hounsfield units; leave out dataset.offset" in message


def test_a_mask_of_hounsfield_may_be_clipped_or_arbitrary(refused):
    array = np.clip(body(), 0, 255)
    message = refused(check_image, volume(array), "p1", "hu")
    assert "or set it to clipped_hu or arbitrary if it is meant so" in message


def test_the_advice_names_mr(refused):
    mr = np.random.default_rng(0).gamma(2, 60, (20, 20, 10))
    message = refused(check_image, volume(mr), "p1", "hu")
    assert "; if this is MR or anything else that is no CT, set dataset.intensity to arb" in message
    stored = refused(check_image, volume(body() + 1024), "p1", "hu")
    assert "dataset.intensity to arbitrary if this is MR or anything else that is no CT" in stored


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted(refused, bad):
    array = body().astype(np.float32)
    array[3, 4, :3] = bad
    message = refused(check_image, volume(array), "p1", "arbitrary")
    assert message.startswith("p1: 3 of 4000 voxels are not finite")


@pytest.mark.parametrize("intensity", ["hu", "clipped_hu", "arbitrary"])
def test_constant_image(refused, intensity):
    message = refused(check_image, volume(np.full((3, 3, 3), 7)), "p1", intensity)
    assert "all voxels have the value 7" in message


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 6, 2), (4, 0, 6)])
def test_shapes(refused, shape):
    assert "instead of three" in refused(check_image, volume(np.zeros(shape)), "p1", "arbitrary")
    assert "p1: " in refused(label_indices, volume(np.zeros(shape)), "p1", {"a": 1}, "refuse")


def test_complex_voxels(refused):
    array = np.zeros((3, 3, 3), np.complex64)
    assert "complex" in refused(check_image, volume(array), "p1", "arbitrary")


# --- pairs -------------------------------------------------------------------------------------


def stored_elsewhere(image: Volume, mask: Volume) -> Stored | None:
    grids = VoxelGrid.of(mask, "mask"), VoxelGrid.of(image, "image")
    return on_image(mask.array, *grids, "exact")[1]


# --- labels ------------------------------------------------------------------------------------

LABELS: dict[str, int | list[int]] = {"liver": 5, "lesion": [2, 200]}


@given(
    array=hnp.arrays(
        st.sampled_from(["uint8", "int16", "int32", "float32", "float64"]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=6),
        elements=st.sampled_from([0, 1, 2, 5, 7, 200]),
    ),
    order=st.sampled_from(["C", "F"]),
    flip=st.booleans(),
)
def test_label_indices_agree_with_a_plain_comparison(array, order, flip):
    array = np.asarray(array, order=order)[:: -1 if flip else 1]
    array[0, 0, 0] = 5
    indices = label_indices(volume(array), "m", LABELS, "background")
    assert indices.dtype == np.uint8
    np.testing.assert_array_equal(indices, np.where(array == 5, 1, 2 * np.isin(array, [2, 200])))


def test_booleans_are_a_mask():
    mask = body() > 0
    np.testing.assert_array_equal(label_indices(volume(mask), "m", {"a": 1}, "refuse"), mask)


def filled(value, dtype) -> np.ndarray:
    array = np.zeros((4, 5, 6), dtype)
    array[1] = 5
    array[2, 2, :2] = value
    return array


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (filled(0.5, np.float32), "whole numbers, but this has 0.5"),
        (filled(np.nan, np.float32), "whole numbers, but this has nan"),
        # what six digits round to a whole number
        (filled(0.9999999, np.float32), "whole numbers, but this has 0.9999999;"),
        (filled(1 + 1e-12, np.float64), "whole numbers, but this has 1.000000000001;"),
        (filled(np.inf, np.float32), "from 0 to 65535, but this has inf"),
        (filled(-3, np.int16), "from 0 to 65535, but this has -3"),
        (filled(70000, np.int32), "from 0 to 65535, but this has 70000"),
        (filled(7, np.uint8), "does not name: 7 (2 voxels)"),
        (np.zeros((4, 5, 6), np.uint8), "no voxel of any label (liver: 5, lesion: 2 200)"),
    ],
)
def test_masks_that_do_not_fit_the_labels(refused, array, fault):
    message = refused(label_indices, volume(array), "raw/m.nii.gz", LABELS, "refuse")
    assert message.startswith("raw/m.nii.gz: ")
    assert fault in message


def test_unknown_values_name_both_ways_out(refused):
    message = refused(label_indices, volume(filled(7, np.uint8)), "m", LABELS, "refuse")
    assert "dataset.labels" in message
    assert "dataset.other_labels to background" in message


def test_many_unknown_values_are_cut_short(refused):
    array = np.arange(120, dtype=np.uint8).reshape(4, 5, 6)
    assert "…" in refused(label_indices, volume(array), "m", LABELS, "refuse")


def test_only_other_labels_is_empty(refused):
    array = np.full((3, 3, 3), 9, np.uint8)
    message = refused(label_indices, volume(array), "m", LABELS, "background")
    assert "no voxel of any" in message
    assert "dataset.empty_masks" in message
    found = label_indices(volume(array), "m", LABELS, "background", may_be_empty=True)
    assert not found.any()


# --- real data ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_images_pass(real_data):
    for pattern, intensity in [
        ("ircad/*.17/PATIENT_DICOM.zip", "hu"),
        ("odd/ct_seg_dicom/ct-3slice", "hu"),
        ("odd/totalsegmentator_torso/ct.nii.gz", "hu"),
        ("msd_liver_2d/raw/*/*_orig.nii.gz", "clipped_hu"),
        ("msd_hippocampus/imagesTr/*.nii.gz", "arbitrary"),
    ]:
        paths = sorted(real_data.glob(pattern))
        assert paths, pattern
        for path in paths:
            check_image(read_volume(path), str(path), intensity)


@pytest.mark.slow
def test_real_masks_pass(real_data):
    for image_path in sorted(real_data.glob("msd_hippocampus/imagesTr/hippocampus_0*.nii.gz")):
        mask_path = real_data / "msd_hippocampus" / "labelsTr" / image_path.name
        image, mask = read_volume(image_path), read_volume(mask_path)
        assert stored_elsewhere(image, mask) is None
        indices = label_indices(mask, "mask", {"front": 1, "back": 2}, "refuse")
        np.testing.assert_array_equal(indices, mask.array)
    folder = real_data / "odd" / "ct_seg_dicom"
    image, mask = read_volume(folder / "ct-3slice"), read_volume(folder / "liver_seg.nrrd")
    assert stored_elsewhere(image, mask) is None
    assert label_indices(mask, "mask", {"liver": 1}, "refuse").any()


@pytest.mark.slow
def test_real_ircad_pair(real_data):
    case = real_data / "ircad" / "3Dircadb1.17"
    image = read_volume(case / "PATIENT_DICOM.zip")
    masks = case / "MASKS_DICOM.zip"
    mask, _ = read_organ_masks(masks, {"liver": "liver"}, case / "PATIENT_DICOM.zip")
    assert stored_elsewhere(image, mask) is None
    assert label_indices(mask, "mask", {"liver": 1}, "refuse").sum() > 1e6


@pytest.mark.slow
def test_real_ct_stored_with_1024_added(real_data, refused):
    for path in (
        real_data / "ircad" / "3Dircadb1.17" / "PATIENT_DICOM.zip",
        real_data / "odd" / "totalsegmentator_torso" / "ct.nii.gz",
        real_data / "odd" / "ct_seg_dicom" / "ct-3slice",
    ):
        stored = read_volume(path).plus(1024)
        assert "dataset.offset: -1024" in refused(check_image, stored, "ct", "hu")
        check_image(stored.plus(-1024), "ct", "hu", -1024)


@pytest.mark.slow
def test_real_image_without_hounsfield_scale(real_data, refused):
    image = read_volume(real_data / "odd" / "uint8_not_hu.nii.gz")
    message = refused(check_image, image, "uint8_not_hu.nii.gz", "hu")
    assert "from 0 to 255" in message
    assert "clipped_hu or arbitrary" in message


@pytest.mark.parametrize("ignore", [0, 9, 255, 40000])
def test_undrawn_voxels_have_a_number_of_their_own(ignore):
    array = np.random.default_rng(0).choice([3, 7, ignore], (5, 4, 3)).astype(np.uint16)
    mask = Volume(array, np.eye(4))
    given = {"ignore": ignore}
    found = label_indices(mask, "m", {"a": 3, "b": [7]}, "background", **given)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found == UNDRAWN, array == ignore)
    np.testing.assert_array_equal(found == 2, array == 7)
    np.testing.assert_array_equal(found == 1, array == 3)


def test_a_mask_that_says_nothing_is_refused():
    mask = Volume(np.full((3, 3, 3), 255, np.uint8), np.eye(4))
    with pytest.raises(SlicewiseError, match="m: all its voxels have the value 255, which"):
        label_indices(mask, "m", {"a": 1}, "refuse", may_be_empty=True, ignore=255)
    mask.array[0] = 0
    # what was drawn has no label
    with pytest.raises(SlicewiseError, match="it has no voxel of any label"):
        label_indices(mask, "m", {"a": 1}, "refuse", ignore=255)
    assert set(
        np.unique(label_indices(mask, "m", {"a": 1}, "refuse", may_be_empty=True, ignore=255))
    ) == {0, 255}


# --- where the limits lie ----------------------------------------------------------------------


def of_voxels(numbers: dict[float, int], others: float = 500) -> Volume:
    """A thousand voxels: so many of each value, and the others."""
    values = np.repeat(list(numbers), list(numbers.values()))
    array = np.full(1000, others, np.int64)
    array[: len(values)] = values
    return volume(array.reshape(10, 10, 10))


@pytest.mark.parametrize(
    ("inside", "beyond"),
    [
        # 16 bits
        ({-32768: 1, 50: 100}, {-32769: 1, 50: 100}),
        ({32767: 1, -900: 1, 50: 100}, {32768: 1, -900: 1, 50: 100}),
        # something as thin as air, and one voxel of it is enough
        ({-200: 1, -199: 5, 50: 100}, {-199: 1, 50: 100}),
        # a hundredth soft tissue, from 0 to 200
        ({-900: 10, 0: 5, 200: 5}, {-900: 10, 0: 5, 200: 4}),
        ({-900: 10, 0: 5, 200: 5}, {-900: 10, -1: 5, 200: 5}),
        ({-900: 10, 0: 5, 200: 5}, {-900: 10, 0: 5, 201: 5}),
        # a quarter denser than 700
        ({-900: 10, 50: 20, 701: 250}, {-900: 10, 50: 20, 701: 251}),
        ({-900: 10, 50: 20, 700: 600}, {-900: 10, 50: 20, 700: 600, 701: 251}),
    ],
)
def test_hounsfield_units_end_where_they_are_said_to(refused, inside, beyond):
    check_image(of_voxels(inside), "p1", "hu")
    assert refused(check_image, of_voxels(beyond), "p1", "hu").startswith("p1: ")
    # and as far off where an offset is added to all of them
    moved = {value - 300: number for value, number in inside.items()}
    check_image(of_voxels(moved, 200).plus(300), "p1", "hu", 300)


@pytest.mark.parametrize(
    ("inside", "beyond"),
    [
        ({-1100: 1}, {-1101: 1}),
        ({3100: 1}, {3101: 1}),
        ({450: 1}, {451: 1}),  # 50 apart, and 49
        ({550: 1}, {549: 1}),
    ],
)
def test_clipped_hounsfield_units_end_where_they_are_said_to(refused, inside, beyond):
    check_image(of_voxels(inside), "p1", "clipped_hu")
    assert "clipped Hounsfield" in refused(check_image, of_voxels(beyond), "p1", "clipped_hu")


@pytest.mark.parametrize(
    ("hiding", "not_hiding"),
    [
        # a twentieth would be soft tissue if 1024 had been added: from 1024 to 1224
        ({1024: 25, 1224: 25}, {1024: 25, 1224: 24}),
        ({1024: 25, 1224: 25}, {1023: 25, 1224: 25}),
        ({1024: 25, 1224: 25}, {1024: 25, 1225: 25}),
        # and nothing but padding is as thin as air
        ({1024: 50, -199: 9}, {1024: 50, -200: 1}),
    ],
)
def test_padding_alone_hides_an_offset(refused, hiding, not_hiding):
    padding = {-2000: 30, 100: 40}
    message = refused(check_image, of_voxels(padding | hiding), "p1", "hu")
    assert "only its padding (-2000) is below -200" in message
    check_image(of_voxels(padding | not_hiding), "p1", "hu")


def test_few_voxels_too_low_for_an_offset_are_padding_or_noise():
    # the lowest that a clip may keep is -1100: with 1024 added, -76
    body = {0: 50, 1060: 100}
    assert is_stored_with_offset(of_voxels(body).array)
    for stored, others in ((True, {-77: 9}), (False, {-77: 10}), (True, {-76: 10})):
        found = is_stored_with_offset(of_voxels(body | others | {-500: 300}).array)
        assert found == stored, others


@pytest.mark.parametrize(("highest", "bits"), [(255, 8), (256, 16), (65535, 16)])
def test_values_of_a_mask_have_the_bits_that_they_need(highest, bits):
    found = mask_values(of_voxels({highest: 1}, 0).array, "m")
    assert found.dtype.itemsize == bits // 8
    assert sorted(np.unique(found)) == [0, highest]


def test_of_unknown_values_eight_are_listed(refused):
    def said(number: int) -> str:
        mask = of_voxels(dict.fromkeys(range(10, 10 + number), 2), 5)
        return refused(label_indices, mask, "m", {"a": 5}, "refuse")

    assert "17 (2 voxels); add" in said(8)
    assert "17 (2 voxels), …; add" in said(9)
    assert "10 (2 voxels); add" in said(1)


def test_values_are_counted_slab_by_slab():
    array = np.random.default_rng(0).integers(0, 256, (30, 20, 10)).astype(np.uint8)
    for order in ("C", "F"):
        found = count_values(np.asarray(array, order=order))
        assert found.tolist() == np.histogram(array, np.arange(257))[0].tolist()


def test_a_mask_of_one_slice_is_read_whatever_the_stride_of_its_slices() -> None:
    drawn = np.array([[0, 1, 0], [1, 1, 0]], np.uint8)
    array = np.lib.stride_tricks.as_strided(drawn, (2, 3, 1), (3, 1, 1000))
    np.testing.assert_array_equal(mask_values(array, "m")[..., 0], drawn)
