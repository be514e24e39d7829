"""Files of several channels make one case, in every layout that knows them."""

import json

import pytest
from pydantic import ValidationError

from slicewise.dataset.finding import find_cases
from tests.layouts import dataset, describe, entry, touch, write_table

MR = {"intensity": "arbitrary", "channels": ["flair", "T1"]}


def of_case(data, settings, case="p1"):
    """Return the files of each channel of a case."""
    cases = {each.name: each for each in find_cases(settings, data.parent)}
    found = cases[case]
    assert found.needs_conversion
    names = [path.relative_to(data).as_posix() for path in found.image]
    at = 0
    files = {}
    for channel, count in found.channels:
        files[channel] = names[at : at + count]
        at += count
    assert at == len(names)
    return files


def both(data, settings):
    assert of_case(data, settings) == {
        "flair": ["p1_flair.mhd", "p1_flair.raw"],
        "T1": ["p1/t.nii"],
    }


def test_pairs_by_a_pattern_with_channel(data):
    touch(data, *(f"p{k}/p{k}_{name}.nii.gz" for k in (1, 2) for name in ("flair", "T1", "seg")))
    pairs = {"image": "{case}/{case}_{channel}.nii.gz", "mask": "{case}/{case}_seg.nii.gz"}
    settings = dataset("pairs", pairs=pairs, **MR)
    for case in ("p1", "p2"):
        assert of_case(data, settings, case) == {
            "flair": [f"{case}/{case}_flair.nii.gz"],
            "T1": [f"{case}/{case}_T1.nii.gz"],
        }


def test_pairs_by_a_pattern_a_channel_of_any_format(data):
    touch(data, "p1_flair.mhd", "p1_flair.raw", "p1/t.nii", "p1_seg.nii.gz")
    image = {"flair": "{case}_flair.mhd", "T1": "{case}/t.nii"}
    both(data, dataset("pairs", pairs={"image": image, "mask": "{case}_seg.nii.gz"}, **MR))


def test_a_table_has_a_column_a_channel(data):
    touch(data, "p1_flair.mhd", "p1_flair.raw", "p1/t.nii", "m.nii")
    header = ("case", "patient", "image_flair", "image_t1", "mask")
    write_table(data, header, ("p1", "a", "p1_flair.mhd", "p1/t.nii", "m.nii"))
    both(data, dataset("table", root="data/cases.tsv", **MR))


def test_a_table_may_name_4d_files(data):
    touch(data, "p1.nii", "m.nii")
    write_table(data, ("case", "image", "mask"), ("p1", "p1.nii", "m.nii"))
    (case,) = find_cases(dataset("table", root="data/cases.tsv", **MR), data.parent)
    assert case.in_one
    assert case.channels == (("flair", 1), ("T1", 1))


def test_nnunet_numbers_them(data, refused):
    touch(data, "imagesTr/p1_0000.nii.gz", "imagesTr/p1_0001.nii.gz", "labelsTr/p1.nii.gz")
    settings = dataset("nnunet", **MR)
    files = {"flair": ["imagesTr/p1_0000.nii.gz"], "T1": ["imagesTr/p1_0001.nii.gz"]}
    assert of_case(data, settings) == files
    touch(data, "imagesTr/p1_0002.nii.gz")
    message = refused(find_cases, settings, data.parent)
    assert "names 2 channels (flair, T1), whose files are CASE_0000 to CASE_0001" in message
    (data / "imagesTr/p1_0002.nii.gz").unlink()
    for names, says in ((["T1", "FLAIR"], "in the order T1, FLAIR"), (["a"] * 3, "gives 3")):
        description = {"channel_names": {str(k): name for k, name in enumerate(names)}}
        (data / "dataset.json").write_text(json.dumps(description))
        assert says in refused(find_cases, settings, data.parent)


def test_msd_has_them_in_4d_files(data, refused):
    touch(data, "imagesTr/p1.nii.gz", "labelsTr/p1.nii.gz")
    describe(data, [entry("p1")])
    (case,) = find_cases(dataset("msd", **MR), data.parent)
    assert case.in_one
    assert [name for name, _ in case.channels] == ["flair", "T1"]
    described = {"modality": {"0": "FLAIR"}, "training": [entry("p1")]}
    (data / "dataset.json").write_text(json.dumps(described))
    message = refused(find_cases, dataset("msd", **MR), data.parent)
    assert "names 2 (flair, T1)" in message


def test_a_channel_that_is_missing(data, refused):
    touch(data, "imagesTr/p1_0001.nii.gz", "labelsTr/p1.nii.gz")
    message = refused(find_cases, dataset("nnunet", **MR), data.parent)
    assert "case p1: it has no file of the channel flair beside" in message
    assert "missing_channels to zero" in message
    empty = dataset("nnunet", missing_channels="zero", **MR)
    assert of_case(data, empty) == {"flair": [], "T1": ["imagesTr/p1_0001.nii.gz"]}
    left_out = dataset("nnunet", exclude=["p1"], **MR)
    assert "leaves no case" in refused(find_cases, left_out, data.parent)


def test_a_channel_that_is_there_twice(data, refused):
    touch(data, "imagesTr/p1_0000.nii.gz", "imagesTr/p1_0000.nii", "imagesTr/p1_0001.nii.gz")
    touch(data, "labelsTr/p1.nii.gz")
    message = refused(find_cases, dataset("nnunet", **MR), data.parent)
    assert "two candidates for the channel flair" in message
    touch(data, "a.nii", "m.nii")
    write_table(
        data, ("case", "image_flair", "image_T1", "mask"), ("p1", "a.nii", "a.nii", "m.nii")
    )
    message = refused(find_cases, dataset("table", root="data/cases.tsv", **MR), data.parent)
    assert "is given for two channels" in message


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"layout": "nnunet", "channels": ["a", "A"]}, "twice"),
        ({"layout": "nnunet", "channels": ["a"]}, "at least 2"),
        ({"layout": "ircad", "channels": ["a", "b"], "labels": {"l": "l"}}, "one image a case"),
        ({"layout": "nnunet", "missing_channels": "zero"}, "goes with channels only"),
        ({"layout": "pairs", "channels": ["a", "b"]}, "which file is of which"),
        ({"layout": "pairs", "pairs": {"image": "{case}_{channel}.nii"}}, "name these in channels"),
        (
            {"layout": "pairs", "channels": ["a", "b"], "pairs": {"image": {"b": "*b", "a": "*a"}}},
            "in the same order",
        ),
        (
            {"layout": "pairs", "pairs": {"image": {"b": "*b", "a": "{patient}_{case}"}}},
            "tell the same",
        ),
        (
            {"layout": "nnunet", "channels": ["a", "b"], "intensity": "clipped_hu"},
            "hu or arbitrary",
        ),
    ],
)
def test_settings_of_channels_that_contradict(keys, says):
    with pytest.raises(ValidationError, match=says):
        dataset(**keys)


def test_more_than_ten_described_channels_are_in_the_order_of_their_numbers(data):
    names = [f"b{n}" for n in range(12)]
    touch(data, "imagesTr/a.nii.gz", "labelsTr/a.nii.gz")
    modality = {str(n): name for n, name in enumerate(names)}
    (data / "dataset.json").write_text(json.dumps({"training": [entry("a")], "modality": modality}))
    settings = dataset("msd", channels=names, intensity="arbitrary")
    (case,) = find_cases(settings, data.parent)
    assert [name for name, _ in case.channels] == names
