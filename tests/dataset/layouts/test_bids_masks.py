"""Which masks of a BIDS data set are meant."""

from slicewise.config import Bids
from slicewise.dataset.layouts.bids_files import volumes_of
from slicewise.dataset.layouts.bids_masks import choose_masks
from tests.layouts import dataset, touch


def choose(data, labels, **bids):
    touch(data, "sub-1/anat/sub-1_T1w.nii.gz")
    files = volumes_of(data)
    images = [one for one in files if not one.is_mask]
    return choose_masks({"raw": files}, images, Bids(**bids), dataset("bids", labels))


def test_the_only_kind_is_of_all_labels(data):
    touch(data, "sub-1/anat/sub-1_label-x_mask.nii.gz", "sub-1/func/sub-1_desc-brain_mask.nii.gz")
    masks, kinds = choose(data, {"liver": 1})
    assert [mask.path.name for mask in masks] == ["sub-1_label-x_mask.nii.gz"]
    assert {label: [kind.text for kind in some] for label, some in kinds.items()} == {
        None: ["label-x_mask"]
    }


def test_a_label_of_several_values_has_no_file_of_its_own(data, refused):
    for label in "ab":
        touch(data, f"sub-1/anat/sub-1_label-{label}_mask.nii.gz")
    message = refused(choose, data, {"a": [1, 3], "b": 2})
    assert "dataset.labels.a: must be one mask value" in message
    assert "label-a_mask" in message
    _, kinds = choose(data, {"a": 1, "b": 2})
    assert list(kinds) == ["a", "b"]


def test_the_file_of_one_label_is_not_taken_for_that_of_another(data, refused):
    touch(data, "sub-1/anat/sub-1_label-tumour_mask.nii.gz")
    message = refused(choose, data, {"liver": 1, "tumour": 2})
    assert "masks of several kinds" not in message
    assert "no file of the label liver" in message
    _, kinds = choose(data, {"tumour": 2})
    assert list(kinds) == ["tumour"]
    _, kinds = choose(data, {"tumour": 1})
    assert list(kinds) == [None]
