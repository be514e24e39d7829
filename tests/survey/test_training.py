"""The plan for what was seen."""

import yaml

from slicewise.dataset.case import Case
from slicewise.dataset.fingerprint import TrainingCase
from slicewise.survey.looking import Looker
from slicewise.survey.said import Said
from slicewise.survey.training import as_settings, planned, training_cases
from slicewise.survey.writing import written
from tests.imitated import pair

LABELS = [Said(("dataset", "labels", "organ"), 1, ""), Said(("dataset", "labels", "core"), 2, "")]


def test_cases_of_the_test_folder_say_nothing(tmp_path):
    cases = []
    for n in range(4):
        files = [tmp_path / f"i{n}.nii.gz", tmp_path / f"m{n}.nii.gz"]
        pair(*files, n)
        subset = "test" if n == 3 else "train"
        cases.append(Case(f"c{n}", f"c{n}", (files[0],), (files[1],), subset))
    looker = Looker(tmp_path)
    assert [case.ml for case in training_cases(cases, LABELS, looker)] == [{}] * 3
    looker.glance("m0.nii.gz")
    first, second, third = training_cases(cases, LABELS, looker)
    assert first.shape == (32, 28, 8)
    assert first.ml["organ"] > first.ml["core"] > 0
    assert (second.ml, third.ml) == ({}, {})
    assert not first.lost
    # where a label's value is that of voxels that nobody drew, the mask was drawn in part
    assert training_cases(cases, LABELS, looker, ignore=2)[0].ml == {}
    assert training_cases(cases, LABELS, looker, ignore=9)[0].ml == first.ml


def test_a_sample_stands_for_all_cases_and_the_effort_counts():
    known = [TrainingCase((256, 256, 40), (1, 1, 3), "RAS", {})] * 4
    few = planned(known, 6, "hu", "laptop", contiguous=True, labels=1)
    many = planned(known, 600, "hu", "laptop", contiguous=True, labels=1)
    quick = planned(known, 600, "hu", "quick", contiguous=True, labels=1)
    assert few.recipe == {"plane": "axial", "size": 256}
    # as large as there is time to look at often enough
    assert many.recipe == {"plane": "axial", "size": 192}
    assert many.experiment["training"]["batch"] > few.experiment["training"]["batch"]
    assert quick.recipe["size"] == 128
    assert planned([], 6, "hu", "laptop", contiguous=True, labels=1).recipe["plane"] == "axial"


def test_a_plan_is_written_as_it_is():
    known = [TrainingCase((256, 40, 256), (1, 3, 1), "RAS", {})]
    made = planned(known, 9, "arbitrary", "laptop", contiguous=True, labels=1)
    config = yaml.safe_load(written(as_settings(made)))
    assert config["slices"] == {"coronal256": made.recipe}
    assert config["experiments"]["baseline"] == {"slices": "coronal256", **made.experiment}
    assert config["experiments"]["tutorial"]["preset"] == "tutorial"
