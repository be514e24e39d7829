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


def amos(data) -> None:
    """A dataset.json with a labelled list beside `training`, and an unlabelled one."""
    for subset, names in (("Tr", "ab"), ("Va", "cd")):
        for name in names:
            touch(data, f"images{subset}/{name}.nii.gz", f"labels{subset}/{name}.nii.gz")
    touch(data, "imagesTs/e.nii.gz")
    validation = [
        {"image": f"./imagesVa/{name}.nii.gz", "label": f"./labelsVa/{name}.nii.gz"}
        for name in "dc"
    ]
    description = {
        "training": [entry("a"), entry("b")],
        "validation": validation,
        "test": ["./imagesTs/e.nii.gz"],
    }
    (data / "dataset.json").write_text(json.dumps(description))


def test_a_labelled_list_that_is_left_aside_is_named(data, caplog):
    amos(data)
    assert set(found(data, dataset("msd"))) == {"a", "b"}
    assert "validation (2 cases)" in caplog.text
    assert "test (" not in caplog.text
    caplog.clear()
    found(data, dataset("msd", msd={"train": "training"}))
    assert not caplog.text


def test_lists_that_are_named_are_used(data):
    amos(data)
    tested = found(data, dataset("msd", msd={"train": "training", "test": ["validation"]}))
    assert {name: case[2] for name, case in tested.items()} == {
        "a": "train",
        "b": "train",
        "c": "test",
        "d": "test",
    }
    assert tested["c"][:2] == ("imagesVa/c.nii.gz", "labelsVa/c.nii.gz")
    drawn = found(data, dataset("msd", msd={"train": ["training", "validation"]}))
    assert {name: case[2] for name, case in drawn.items()} == dict.fromkeys("abcd")


def test_a_list_may_validate(data):
    amos(data)
    describe_lists = json.loads((data / "dataset.json").read_text())
    describe_lists["more"] = [describe_lists["validation"].pop()]
    (data / "dataset.json").write_text(json.dumps(describe_lists))
    lists = {"train": "training", "validation": ["validation"], "test": ["more"]}
    placed = found(data, dataset("msd", msd=lists))
    assert {name: case[2] for name, case in placed.items()} == {
        **dict.fromkeys("ab", "train"),
        "c": "test",
        "d": "validation",
    }


def test_lists_that_cannot_be_used(data, refused):
    amos(data)
    unknown = dataset("msd", msd={"test": ["valid"]})
    message = refused(find_cases, unknown, data.parent)
    assert "no list valid" in message
    assert "training, validation, test" in message
    unlabelled = dataset("msd", msd={"test": ["test"]})
    assert "needs an image and a label" in refused(find_cases, unlabelled, data.parent)
    description = json.loads((data / "dataset.json").read_text())
    description["validation"] = []
    (data / "dataset.json").write_text(json.dumps(description))
    empty = dataset("msd", msd={"test": ["validation"]})
    assert "is empty" in refused(find_cases, empty, data.parent)


def test_a_case_in_two_lists_is_refused(data, refused):
    amos(data)
    description = json.loads((data / "dataset.json").read_text())
    description["validation"].append(entry("a"))
    (data / "dataset.json").write_text(json.dumps(description))
    both = dataset("msd", msd={"test": ["validation"]})
    assert "case a: two candidates" in refused(find_cases, both, data.parent)


def test_images_to_test_on_have_the_masks_beside_them(data, caplog):
    touch(data, *(f"{d}/a.nii.gz" for d in ("imagesTr", "labelsTr")))
    touch(data, *(f"{d}/{n}.nii.gz" for d in ("imagesTs", "labelsTs") for n in "bc"))
    lists = {
        "training": [entry("a")],
        "test": ["./imagesTs/b.nii.gz", {"image": "imagesTs/c.nii.gz"}],
    }
    (data / "dataset.json").write_text(json.dumps(lists))
    placed = found(data, dataset("msd", msd={"test": ["test"]}))
    assert placed["b"] == ("imagesTs/b.nii.gz", "labelsTs/b.nii.gz", "test")
    assert placed["c"] == ("imagesTs/c.nii.gz", "labelsTs/c.nii.gz", "test")
    assert set(found(data, dataset("msd"))) == {"a"}
    assert "test (2 cases)" in caplog.text
