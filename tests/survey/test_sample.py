"""The sample that is looked at."""

from pathlib import Path

import pytest

from slicewise.dataset.case import Case
from slicewise.survey.content import Placed
from slicewise.survey.looking import Looker
from slicewise.survey.sample import _ever_finer, channels_of, first_image, path_of, sampled
from tests.imitated import pair


@pytest.mark.parametrize("number", [0, 1, 2, 7, 8, 100])
def test_ever_finer_is_each_once_and_the_ends_come_early(number):
    order = list(_ever_finer(number))
    assert sorted(order) == list(range(number))
    assert len(order) < 9 or max(order[:3]) - min(order[:3]) >= number // 2


def test_what_was_looked_at_is_counted(tmp_path):
    cases = []
    for n in range(12):
        files = [tmp_path / f"i{n}.nii.gz", tmp_path / f"m{n}.nii.gz"]
        pair(*files, n)
        cases.append(Case(f"c{n}", f"c{n}", (files[0],), (files[1],)))
    sample = sampled(cases, Looker(tmp_path), masks=True)
    assert (len(sample.images), len(sample.masks), len(sample.grids)) == (8, 12, 12)
    assert sample.placed == Placed(compared=6)
    assert sample.words == "headers of 12, voxels of 8 images and 12 masks of 12 cases"
    late = sampled(cases, Looker(tmp_path, patience=0), masks=True)
    assert (len(late.images), len(late.masks), len(late.grids)) == (0, 0, 12)


def test_a_volume_is_called_by_its_first_file():
    root = Path("/d")
    assert path_of([root / "a" / "x.mhd", root / "a" / "x.raw"], root) == "a/x.mhd"
    assert path_of([root / "a" / "1.dcm", root / "a" / "2.dcm"], root) == "a/1.dcm"
    assert path_of([Path("/e/x.nii")], root) == "/e/x.nii"


def test_channels_are_files_each_or_frames_of_one(tmp_path):
    files = tuple(tmp_path / name for name in "abc")
    several = Case("c", "c", files, (), channels=(("x", 0), ("y", 2), ("z", 1)))
    assert channels_of(several) == [(files[:2], None), (files[2:], None)]
    assert first_image(several) == files[:2]
    one = Case("c", "c", files[:1], (), channels=(("x", 1), ("y", 1)), in_one=True)
    assert channels_of(one) == [(files[:1], 0), (files[:1], 1)]
