"""Organ masks that are stored as DICOM lie on their image."""

from pathlib import Path

import numpy as np
import pytest

from slicewise.volumes.dicom.organs import read_organ_masks
from slicewise.volumes.dicom.series import read_series
from tests.volumes.dicom.written import resize_one, respace_one, turn_one, zipped


def boxes() -> dict[str, np.ndarray]:
    liver, tumour = np.zeros((2, 12, 16, 5), np.uint8)
    liver[2:9, 3:10, 1:4] = 255
    tumour[6:11, 5:7, 2:5] = 255
    return {"liver": liver, "tumour": tumour}


def write_masks(write_series, folder: Path, **options) -> dict[str, np.ndarray]:
    organs = boxes()

    def edit(header, k):
        header.RescaleIntercept = 0
        options.get("edit", lambda header, k: None)(header, k)

    for organ, mask in organs.items():
        write_series(folder / organ, stored=mask, **{**options, "edit": edit})
    return organs


def test_masks_are_numbered_in_order_and_the_later_wins(tmp_path, write_series):
    write_series(tmp_path / "ct")
    organs = write_masks(write_series, tmp_path / "masks", name=lambda k: f"m{(3 * k) % 5}")
    archive = zipped(tmp_path / "masks", tmp_path / "masks.zip", "MASKS_DICOM/")
    liver, tumour = organs["liver"] > 0, organs["tumour"] > 0
    for source in (tmp_path / "masks", archive):
        mask, overlap = read_organ_masks(source, {"l": "liver", "t": "tumour"}, tmp_path / "ct")
        np.testing.assert_array_equal(mask.array, np.where(tumour, 2, liver))
        assert mask.array.dtype == np.uint8
        np.testing.assert_array_equal(mask.affine, read_series(tmp_path / "ct").affine)
        assert overlap == np.count_nonzero(liver & tumour) > 0


def test_folders_of_one_label_are_united(tmp_path, write_series):
    write_series(tmp_path / "ct")
    organs = write_masks(write_series, tmp_path / "masks")
    both = {"organ": ["liver", "tumour"]}
    mask, overlap = read_organ_masks(tmp_path / "masks", both, tmp_path / "ct")
    np.testing.assert_array_equal(mask.array, (organs["liver"] | organs["tumour"]) > 0)
    assert overlap == 0


def test_masks_without_positions_are_paired_by_number_with_a_line(tmp_path, write_series, caplog):
    def edit(header, k):
        header.ImagePositionPatient = [0, 0, 0]

    write_series(tmp_path / "ct")
    organs = write_masks(write_series, tmp_path / "masks", edit=edit)
    mask, _ = read_organ_masks(tmp_path / "masks", {"l": "liver"}, tmp_path / "ct")
    np.testing.assert_array_equal(mask.array, organs["liver"] > 0)
    assert "paired with the image's by the numbers" in caplog.text


def test_masks_without_positions_need_the_same_numbers(tmp_path, write_series, refused):
    def edit(header, k):
        del header.ImagePositionPatient

    write_series(tmp_path / "ct")
    write_masks(write_series, tmp_path / "masks", edit=edit, name=lambda k: f"mask{k}")
    message = refused(read_organ_masks, tmp_path / "masks", {"l": "liver"}, tmp_path / "ct")
    assert "numbers in the file names" in message


def move(header, k):
    x, y, z = header.ImagePositionPatient
    header.ImagePositionPatient = [x, y, z + 1]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"edit": move}, "positions of its slices do not match"),
        ({"edit": respace_one}, "positions of its slices do not match"),
        ({"edit": turn_one}, "positions of its slices do not match"),
        ({"edit": resize_one}, "another size"),
        ({"count": 4}, "4 slices, but the image has 5"),
    ],
)
def test_masks_of_another_image(tmp_path, write_series, refused, options, fault):
    write_series(tmp_path / "ct")
    write_masks(write_series, tmp_path / "masks", **options)
    message = refused(read_organ_masks, tmp_path / "masks", {"l": "liver"}, tmp_path / "ct")
    assert message.startswith(f"{tmp_path / 'masks'}, folder liver: ")
    assert fault in message


def test_missing_organ_names_what_is_there(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_masks(write_series, tmp_path / "masks")
    message = refused(read_organ_masks, tmp_path / "masks", {"l": "Tumor"}, tmp_path / "ct")
    assert "did you mean tumour?" in message
    assert "liver, tumour" in message


def test_image_given_as_mask(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_series(tmp_path / "masks" / "liver")
    message = refused(read_organ_masks, tmp_path / "masks", {"l": "liver"}, tmp_path / "ct")
    assert "it is no mask" in message


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 7, 17])
def test_ircad_masks_lie_on_their_organs(real_data, number):
    case = real_data / "ircad" / f"3Dircadb1.{number}"
    image = read_series(case / "PATIENT_DICOM.zip")
    organs = {"liver": "liver", "bone": "bone"}
    mask, _ = read_organ_masks(case / "MASKS_DICOM.zip", organs, case / "PATIENT_DICOM.zip")
    assert mask.array.shape == image.array.shape
    assert 60 < np.median(image.array[mask.array == 1]) < 180
    assert np.median(image.array[mask.array == 2]) > 200
    # The liver lies on the right of the body, above its middle.
    right, _, up = np.argwhere(mask.array == 1).mean(axis=0) / image.array.shape
    assert right < 0.5 < up
