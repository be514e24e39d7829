"""What the start of a run says of patients, once, through the real `snakemake`."""

import pytest

from tests.workflow.conftest import Workflow, copied

NAMES = [f"genius_{patient:02d}{scan:02d}" for patient in range(1, 7) for scan in range(4)]


@pytest.fixture
def workflow(clone, tmp_path) -> Workflow:
    made = copied(clone.root, tmp_path / "slicewise")
    folder = made.root / "data" / "set"
    folder.mkdir(parents=True)
    for name in NAMES:
        for kind in ("orig", "liver"):
            (folder / f"{name}_{kind}.nii.gz").touch()
    made.write_settings(
        {
            "dataset": {
                "name": "tiny",
                "layout": "pairs",
                "root": "set",
                "labels": {"liver": 1},
                "pairs": {"train": None, "test": None},
            },
            "slices": {"a": {"size": 48}},
            "experiments": {"e": {"slices": "a"}},
        }
    )
    return made


def test_likely_scans_of_one_patient_are_said_once_a_run(workflow):
    # the job that is run reads the rules again
    said = workflow.snakemake("results/tiny/split.tsv")
    assert said.count("warning: genius_0") == 1
    assert "set dataset.patient_pattern (such as '^(?P<patient>genius_[0-9]{2})'), or null" in said
    for answer in (None, "^(?P<patient>genius_[0-9]{2})"):
        workflow.change("dataset.patient_pattern", answer)
        assert "warning:" not in workflow.snakemake("-n")
