"""Images and their masks."""

import numpy as np
import pytest

from slicewise.survey.kinds import kinds_of
from slicewise.survey.listing import list_folder
from slicewise.survey.looking import Looker
from slicewise.survey.pairing import pairings, sorted_out
from tests.imitated import dicom_seg, pair, scan, write
from tests.volumes.dicom.drawn import write_seg


def look(root, channels=True):
    kinds = kinds_of(list_folder(root).entries, channels=channels)
    return kinds, Looker(root)


def test_kinds_are_sorted_by_what_their_files_hold(tmp_path):
    for n in range(3):
        pair(tmp_path / f"a{n}.nii.gz", tmp_path / f"b{n}.nii.gz", n)
    (tmp_path / "c1.nii.gz").write_bytes(b"x")
    (tmp_path / "c2.nii.gz").write_bytes(b"x")
    sorts = sorted_out(*look(tmp_path))
    named = {sort: [kind.template for kind in kinds] for sort, kinds in sorts.items()}
    assert named == {"image": ["a{0}.nii.gz"], "mask": ["b{0}.nii.gz"], "unread": ["c{0}.nii.gz"]}


def test_the_image_on_whose_voxels_the_mask_lies_comes_first(tmp_path):
    for n in range(3):
        pair(tmp_path / f"p{n}_b.nii.gz", tmp_path / f"p{n}_seg.nii.gz", n)
        write(tmp_path / f"p{n}_a.nii.gz", scan(n, shape=(20, 20, 9))[0])
    first, second = pairings(*look(tmp_path))
    assert (first.image.template, first.on_grid) == ("{0}_b.nii.gz", True)
    assert (second.image.template, second.on_grid) == ("{0}_a.nii.gz", False)
    assert first.keys == (("p0",), ("p1",), ("p2",))


def test_a_mask_of_all_labels_goes_before_masks_of_one(tmp_path):
    for n in range(3):
        image, mask = scan(n)
        for name, array in {"ct": image, "all": mask, "one": (mask == 1) + np.uint8(0)}.items():
            write(tmp_path / f"{n:03d}" / f"{name}.nii.gz", array)
        write(tmp_path / f"{n:03d}" / "two.nii.gz", (mask == 2) + np.uint8(0))
    (best,) = pairings(*look(tmp_path))
    assert [mask.template for mask in best.masks] == ["{0}/all.nii.gz"]


def test_two_readings_of_one_structure_are_no_two_structures(tmp_path):
    for n in range(3):
        image, mask = scan(n)
        for name, array in {"ct": image, "mk": mask > 0, "jl": mask > 0}.items():
            write(tmp_path / f"{n:03d}" / f"{name}.nii.gz", array * np.int16(1))
        tight = np.roll(mask > 0, 1, axis=0) * np.uint8(1)
        write(tmp_path / f"{n:03d}" / "mk.nii.gz", tight)
    (best,) = pairings(*look(tmp_path))
    assert len(best.masks) == 1


@pytest.mark.parametrize(("shift", "masks"), [(1, 1), (9, 2)])
def test_two_readings_in_dicom_are_no_two_structures(tmp_path, shift, masks):
    dicom_seg(tmp_path)
    organ = np.zeros((24, 20, 7), bool)
    organ[6:16, 5:14, 2:5] = True
    for place in tmp_path.iterdir():
        write_seg(place / "second.dcm", place / "ct", {"Liver": np.roll(organ, shift, axis=1)})
    best = pairings(*look(tmp_path))[0]
    assert len(best.masks) == masks
    assert [kind.template for kind in best.readings] == ["{0}/second.dcm"] * (2 - masks)


def test_a_mask_belongs_to_the_image_after_which_it_is_called(tmp_path):
    for number in range(4):
        for frame in ("01", "12"):
            image, mask = scan(10 * number + int(frame), "mr")
            folder = tmp_path / f"patient{number}"
            write(folder / f"patient{number}_frame{frame}.nii.gz", image)
            write(folder / f"patient{number}_frame{frame}_gt.nii.gz", mask)
    found = pairings(*look(tmp_path))
    assert {(pair.image.template, pair.masks[0].template) for pair in found} == {
        (f"{{0}}/{{0}}_frame{frame}.nii.gz", f"{{0}}/{{0}}_frame{frame}_gt.nii.gz")
        for frame in ("01", "12")
    }
