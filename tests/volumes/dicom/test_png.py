"""Pictures lie on the slices that they were drawn on, whatever the order of names."""

import logging
import struct
import zlib

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from slicewise.volumes.dicom.png import is_png_stack, natural, read_png_mask
from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.read import read_mask

ROWS = 16
COLUMNS = 12


def drawn(slices=5) -> np.ndarray:
    """Labels as CHAOS has them, in another place on each slice: (columns, rows, slices)."""
    mask = np.zeros((COLUMNS, ROWS, slices), np.uint8)
    for k in range(slices):
        mask[k : k + 3, 2:5, k] = (63, 126, 189, 252, 255)[k]
    return mask


def write_pngs(folder, mask, name, mode=None):
    folder.mkdir(exist_ok=True)
    for k in range(mask.shape[2]):
        picture = Image.fromarray(mask[:, :, k].T)
        (picture.convert(mode) if mode else picture).save(folder / f"{name(k)}.png")
    return sorted(folder.iterdir())


def names_of(slices):
    """A scanner's order of names: against that of positions, and 10 before 9 to the letter."""
    return lambda k: f"IMG-{slices - k + 7}"


@pytest.fixture
def series(tmp_path, write_series):
    write_series(tmp_path / "ct", name=names_of(5))
    return sorted((tmp_path / "ct").iterdir())


def test_pictures_of_the_same_names_lie_on_their_slices(tmp_path, series, caplog):
    masks = write_pngs(tmp_path / "png", drawn(), names_of(5))
    assert is_png_stack(masks)
    mask = read_png_mask(masks, series)
    np.testing.assert_array_equal(mask.array, drawn())
    np.testing.assert_array_equal(mask.affine, read_series(tmp_path / "ct").affine)
    assert not caplog.text


def test_pictures_of_other_names_follow_the_order_of_names(tmp_path, series, caplog):
    masks = write_pngs(tmp_path / "png", drawn(), lambda k: f"liver_GT_{13 - k}")
    with caplog.at_level(logging.WARNING):
        mask = read_png_mask(masks, series)
    np.testing.assert_array_equal(mask.array, drawn())
    assert "in the order of names (liver_GT_9.png with IMG-8)" in caplog.text


def test_names_in_no_order_of_positions_are_refused(tmp_path, write_series, refused):
    write_series(tmp_path / "ct", name=lambda k: f"a{(3 * k) % 5}")
    masks = write_pngs(tmp_path / "png", drawn(), lambda k: f"m{k}")
    message = refused(read_png_mask, masks, sorted((tmp_path / "ct").iterdir()))
    assert "another order than their positions" in message


def test_pictures_are_read_as_simpleitk_reads_them(tmp_path, series):
    sixteen = drawn().astype(np.uint16) * 200
    masks = write_pngs(tmp_path / "deep", sixteen, names_of(5))
    read = read_png_mask(masks, series).array
    for path in masks:
        index = 12 - int(path.stem.split("-")[1])
        other = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        np.testing.assert_array_equal(read[:, :, index], other.T)
    assert read.max() == 255 * 200
    one_bit = write_pngs(tmp_path / "bits", (drawn() > 0).astype(np.uint8) * 255, names_of(5), "1")
    np.testing.assert_array_equal(read_png_mask(one_bit, series).array, drawn() > 0)


def test_of_a_palette_the_indices_are_labels(tmp_path, series):
    folder = tmp_path / "png"
    folder.mkdir()
    for k in range(5):
        picture = Image.fromarray((drawn()[:, :, k].T > 0).astype(np.uint8) * 2, "P")
        picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
        picture.save(folder / f"{names_of(5)(k)}.png")
    mask = read_png_mask(sorted(folder.iterdir()), series)
    np.testing.assert_array_equal(mask.array, (drawn() > 0) * 2)


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_few_bits_keeps_its_values(tmp_path, series, bits):
    masks = write_pngs(tmp_path / "png", drawn(), names_of(5))
    row = bytes([0, *[0b01_10_11_00 if bits == 2 else 0x12] * (COLUMNS * bits // 8)])
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", COLUMNS, ROWS, bits, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * ROWS)),
        (b"IEND", b""),
    ]
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    masks[0].write_bytes(content)
    index = 12 - int(masks[0].stem.split("-")[1])
    first = read_png_mask(masks, series).array[:4, 0, index].tolist()
    assert first == ([1, 2, 3, 0] if bits == 2 else [1, 2, 1, 2])


def test_pictures_that_are_no_mask_of_the_series(tmp_path, series, refused):
    masks = write_pngs(tmp_path / "png", drawn(), names_of(5))
    assert "4 pictures, but the image has 5 slices" in refused(read_png_mask, masks[1:], series)
    nifti = [tmp_path / "ct.nii.gz"]
    nifti[0].touch()
    assert "DICOM series only" in refused(read_png_mask, masks, nifti)
    note = tmp_path / "png" / "notes.txt"
    note.touch()
    assert "beside PNG pictures it holds notes.txt" in refused(
        read_png_mask, [*masks, note], series
    )
    assert "as a file a label" in refused(read_mask, masks)
    whole = masks[2].read_bytes()
    Image.new("RGB", (COLUMNS, ROWS)).save(masks[2])
    assert "is in colour" in refused(read_png_mask, masks, series)
    Image.new("L", (COLUMNS, ROWS + 1)).save(masks[2])
    assert "12 by 17 pixels" in refused(read_png_mask, masks, series)
    masks[2].write_bytes(whole[:50])
    assert "cut short or damaged" in refused(read_png_mask, masks, series)
    masks[2].write_bytes(b"<html>")
    assert "no PNG picture" in refused(read_png_mask, masks, series)


@given(st.lists(st.integers(0, 2000), unique=True, min_size=2))
def test_names_are_ordered_by_their_numbers(numbers):
    names = [f"slice{number}.png" for number in numbers]
    assert sorted(names, key=natural) == [f"slice{number}.png" for number in sorted(numbers)]
