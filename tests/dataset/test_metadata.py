"""A table beside the files says whose the cases are, and who is tested on."""

from pathlib import Path

import pytest

from slicewise.config import Split
from slicewise.dataset.finding import find_cases
from slicewise.dataset.metadata import rows_by_case
from slicewise.dataset.split import split_cases
from tests.layouts import ONE_FOLDER, dataset, touch


@pytest.fixture
def people(data):
    """Return what writes a table of three scans of two patients, and finds them by it."""
    touch(data / "raw", *(f"s{k}_{kind}.nii.gz" for k in "123" for kind in ("orig", "liver")))

    def find(*rows, exclude=(), layout="pairs", **keys):
        (data / "people.csv").write_text("".join(f"{row}\n" for row in rows))
        metadata = {"table": f"{data.name}/people.csv", **keys}
        return find_cases(
            dataset(layout, metadata=metadata, exclude=list(exclude), **ONE_FOLDER), data.parent
        )

    return find


ROWS = ("scan,who,set,site", "s1,anna,train,A", "s2,bert,TEST,B", "s3,anna,Training,A", "s9,,,")


def test_patients_subsets_and_columns_are_those_of_the_table(people):
    cases = people(*ROWS, case="scan", patient="who", subset="set")
    assert [case.patient for case in cases] == ["anna", "bert", "anna"]
    assert [case.subset for case in cases] == ["train", "test", "train"]
    assert [dict(case.columns) for case in cases] == [{"site": site} for site in "ABA"]
    assert not any(case.guessed for case in cases)
    # what nobody asked for is not taken over
    cases = people(*ROWS, case="scan")
    assert [case.patient for case in cases] == ["s1", "s2", "s3"]
    assert [case.subset for case in cases] == [None, None, None]


def test_the_scans_of_a_patient_stay_together_in_any_split(people):
    cases = people(*ROWS, case="scan", patient="who")
    for seed in range(8):
        split = split_cases(cases, Split(test=1, validation=0, seed=seed))
        assert split[0].subset == split[2].subset != split[1].subset
    folds = split_cases(cases, Split(test=0, leave_out="site"))
    assert [one.fold for one in folds] == [0, 1, 0]


@pytest.mark.parametrize(
    "called",
    [
        "raw/s{}_orig.nii.gz",
        "./raw/s{}_orig.nii.gz",
        "s{}_orig.nii.gz",
        "s{}_orig",
        "/elsewhere/CT/s{}_orig.nii.gz",
        "D:\\study\\s{}_orig.nii.gz",
    ],
)
def test_a_row_may_name_the_image(people, called):
    rows = ["scan,who", *(f"{called.format(k)},{who}" for k, who in ((1, "a"), (2, "b"), (3, "a")))]
    assert [case.patient for case in people(*rows, case="scan", patient="who")] == ["a", "b", "a"]


def test_several_rows_of_a_case_say_what_all_of_them_say(people, refused):
    rows = (*ROWS[:3], "s2,bert,TEST,C", *ROWS[3:])
    cases = people(*rows, case="scan", patient="who", subset="set")
    assert dict(cases[1].columns) == {"site": ""}
    rows = (*ROWS[:3], "s2,cem,test,B", *ROWS[3:])
    message = refused(people, *rows, case="scan", patient="who")
    assert "people.csv: rows 3 and 4, case s2: who is 'bert' and 'cem'; correct one" in message


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        (ROWS[:3], {}, "people.csv: it has no row of s3 (dataset.metadata)"),
        (("scan,who", *ROWS[1:]), {}, "people.csv: row 2 has 4 cells for 2 columns"),
        (ROWS, {"patient": "whom"}, "there is no column whom, which dataset.metadata.patient"),
        ((*ROWS[:3], "s3,,train,A"), {}, "row 4, case s3: the cell of who is empty; fill it in"),
        ((*ROWS[:3], "s3,Anna,train,A"), {}, "patients 'Anna' (case s3) and 'anna' (case s1)"),
        (
            (*ROWS[:3], "s3,anna,later,A"),
            {"subset": "set"},
            "row 4, case s3: set is 'later'; write train, validation or test",
        ),
    ],
)
def test_a_table_that_does_not_say_it_is_refused(people, refused, rows, keys, message):
    assert message in refused(people, *rows, **{"case": "scan", "patient": "who", **keys})


def test_a_case_that_is_left_out_needs_no_row(people):
    assert len(people(*ROWS[:3], exclude=["s3"], case="scan", patient="who")) == 2


def test_a_patient_of_both_sides_is_refused(people, refused):
    rows = (*ROWS[:3], "s3,anna,test,A")
    cases = people(*rows, case="scan", patient="who", subset="set")
    message = refused(split_cases, cases, Split())
    assert message.startswith("patients anna: in the training and in the test folder")


def test_files_and_table_may_not_contradict_each_other(data, refused):
    for folder in ("train", "test"):
        touch(data / "raw" / folder, *(f"{folder}_{kind}.nii.gz" for kind in ("orig", "liver")))
    (data / "people.csv").write_text("case,set\ntrain,test\ntest,test\n")
    metadata = {"table": f"{data.name}/people.csv", "subset": "set"}
    message = refused(find_cases, dataset("pairs", metadata=metadata), data.parent)
    assert "row 2, case train: set is 'test', and the files of the case are called train" in message


def test_a_table_that_is_not_there_is_named(data, refused):
    touch(data / "raw", "s1_orig.nii.gz", "s1_liver.nii.gz")
    settings = dataset("pairs", metadata={"table": "none.csv"}, **ONE_FOLDER)
    message = refused(find_cases, settings, data.parent)
    assert message.startswith(f"{data.parent / 'none.csv'}: there is no such table")


def test_a_row_of_a_patient_is_about_all_of_the_patients_cases(data):
    for name in ("anna/1", "anna/2", "bert/1"):
        touch(data / name, "ct.nii.gz", "liver.nii.gz")
    (data / "people.csv").write_text("subject\tset\nanna\ttrain\nbert\ttest\n")
    settings = dataset(
        "pairs",
        pairs={"image": "{patient}/{case}/ct.nii.gz", "mask": "{patient}/{case}/liver.nii.gz"},
        metadata={"table": f"{data.name}/people.csv", "case": "subject", "subset": "set"},
    )
    cases = find_cases(settings, data.parent)
    assert [(case.patient, case.subset) for case in cases] == [
        ("anna", "train"),
        ("anna", "train"),
        ("bert", "test"),
    ]


def test_names_that_several_images_share_tell_no_case(data):
    touch(data, *(f"{name}/{kind}.nii.gz" for name in "ab" for kind in ("ct", "liver")))
    pairs = {"image": "{case}/ct.nii.gz", "mask": "{case}/liver.nii.gz"}
    cases = find_cases(dataset("pairs", pairs=pairs), data.parent)
    assert rows_by_case(["ct.nii.gz", "ct"], cases, data) == {}
    assert rows_by_case(["b/ct.nii.gz", "x", "a/ct.nii.gz"], cases, data) == {"b": [0], "a": [2]}
    assert rows_by_case(["ct.nii.gz", ""], cases, Path("elsewhere")) == {}
