"""Which experiment segments new scans, and where their masks lie."""

from slicewise.config import load_settings
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.study import Study
from tests.study.studies import NOWHERE, config

SCANS = [f"s{number}" for number in range(5)]


def study_with_scans(*, in_bucket: bool = False, **keys) -> Study:
    loaded = load_settings(config(**keys))
    cases = find_cases(loaded.dataset, NOWHERE)
    split = split_cases(cases, loaded.split, NOWHERE)
    return Study(loaded, cases, split, scans=SCANS, in_bucket=in_bucket)


def test_the_first_wanted_experiment_segments_unless_another_one_is_named():
    assert study_with_scans().segmented.experiment == "one"
    named = study_with_scans(segment={"scans": "new", "experiment": "two"})
    assert named.segmented.experiment == "two"
    assert named.segmented.records()[0].startswith("results/ct/segmented/two/_shards/")


def test_each_scan_is_of_one_job():
    study = study_with_scans()
    shared = study.segmented.shards
    assert max(len(scans) for scans in shared.values()) == 2
    assert sorted(scan for scans in shared.values() for scan in scans) == SCANS
    assert len(study_with_scans(in_bucket=True).segmented.shards) == len(SCANS)


def test_masks_bear_the_names_of_scans():
    masks = study_with_scans().segmented.masks_of("one", SCANS[:2])
    assert masks == [f"results/ct/segmented/one/masks/{scan}.nii.gz" for scan in SCANS[:2]]
