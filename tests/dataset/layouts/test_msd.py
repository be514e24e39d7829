"""What dataset.json lists is taken, and what is not is refused."""

import json

from slicewise.dataset.finding import find_cases
from tests.layouts import dataset, describe, entry, found, touch


def test_msd_takes_what_the_description_lists(data):
    names = ["liver_10", "liver_2", "liver_3"]
    touch(data, *(f"{d}/{n}.nii.gz" for n in names for d in ("imagesTr", "labelsTr")))
    touch(data, "imagesTr/._liver_2.nii.gz", "imagesTs/liver_4.nii.gz")
    describe(data, [entry("liver_2"), entry("liver_10")])
    assert found(data, dataset("msd")) == {
        "liver_10": ("imagesTr/liver_10.nii.gz", "labelsTr/liver_10.nii.gz", None),
        "liver_2": ("imagesTr/liver_2.nii.gz", "labelsTr/liver_2.nii.gz", None),
    }


def test_msd_faults(data, refused):
    assert "dataset.json" in refused(find_cases, dataset("msd"), data.parent)
    describe(data, [entry("liver_1")])
    message = refused(find_cases, dataset("msd"), data.parent)
    assert "imagesTr/liver_1.nii.gz" in message
    for wrong in ([{"image": "a"}], ["a.nii.gz"], 3):
        describe(data, wrong)
        assert "Decathlon" in refused(find_cases, dataset("msd"), data.parent)
    (data / "dataset.json").write_text("{not json")
    assert "dataset.json" in refused(find_cases, dataset("msd"), data.parent)
    (data / "dataset.json").write_text("[1]")
    assert "Decathlon" in refused(find_cases, dataset("msd"), data.parent)


def test_labels_are_those_of_the_description(data, refused):
    touch(data, "imagesTr/a_0000.nii.gz", "imagesTr/a.nii.gz", "labelsTr/a.nii.gz")
    described = {"labels": {"0": "background", "1": "Anterior", "2": "Posterior"}}
    entries = {"training": [entry("a")]}
    (data / "dataset.json").write_text(json.dumps({**described, **entries}))
    swapped = {"anterior": 2, "posterior": 1}
    assert "dataset.labels" in refused(find_cases, dataset("msd", swapped), data.parent)
    assert len(find_cases(dataset("msd", {"anterior": 1, "posterior": 2}), data.parent)) == 1
    (data / "imagesTr/a.nii.gz").unlink()
    (data / "dataset.json").write_text(json.dumps({"labels": {"anterior": 1, "posterior": 2}}))
    assert "dataset.labels" in refused(find_cases, dataset("nnunet", swapped), data.parent)
    (data / "dataset.json").unlink()
    assert len(find_cases(dataset("nnunet", swapped), data.parent)) == 1
