"""What is wrong alike with many files or cases is said once."""

from __future__ import annotations

import pytest

from slicewise.causes import by_cause

WRONG = "it holds values that dataset.labels (heart: 1) does not name: {} ({} voxels); add them"


def test_one_cause_of_twelve_cases_is_one_sentence():
    files = [f"/data/mr/p{k:02d}_heart.nii.gz" for k in range(12)]
    cases = {path: f"p{k:02d}" for k, path in enumerate(files)}
    said = by_cause([f"{path}: {WRONG.format(2, 654)}" for path in files], cases, 12)
    assert said == [
        "/data/mr/p00_heart.nii.gz, p01_heart.nii.gz, p02_heart.nii.gz and 9 more (12 of 12 "
        f"cases): {WRONG.format(2, 654)}"
    ]


def test_what_was_measured_is_the_first_ones_and_said_to_be():
    files = ["/d/a.nii", "/d/b.nii"]
    said = by_cause([f"{path}: {WRONG.format(2, n)}" for n, path in enumerate(files, 7)])
    assert said == [
        f"/d/a.nii, b.nii (numbers are those of the first): {WRONG.format(2, 7)}",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (WRONG.format(2, 654), WRONG.format(3, 654)),
        (WRONG.format(2, 654), "it has no voxel of any label (heart: 1); correct dataset.labels"),
        ("dataset.spacing has 3 values", "dataset.spacing has no values"),
    ],
)
def test_other_causes_are_told_apart(one, other):
    sentences = [f"/d/a.nii: {one}", f"/d/b.nii: {other}"]
    assert by_cause(sentences) == sentences


def test_ranges_of_intensities_and_paths_of_images_do_not_tell_causes_apart():
    low = "its values go from {} to {}, but a CT in Hounsfield units has air, which is below -200"
    place = "{} of its voxels with a label lie outside of its image /d/{}_ct.nii; take the mask"
    ranges = [f"/d/{n}.nii: {low.format(*r)}" for n, r in (("a", (0, 3e5)), ("b", (-3.5, 900)))]
    places = [f"/d/{n}_seg.nii: {place.format(k, n)}" for k, n in enumerate("ab", 5)]
    assert [one.split(":")[0] for one in by_cause([*ranges, *places])] == [
        "/d/a.nii, b.nii (numbers are those of the first)",
        "/d/a_seg.nii, b_seg.nii (numbers are those of the first)",
    ]


def test_files_of_one_name_are_told_apart_by_their_folders():
    said = by_cause(["/d/a/image.nii: it is cut short", "/d/b/image.nii: it is cut short"])
    assert said == ["/d/a/image.nii, b/image.nii: it is cut short"]


def test_cases_that_must_not_be_named_by_paths_are_counted_too():
    said = by_cause([f"case c{k}, mask: it is empty" for k in range(5)], {}, 9)
    assert said == [
        "case c0, mask, case c1, mask, case c2, mask and 2 more (5 of 9 cases): it is empty"
    ]


def test_several_files_of_a_case_count_once():
    files = {"/d/a_t1.nii": "a", "/d/a_t2.nii": "a", "/d/b_t1.nii": "b"}
    said = by_cause([f"{path} (channel x): it is cut short" for path in files], files, 4)
    assert said[0].endswith("b_t1.nii (channel x) (2 of 4 cases): it is cut short")


def test_what_is_no_file_or_case_stays_as_it_is():
    sentences = ["dataset.labels: correct it", "run: correct it", "no colon at all"]
    assert by_cause([*sentences, "run: correct it"], {}, 3) == sentences


def test_of_files_of_no_case_no_share_is_told():
    said = by_cause([f"results/x/{name}/model.keras: it is no model" for name in "ab"], {}, 3)
    assert said == ["results/x/a/model.keras, b/model.keras: it is no model"]
