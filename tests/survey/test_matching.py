"""Images and masks matched by the words that their names share."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.survey.kinds import kinds_of
from slicewise.survey.listing import list_folder
from slicewise.survey.looking import Looker
from slicewise.survey.matching import _pairs, matched, tokens
from tests.imitated import pair, scan, write


def test_numbers_are_words_with_and_without_their_zeros():
    assert tokens("A/b-007_x1.nii.gz") == {"a", "b", "007", "7", "x1", "1"}


@pytest.mark.parametrize(
    ("images", "masks", "expected"),
    [
        (["ann_ct", "bob_ct"], ["ct-bob-drawn", "ct-ann-drawn"], {"ann_ct": 1, "bob_ct": 0}),
        (["p_001", "p_002", "p_010"], ["1_s", "2_s", "10_s"], {"p_001": 0, "p_002": 1, "p_010": 2}),
        # which of two it is, nobody knows
        (["ann_1", "ann_2"], ["ann"], {}),
        (["ann_1", "bob_2"], ["ann_x", "ann_y"], {}),
        # a mask that shares most with an image that has a better one is left alone
        (["ann_a1", "bob_b2"], ["ann_a1_s", "ann_c3_s", "bob_s"], {"ann_a1": 0, "bob_b2": 2}),
    ],
)
def test_who_shares_most_with_the_other_belongs_to_it(images, masks, expected):
    assert _pairs(images, masks) == {image: masks[n] for image, n in expected.items()}


NAMES = st.sets(st.from_regex(r"[a-z]{3}[0-9]{3}", fullmatch=True), min_size=2, max_size=9)


@given(NAMES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_no_order_of_files_matters(names, random):
    images = [f"ct/{name}-scan" for name in names]
    masks = [f"seg/drawn_{name}" for name in names]
    random.shuffle(images)
    random.shuffle(masks)
    assert _pairs(images, masks) == {f"ct/{n}-scan": f"seg/drawn_{n}" for n in names}


def test_masks_on_other_voxels_or_without_an_image_match_nothing(tmp_path):
    def found():
        listing = list_folder(tmp_path)
        return matched(kinds_of(listing.entries, channels=True), Looker(tmp_path))

    names = ("ann", "bob", "cat")
    for n, name in enumerate(names):
        pair(tmp_path / f"i/{name}-ct-x.nii.gz", tmp_path / f"m/{n}_{name}_s.nii.gz", n)
    assert [row.masks[0] for row in found().rows] == [f"m/{n}_{x}_s.nii.gz" for n, x in
                                                      enumerate(names)]  # fmt: skip
    write(tmp_path / "m/1_bob_s.nii.gz", scan(1, shape=(60, 50, 8))[1])
    assert found() is None
    for path in (tmp_path / "m").iterdir():
        path.unlink()
    assert found() is None
