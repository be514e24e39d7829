"""BIDS as common pipelines write it: images, masks among the derivatives, who takes part."""

import pytest

from slicewise.dataset.finding import find_cases
from tests.layouts import dataset, found, touch

ANAT = "{0}/{1}/anat/{0}_{1}"
MANUAL = "derivatives/manual/" + ANAT + "_space-orig_desc-liver_dseg.nii.gz"
SESSIONS = [("sub-01", "ses-1"), ("sub-01", "ses-2"), ("sub-02", "ses-1")]


def write_tree(data, *, masks=MANUAL, images=ANAT + "_T1w.nii.gz", sessions=SESSIONS):
    for name in ("", "derivatives/manual/"):
        touch(data, f"{name}dataset_description.json")
    touch(data, ".bidsignore", "README", "participants.json")
    for session in sessions:
        touch(data, images.format(*session))
        touch(data, masks.format(*session))


def participants(data, *rows):
    (data / "participants.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))


def test_sessions_are_cases_of_their_subject(data):
    write_tree(data)
    cases = find_cases(dataset("bids"), data.parent)
    assert [(case.name, case.patient) for case in cases] == [
        (f"{subject}_{session}", subject) for subject, session in SESSIONS
    ]
    assert not any(case.guessed or case.needs_conversion for case in cases)
    assert found(data, dataset("bids"))["sub-02_ses-1"] == (
        ANAT.format("sub-02", "ses-1") + "_T1w.nii.gz",
        MANUAL.format("sub-02", "ses-1"),
        None,
    )
    assert dict(cases[0].named)["mask"] == MANUAL.format("sub-01", "ses-1")


def test_runs_and_acquisitions_are_told_apart(data):
    for case in ("", "_acq-hr", "_acq-hr_run-2"):
        touch(data, f"sub-01/anat/sub-01{case}_T1w.nii.gz")
        touch(data, f"derivatives/m/sub-01/anat/sub-01{case}_dseg.nii.gz")
    cases = found(data, dataset("bids"))
    assert list(cases) == ["sub-01", "sub-01_acq-hr", "sub-01_acq-hr_run-2"]
    for name, (image, mask, _) in cases.items():
        assert image.endswith(f"/{name}_T1w.nii.gz")
        assert mask.endswith(f"/{name}_dseg.nii.gz")


@pytest.mark.parametrize("folder", ["", "derivatives/manual/", "derivatives/a/b/", "derivatives/"])
def test_masks_lie_in_a_derivative_or_beside_the_image(data, folder):
    touch(data, "sub-01/anat/sub-01_T2w.nii.gz", f"{folder}sub-01/anat/sub-01_mask.nii.gz")
    ((_, mask, _),) = found(data, dataset("bids")).values()
    assert mask == f"{folder}sub-01/anat/sub-01_mask.nii.gz"


def test_a_mask_that_names_a_contrast_is_of_no_other(data):
    for case in ("sub-01_acq-T2sel_FLAIR", "sub-01_T1w"):
        touch(data, f"sub-01/anat/{case}.nii.gz", f"sub-01/anat/{case}_roi.nii.gz")
    settings = dataset("bids", bids={"image": "FLAIR"})
    assert list(found(data, settings)) == ["sub-01_acq-T2sel"]
    ((_, mask, _),) = found(data, settings).values()
    assert mask.endswith("sub-01_acq-T2sel_FLAIR_roi.nii.gz")


def test_images_may_be_those_of_a_derivative(data):
    place = "derivatives/atlas/sub-01/ses-1/anat/sub-01_ses-1_space-MNI"
    touch(data, "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz")
    touch(data, f"{place}_T1w.nii.gz", f"{place}_label-L_desc-T1lesion_mask.nii.gz")
    ((image, mask, _),) = found(data, dataset("bids", bids={"image_from": "atlas"})).values()
    assert image == f"{place}_T1w.nii.gz"
    assert mask == f"{place}_label-L_desc-T1lesion_mask.nii.gz"


# --- a file a label --------------------------------------------------------------------------


def test_files_of_labels_are_taken_by_their_names(data, caplog):
    for subject in ("sub-01", "sub-02"):
        touch(data, f"{subject}/ct/{subject}_ct.nii.gz")
        for label in ("liver", "kidneyLeft", "spleen"):
            touch(data, f"derivatives/ts/{subject}/ct/{subject}_label-{label}_mask.nii.gz")
    settings = dataset("bids", {"kidney_left": 2, "liver": 1}, bids={"overlaps": "later"})
    for case in find_cases(settings, data.parent):
        assert case.structures == (("kidney_left", 1), ("liver", 1))
        assert [path.name.split("_")[1] for path in case.mask] == [
            "label-kidneyLeft",
            "label-liver",
        ]
        assert case.needs_conversion
    assert "label-spleen_mask (2)" in caplog.text


def test_files_of_a_label_are_united(data):
    touch(data, "sub-01/anat/sub-01_T1w.nii.gz")
    for side in "LR":
        touch(data, f"derivatives/m/sub-01/anat/sub-01_label-{side}_mask.nii.gz")
    masks = {"hippocampus": ["label-L_mask", "label-R_mask"]}
    settings = dataset("bids", {"hippocampus": 1}, bids={"masks": masks})
    (case,) = find_cases(settings, data.parent)
    assert case.structures == (("hippocampus", 1), ("hippocampus", 1))
    assert len(case.mask) == 2


def test_a_subject_that_lacks_a_file_of_a_label_lacks_its_mask(data):
    touch(data, "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/anat/sub-02_T1w.nii.gz")
    for name in ("01/anat/sub-01_label-a", "01/anat/sub-01_label-b", "02/anat/sub-02_label-a"):
        touch(data, f"derivatives/m/sub-{name}_mask.nii.gz")
    whole, bad = find_cases(dataset("bids", {"a": 1, "b": 2}), data.parent)
    assert not whole.lacks
    assert "case sub-02: one mask label-b_mask is needed, and there is none" in bad.lacks


# --- who takes part --------------------------------------------------------------------------


def test_columns_and_split_come_from_the_participants(data):
    write_tree(data)
    participants(
        data,
        ("participant_id", "age", "site", "split"),
        ("sub-01", "41", "A", "train"),
        ("02", "n/a", "B", "Test"),
        ("sub-77", "50", "B", "test"),
    )
    cases = find_cases(dataset("bids"), data.parent)
    assert [case.subset for case in cases] == ["train", "train", "test"]
    assert [dict(case.columns) for case in cases] == [
        {"age": "41", "site": "A"},
        {"age": "41", "site": "A"},
        {"age": "", "site": "B"},
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("sub-01", "train")], "split is given for some subjects only; say it for sub-02"),
        ([("sub-01", "train"), ("01", "test")], "row 3: sub-01 is there twice"),
        ([("sub-01", "train"), ("sub-02", "some")], "row 3, sub-02: split is 'some'; write train"),
    ],
)
def test_a_split_that_does_not_fit_is_refused(data, refused, rows, said):
    write_tree(data)
    participants(data, ("participant_id", "split"), *rows)
    assert said in refused(find_cases, dataset("bids"), data.parent)


