"""What layouts share: pairs by name, the files of a folder, stems and short lists."""

from pathlib import Path
from typing import get_args

import pytest

from slicewise.config import Dataset
from slicewise.dataset.layouts import LAYOUTS
from slicewise.dataset.layouts.found import (
    FoundCase,
    files_below,
    files_of_series,
    is_left_aside,
    labels_are_names,
    listed,
    paired,
    stem_of,
)
from slicewise.errors import SlicewiseError
from tests.layouts import dataset, touch


def test_every_layout_that_settings_may_name_is_registered():
    named = get_args(Dataset.model_fields["layout"].annotation)
    assert set(LAYOUTS) == set(named)


def test_images_and_masks_are_paired_by_name():
    images = {name: [Path(f"{name}.nii")] for name in ("b", "a")}
    masks = {name: [Path(f"{name}_m.nii")] for name in ("a", "b")}
    assert paired(images, masks, "test") == [
        FoundCase(name, (Path(f"{name}.nii"),), (Path(f"{name}_m.nii"),), "test") for name in "ab"
    ]


@pytest.mark.parametrize(
    ("images", "masks", "said"),
    [
        ({"a": ["1", "2"]}, {"a": ["m"]}, "case a: two candidates, 1, 2"),
        ({"a": ["1"]}, {"a": ["m", "n"]}, "case a: two candidates, m, n"),
        ({"a": ["1"]}, {}, "1: image without mask"),
        ({}, {"a": ["m"]}, "m: mask without image"),
    ],
)
def test_what_does_not_pair_up_is_refused(images, masks, said):
    files = [{k: [Path(p) for p in v] for k, v in side.items()} for side in (images, masks)]
    with pytest.raises(SlicewiseError, match=said):
        paired(*files, None)


def test_litter_is_no_file_of_a_series(tmp_path):
    touch(tmp_path, "s/b", "s/a/c", "s/.DS_Store", "litter/Thumbs.db", "one.dcm")
    assert files_below(tmp_path / "s") == (tmp_path / "s/a/c", tmp_path / "s/b")
    assert files_of_series(tmp_path / "s") == files_below(tmp_path / "s")
    assert files_of_series(tmp_path / "one.dcm") == (tmp_path / "one.dcm",)
    assert is_left_aside(tmp_path / "litter")
    assert not is_left_aside(tmp_path / "s")
    with pytest.raises(SlicewiseError, match="the folder is empty"):
        files_of_series(tmp_path / "litter")


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.nii.gz", "a"), ("a.b.NII.GZ", "a.b"), ("a.Seg.nrrd", "a"), ("a.nrrd", "a"), ("a", "a")],
)
def test_a_stem_is_without_the_endings_of_the_format(name, stem):
    assert stem_of(name) == stem


def test_of_many_eight_are_listed():
    assert listed(list("abcdefgh")) == "a, b, c, d, e, f, g, h"
    assert listed(list("abcdefghij"), "; ").endswith("h and 2 more")


def test_labels_are_names_where_any_is_text():
    assert labels_are_names(dataset("pairs", {"liver": "Liver", "tumour": "Tumour"}))
    assert not labels_are_names(dataset("pairs", {"liver": 1}))
