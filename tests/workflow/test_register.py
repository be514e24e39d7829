"""`tracking.register`: what the workflow's own runs make of the registry, and what `sync` does."""

import subprocess

import pytest
from conftest import DATASET, TEST, copied, started

from slicewise.volumes.nifti import read_nifti
from tests import forked

pytestmark = pytest.mark.slow

NAME = f"slicewise-{DATASET}"
ALIASES = ("champion", "challenger")
# as docs/models.md has it, in an interpreter of its own
LOADED = """
import sys
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
print(model.predict([{"image": sys.argv[2], "mask": sys.argv[3]}])["liver_ml"][0])
"""


@pytest.fixture(scope="module")
def registered(finished, tmp_path_factory):
    """A copy of the finished run, after `register` was turned on; and what that said."""
    workflow = copied(finished.root, tmp_path_factory.mktemp("registered") / "slicewise")
    workflow.change("tracking.register", True)
    # one after the other, so that it is known who was first
    return workflow, workflow.snakemake("--cores", "1")


def versions(workflow):
    found = workflow.client().search_model_versions(f"name = '{NAME}'")
    return {version.tags["experiment"]: version for version in found}


def aliases(workflow):
    client = workflow.client()
    return {name: client.get_model_version_by_alias(NAME, name).version for name in ALIASES}


def slicewise(workflow, *arguments):
    done = subprocess.run(
        [forked.python(), "-m", "slicewise.cli", *arguments],
        cwd=workflow.root,
        env=workflow.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_turned_on_it_registers_what_is_finished(registered):
    workflow, said = registered
    assert set(started(said)) == {"evaluate", "report", "compare", "index", "all"}, "no training"
    assert "nothing" in workflow.snakemake("--dry-run").lower()
    found = versions(workflow)
    assert found.keys() == {"rich", "plain"}
    client = workflow.client()
    for name, version in found.items():
        run = client.get_run(version.run_id)
        assert (run.info.run_id, run.info.status) == (workflow.run_id(name), "FINISHED")
        assert version.tags["test_dice_mean"] == f"{run.data.metrics['test/dice_mean']:.4f}"
        assert f"{NAME} version {version.version}: {version.description}" in said
        assert run.data.tags["registered"].endswith(version.description)
    # whichever was evaluated first, one validation patient is too few to prefer the other
    first, second = sorted(found.values(), key=lambda version: int(version.version))
    assert aliases(workflow) == {"champion": first.version, "challenger": second.version}
    assert first.description == "promoted, the data set had no champion"
    assert second.description == (
        f"not promoted, against version 1 ({first.tags['experiment']}): only 1 validation "
        "patients, 6 are needed to compare by"
    )


def test_the_champion_gives_what_the_workflow_gives(registered, tmp_path):
    workflow, _ = registered
    (name,) = (n for n, v in versions(workflow).items() if v.version == 1)
    mask = tmp_path / "mask.nii.gz"
    done = subprocess.run(
        [
            *(forked.python(), "-c", LOADED, f"models:/{NAME}@champion"),
            *(str(workflow.image(TEST[0])), str(mask)),
        ],
        cwd=workflow.root,
        env=workflow.environment(MLFLOW_TRACKING_URI="sqlite:///results/mlflow.db"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made, expected = (
        read_nifti(path)[0]
        for path in (mask, workflow.results / name / "predictions" / f"{TEST[0]}.nii.gz")
    )
    assert (made.array == expected.array).all()
    assert float(done.stdout) == pytest.approx((expected.array > 0).sum() * expected.voxel_ml)


def test_a_lost_store_gets_the_same_champion(registered, tmp_path):
    workflow = copied(registered[0].root, tmp_path / "slicewise")
    before = {name: version.version for name, version in versions(workflow).items()}
    (workflow.root / "results" / "mlflow.db").unlink()
    said = slicewise(workflow, "sync")
    assert "promoted, the data set had no champion" in said
    assert {name: version.version for name, version in versions(workflow).items()} == before
    assert aliases(workflow) == {"champion": 1, "challenger": 2}
    assert "registered" not in slicewise(workflow, "sync")
    assert len(versions(workflow)) == 2