def test_the_column_of_the_split_has_any_name_or_none(data, refused):
    write_tree(data)
    rows = [("sub-01", "1", "test"), ("sub-02", "2", "train")]
    participants(data, ("participant_id", "split", "cohort"), *rows)
    cases = find_cases(dataset("bids", bids={"split": "cohort"}), data.parent)
    assert [case.subset for case in cases] == ["test", "test", "train"]
    cases = find_cases(dataset("bids", bids={"split": None}), data.parent)
    assert {case.subset for case in cases} == {None}
    message = refused(find_cases, dataset("bids", bids={"split": "group"}), data.parent)
    assert "no column group, which dataset.bids.split names; there are participant_id" in message


# --- choices ---------------------------------------------------------------------------------


def test_several_contrasts_are_named(data, refused):
    write_tree(data)
    for session in SESSIONS:
        touch(data, ANAT.format(*session) + "_FLAIR.nii.gz")
    message = refused(find_cases, dataset("bids"), data.parent)
    assert "images of several kinds" in message
    assert "FLAIR (3), T1w (3)" in message
    assert len(found(data, dataset("bids", bids={"image": "FLAIR"}))) == 3
    message = refused(find_cases, dataset("bids", bids={"image": "T2w"}), data.parent)
    assert "no image is T2w" in message


def test_several_pipelines_are_named(data, refused):
    write_tree(data)
    write_tree(data, masks=MANUAL.replace("manual", "fmriprep").replace("liver", "brain"))
    touch(data, "derivatives/fmriprep/sub-01/func/sub-01_desc-brain_mask.nii.gz")
    message = refused(find_cases, dataset("bids"), data.parent)
    assert "fmriprep (3), manual (3)" in message
    for bids in ({"mask_from": "manual"}, {"mask": "desc-liver_dseg"}):
        masks = [mask for _, mask, _ in found(data, dataset("bids", bids=bids)).values()]
        assert all("/manual/" in mask for mask in masks)
    message = refused(find_cases, dataset("bids", bids={"mask_from": "raw"}), data.parent)
    assert "no such mask in the data set itself" in message


