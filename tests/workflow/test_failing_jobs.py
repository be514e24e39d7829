"""A stage that fails after the scoring hides no number, and none of another training is shown."""

import re
import shutil
import subprocess

import pytest
from conftest import Workflow

from slicewise.retries import AGAIN

NUMBER = "Mean Dice per patient in 3-D, tiny:"


def numbers(said: str) -> set[str]:
    """The experiments of which a Dice was printed."""
    return set(re.findall(r"^  (\w+) +0\.\d+", said.split(NUMBER)[-1], re.M))


def broken(workflow: Workflow, module: str, line: str) -> None:
    """Let a function of the library raise an exception that nobody foresaw."""
    path = workflow.root / "src" / "slicewise" / module
    text = path.read_text()
    assert text.count(line) == 1
    path.write_text(text.replace(line, f"    raise ZeroDivisionError('a fault of ours')\n{line}"))


@pytest.mark.slow
def test_a_report_that_fails_hides_no_number(workflow):
    broken(
        workflow,
        "report/experiment.py",
        "    return render(\n",
    )
    for _ in range(2):  # also when nothing but the report is left to do
        said = workflow.snakemake(fails=True)
        assert "a fault of ours" in said
        assert NUMBER in said
        assert numbers(said) == {"plain", "rich"}
        assert "no report, but results/tiny/plain/metrics.tsv" in said
    for name in ("plain", "rich"):
        assert (workflow.results / name / "metrics.tsv").is_file()
        assert (workflow.results / name / "summary.json").is_file()
        assert not (workflow.results / name / "report.html").exists()


@pytest.mark.slow
def test_pictures_and_pages_that_fail_end_no_run(workflow):
    broken(workflow, "report/formats.py", "    stream = io.StringIO()\n")
    broken(workflow, "report/comparison.py", "    means = _means_shown(shown, entries)\n")
    said = workflow.snakemake()
    assert "could not be drawn (ZeroDivisionError: a fault of ours)" in said
    assert NUMBER in said
    assert "a fault of ours" in (workflow.results / "plain" / "report.html").read_text()
    assert "a fault of ours" in (workflow.results / "comparison.html").read_text()
    assert (workflow.results / "comparison.tsv").stat().st_size > 100


@pytest.mark.slow
def test_after_a_training_that_failed_the_old_number_is_not_shown_as_its_own(workflow):
    settings = workflow.settings()
    settings["experiments"]["plain"]["optimizer"] = {"learning_rate": 1e38}  # no number, at once
    workflow.write_settings(settings)
    said = workflow.snakemake(fails=True)
    assert "error: " in said
    assert numbers(said) == {"rich"}


@pytest.mark.slow
def test_a_training_that_was_not_scored_yet_has_no_number(workflow):
    workflow.change("experiments.plain.training.epochs", 3)
    assert numbers(workflow.snakemake("trained")) == {"rich"}
    plain, rich = "results/tiny/plain", "results/tiny/rich"
    assert "not scored yet (the scores" in workflow.slicewise("inspect", plain)
    with pytest.raises(subprocess.CalledProcessError) as stop:
        workflow.slicewise("compare", plain, rich)
    assert f"{plain}: its scores are of another training than its models" in stop.value.stderr
    # the other was not trained again
    assert "over 2 test patients" in workflow.slicewise("inspect", rich)
    assert numbers(workflow.snakemake()) == {"plain", "rich"}
    assert "over 2 test patients" in workflow.slicewise("inspect", plain)


@pytest.mark.slow
def test_a_mask_that_does_not_fit_is_tried_again_by_people_alone(workflow):
    """Where a profile sends jobs again, as for a cluster."""
    mask, another = (
        workflow.image(name).with_name(f"{name}_liver.nii.gz") for name in ("p01", "p02")
    )
    kept = workflow.root / "kept.nii.gz"
    shutil.copy2(mask, kept)
    shutil.copy(another, mask)
    retried = ("--retries", "2", "results/tiny/cases.tsv")
    for _ in range(2):  # by hand, it is read anew
        said = workflow.snakemake(*retried, fails=True)
        assert said.count("p01_liver.nii.gz: it is not on the grid of its image") == 4
        assert said.count(AGAIN) == 2
        assert said.index("error: ") < said.index(AGAIN)
        # and asks for no more memory each time
        memory = re.findall(
            r"^(?:local)?rule ingest:\n(?: .*\n)*? +resources: .*mem_mb=(\d+)", said, re.M
        )
        assert len(memory) >= 3 and len(set(memory)) == 1
    shutil.copy2(kept, mask)
    said = workflow.snakemake(*retried)
    assert AGAIN not in said
    assert not list(workflow.results.rglob("*.fault"))
