"""Images of several channels in a BIDS data set: which files make up which image."""

import pytest

from slicewise.dataset.finding import find_cases
from tests.layouts import dataset, touch

MR = {"intensity": "arbitrary", "channels": ["T1w", "FLAIR"]}


def write(data, *names, mask="dseg"):
    """Write images beside which each subject or session has a mask."""
    for name in names:
        subject = name.split("_")[0]
        touch(data, f"{subject}/anat/{name}.nii.gz")
    for session in {"_".join(p for p in n.split("_") if p[:3] in ("sub", "ses")) for n in names}:
        touch(data, f"derivatives/m/{session.split('_')[0]}/anat/{session}_{mask}.nii.gz")


def of_cases(data, **keys):
    """Return the files of the channels of each case, and its mask."""
    cases = {}
    for case in find_cases(dataset("bids", **{**MR, **keys}), data.parent):
        assert case.needs_conversion
        files = iter(path.name.removesuffix(".nii.gz") for path in case.image)
        channels = [next(files) if count else None for _, count in case.channels]
        cases[case.name] = (*channels, case.mask[0].name.removesuffix(".nii.gz"))
    return cases


def test_channels_of_a_session_make_an_image(data):
    sessions = ("sub-01_ses-1", "sub-01_ses-2", "sub-02_ses-1")
    write(data, *(f"{session}_{kind}" for session in sessions for kind in ("T1w", "FLAIR", "T2w")))
    assert of_cases(data) == {
        session: (f"{session}_T1w", f"{session}_FLAIR", f"{session}_dseg") for session in sessions
    }
    (case, *_) = find_cases(dataset("bids", **MR), data.parent)
    assert case.patient == "sub-01"
    assert dict(case.named)["image"] == "sub-01/anat/sub-01_ses-1_T1w.nii.gz + " + (
        "sub-01_ses-1_FLAIR.nii.gz"
    )


def test_names_of_channels_need_not_be_those_of_kinds(data):
    write(data, "sub-01_T1w", "sub-01_ce-gad_T1w", "sub-01_FLAIR")
    image = {"ce": "ce-gad_T1w", "t1": "T1w", "flair": "FLAIR"}
    assert of_cases(data, channels=[*image], bids={"image": image}) == {
        "sub-01_ce-gad": ("sub-01_ce-gad_T1w", "sub-01_T1w", "sub-01_FLAIR", "sub-01_dseg")
    }


def test_upper_and_lower_case_of_a_kind_do_not_matter(data):
    write(data, "sub-01_T1w", "sub-01_FLAIR")
    taken = ("sub-01_FLAIR", "sub-01_T1w", "sub-01_dseg")
    assert of_cases(data, channels=["flair", "t1W"]) == {"sub-01": taken}


def test_runs_and_acquisitions_belong_together(data):
    write(data, *(f"sub-01_acq-{a}_{kind}" for a in ("hr", "lr") for kind in ("T1w", "FLAIR")))
    for acquisition in ("hr", "lr"):
        touch(data, f"derivatives/m/sub-01/anat/sub-01_acq-{acquisition}_dseg.nii.gz")
    (data / "derivatives/m/sub-01/anat/sub-01_dseg.nii.gz").unlink()
    assert [case[:2] for case in of_cases(data).values()] == [
        ("sub-01_acq-hr_T1w", "sub-01_acq-hr_FLAIR"),
        ("sub-01_acq-lr_T1w", "sub-01_acq-lr_FLAIR"),
    ]


def test_the_only_file_of_a_session_may_be_of_another_acquisition(data):
    write(data, "sub-01_acq-MPRAGE_T1w", "sub-01_acq-T2sel_FLAIR")
    name = "sub-01_acq-MPRAGE"
    assert of_cases(data)[name][:2] == (f"{name}_T1w", "sub-01_acq-T2sel_FLAIR")


def test_another_run_is_no_channel_of_it(data, refused):
    write(data, "sub-01_run-1_T1w", "sub-01_run-2_FLAIR", mask="run-1_dseg")
    touch(data, "derivatives/m/sub-01/anat/sub-01_run-2_dseg.nii.gz")
    message = refused(of_cases, data)
    assert "case sub-01_run-1: it has no file of the channel FLAIR beside" in message
    assert list(of_cases(data, missing_channels="zero")) == ["sub-01_run-1", "sub-01_run-2"]


def test_two_runs_of_a_channel_are_refused_until_one_is_named(data, refused):
    write(data, "sub-01_T1w", "sub-01_run-1_FLAIR", "sub-01_run-2_FLAIR")
    message = refused(of_cases, data)
    assert "case sub-01: two candidates for the channel FLAIR" in message
    image = {"T1w": "T1w", "FLAIR": "run-2_FLAIR"}
    assert of_cases(data, bids={"image": image})["sub-01"][1] == "sub-01_run-2_FLAIR"


def test_a_session_that_lacks_the_first_channel(data, refused):
    write(data, "sub-01_T1w", "sub-01_FLAIR", "sub-02_FLAIR")
    message = refused(of_cases, data)
    assert "case sub-02: it has no file of the channel T1w beside" in message
    assert "missing_channels to zero" in message
    taken = of_cases(data, missing_channels="zero")
    assert taken["sub-02"] == (None, "sub-02_FLAIR", "sub-02_dseg")
    assert list(of_cases(data, exclude=["sub-02"])) == ["sub-01"]


@pytest.mark.parametrize("mask", ["FLAIR_roi", "mod-FLAIR_mask", "space-FLAIR_mask"])
def test_a_mask_may_have_been_drawn_on_another_channel(data, mask):
    write(data, "sub-01_T1w", "sub-01_acq-a_FLAIR", mask=mask)
    assert of_cases(data) == {"sub-01": ("sub-01_T1w", "sub-01_acq-a_FLAIR", f"sub-01_{mask}")}


def test_a_mask_in_another_space_is_refused_all_the_same(data, refused):
    write(data, "sub-01_T1w", "sub-01_FLAIR", mask="space-MNI_dseg")
    assert "the mask lies in another space than its image" in refused(of_cases, data)


def test_a_mask_of_a_file_that_two_images_share_is_refused(data, refused):
    write(data, "sub-01_run-1_T1w", "sub-01_run-2_T1w", "sub-01_FLAIR", mask="FLAIR_roi")
    assert "this mask may be of several images" in refused(of_cases, data)


def test_a_kind_that_is_not_there_is_refused(data, refused):
    write(data, "sub-01_T1w", "sub-01_FLAIR")
    message = refused(of_cases, data, channels=["T1w", "T2w"])
    assert "no image is T2w, the channel T2w, in the data set itself" in message
    assert "FLAIR (1), T1w (1)" in message