def test_several_kinds_of_masks_are_named(data, refused):
    write_tree(data)
    write_tree(data, masks=MANUAL.replace("desc-liver_dseg", "desc-brain_mask"))
    message = refused(find_cases, dataset("bids"), data.parent)
    assert "desc-brain_mask (3), desc-liver_dseg (3)" in message
    assert len(found(data, dataset("bids", bids={"mask": "dseg"}))) == 3
    message = refused(find_cases, dataset("bids", bids={"mask": "label-liver_dseg"}), data.parent)
    assert "no mask of these images is found of the kind that is asked for" in message


# --- what is wrong ---------------------------------------------------------------------------


def test_a_mask_without_its_image_is_refused(data, refused):
    write_tree(data)
    (data / (ANAT.format("sub-01", "ses-2") + "_T1w.nii.gz")).unlink()
    message = refused(find_cases, dataset("bids"), data.parent)
    assert "sub-01_ses-2_space-orig_desc-liver_dseg.nii.gz: mask without its image" in message


def test_an_image_without_a_mask_lacks_it_or_is_excluded(data):
    write_tree(data)
    (data / MANUAL.format("sub-01", "ses-2")).unlink()
    lacking = [case.lacks for case in find_cases(dataset("bids"), data.parent) if case.lacks]
    assert len(lacking) == 1
    assert "sub-01_ses-2_T1w.nii.gz: image without mask" in lacking[0]
    settings = dataset("bids", exclude=["sub-01_ses-2"])
    assert list(found(data, settings)) == ["sub-01_ses-1", "sub-02_ses-1"]


def test_a_mask_of_two_images_is_refused(data, refused):
    touch(data, "derivatives/m/sub-01/anat/sub-01_dseg.nii.gz")
    touch(data, "sub-01/anat/sub-01_run-1_T1w.nii.gz", "sub-01/anat/sub-01_run-2_T1w.nii.gz")
    message = refused(find_cases, dataset("bids"), data.parent)
    assert "sub-01_dseg.nii.gz: this mask may be of several images" in message
    assert "sub-01_run-1_T1w.nii.gz" in message
    assert "sub-01_run-2_T1w.nii.gz" in message


def test_a_mask_in_another_space_is_refused(data, refused):
    write_tree(data, masks=MANUAL.replace("space-orig", "space-MNI152NLin2009cAsym"))
    message = refused(find_cases, dataset("bids"), data.parent)
    assert "the mask lies in another space than its image" in message


def test_beside_one_that_fits_a_mask_in_another_space_is_left_aside(data, caplog):
    write_tree(data)
    write_tree(data, masks=MANUAL.replace("space-orig", "space-MNI152NLin2009cAsym"))
    assert all("space-orig" in mask for _, mask, _ in found(data, dataset("bids")).values())
    assert "masks in another space than their image are not read" in caplog.text


def test_a_file_in_the_folder_of_another_subject_is_refused(data, refused):
    write_tree(data)
    touch(data, "sub-01/ses-1/anat/sub-02_ses-1_T1w.nii.gz")
    message = refused(find_cases, dataset("bids"), data.parent)
    assert "its name says sub-02, and it lies in the folder sub-01" in message


def test_an_image_in_two_files_is_refused(data, refused):
    write_tree(data)
    touch(data, ANAT.format("sub-01", "ses-1") + "_T1w.nii")
    assert "two files of one name" in refused(find_cases, dataset("bids"), data.parent)


def test_a_folder_that_is_none_is_refused(data, refused):
    touch(data, "p1.nii.gz")
    assert "no image sub-*" in refused(find_cases, dataset("bids"), data.parent)


def test_labels_are_compared_with_the_names_of_the_data_set(data, refused):
    write_tree(data)
    table = data / "derivatives" / "manual" / "desc-liver_dseg.tsv"
    table.write_text("index\tname\tcolor\n1\tspleen\t#f00\n2\tliver\t#0f0\n")
    message = refused(find_cases, dataset("bids"), data.parent)
    assert "liver is 1, but there 2" in message
    assert len(found(data, dataset("bids", {"liver": 2}))) == 3
