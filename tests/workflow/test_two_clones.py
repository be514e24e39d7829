"""With Snakefile, library and results in different places, records hold true."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import CONFIG, DATASET, Workflow, copied
from test_reproduce import differences, git

from slicewise.files import read_json

NAME = "plain"


def test_a_clone_with_the_library_of_another_is_refused(finished, tmp_path):
    """As soon as the two differ; until then, one environment does for both."""
    other = copied(finished.root, tmp_path / "other")
    shutil.rmtree(other.root / "results")
    first = str(finished.root / "src")
    assert "refuse" not in other.snakemake("--dry-run", PYTHONPATH=first)
    losses = other.root / "src" / "slicewise" / "training" / "losses.py"
    losses.write_text(f"{losses.read_text()}\n# an idea\n")
    for arguments in (["--dry-run"], ["results/tiny/plain/fold-0/model.keras"]):
        said = other.snakemake(*arguments, fails=True, PYTHONPATH=first)
        (error,) = [line for line in said.splitlines() if line.startswith("error: ")]
        assert f"error: {other.root}: its jobs would not run its own library but" in error
        assert first in error and "(training/losses.py)" in error
        assert "Traceback" not in said
    assert not (other.root / "results").exists()
    other.snakemake("--dry-run")  # with its own


def test_a_library_of_before_the_check_is_refused(finished, tmp_path):
    (tmp_path / "slicewise").mkdir()
    (tmp_path / "slicewise" / "__init__.py").touch()
    said = finished.snakemake("--dry-run", fails=True, PYTHONPATH=str(tmp_path))
    assert "error: No module named 'slicewise." in said and "Traceback" not in said
    assert f"pip install -e {finished.root}" in said


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Workflow:
    """A project with a repository of its own, in which the Snakefile of a clone is run."""
    folder = tmp_path_factory.mktemp("elsewhere") / "project"
    (folder / "study").mkdir(parents=True)
    shutil.copytree(finished.root / "data", folder / "data")
    settings = CONFIG | {"run": [NAME], "experiments": {NAME: CONFIG["experiments"][NAME]}}
    (folder / "study" / "liver.yaml").write_text(yaml.safe_dump(settings))
    (folder / ".gitignore").write_text("data/\nresults/\n.snakemake/\n")
    (folder / "paper.tex").write_text("text\n")
    workflow = Workflow(folder)
    git(workflow, "init", "--quiet")
    git(workflow, "add", ".")
    git(workflow, "commit", "--quiet", "-m", "A paper")
    (folder / "paper.tex").write_text("a secret of the project\n")
    snakefile = ["--snakefile", str(finished.root / "Snakefile")]
    environment = {"PYTHONPATH": str(finished.root / "src")}
    report = f"results/{DATASET}/{NAME}/report.html"
    workflow.snakemake(report, *snakefile, "--configfile", "study/liver.yaml", **environment)
    return workflow


@pytest.mark.slow
def test_the_commit_is_that_of_the_clone(finished, project):
    origin = project.used(NAME)["origin"]
    assert origin["git_commit"] == git(finished, "rev-parse", "HEAD")
    assert origin["project_commit"] == git(project, "rev-parse", "HEAD")
    assert origin["project_dirty"] == "true"
    run = read_json(project.results / NAME / "tracking" / "fold-0" / "001" / "run.json")
    tags = run["tags"]
    same = ("git_commit", "git_dirty", "project_commit", "library_sha256", "workflow_sha256")
    assert {key: tags[key] for key in same} == {key: origin[key] for key in same}
    assert tags["scored_by_library_sha256"] == origin["library_sha256"]
    page = (project.results / NAME / "report.html").read_text()
    for key in ("git_commit", "library_sha256", "project_commit"):
        assert origin[key] in page
    # what changed in the clone (its configuration), and not a word of the project
    diff = project.results / NAME / "tracking" / "fold-0" / "001" / "files" / "uncommitted.diff"
    assert "config/config.yaml" in diff.read_text()
    for path in (project.root / "results").rglob("*"):
        if path.is_file():
            assert b"a secret of the project" not in path.read_bytes(), path
    # as where it was run in its own folder
    assert finished.used(NAME)["origin"].keys() == origin.keys() - {
        "project_commit",
        "project_dirty",
    }


@pytest.mark.slow
def test_it_is_reproduced_from_the_projects_folder(finished, project):
    """By its folder and by its own id; the configuration is found where it lies."""
    run = read_json(project.results / NAME / "tracking" / "fold-0" / "001" / "run.json")
    sent = project.run_id(NAME)
    library = {"PYTHONPATH": str(finished.root / "src")}
    (project.root / "study" / "liver.yaml").write_text(
        (project.root / "study" / "liver.yaml").read_text().replace("epochs: 2", "epochs: 3")
    )
    expected = ["experiments.plain.training.epochs is 2 then, 3 in study/liver.yaml"]
    for name in (f"results/{DATASET}/{NAME}", run["id"], sent):
        said = project.slicewise("reproduce", name, "--check", "--cores", "2", **library)
        assert differences(said) == expected
        assert said.startswith(f"run {sent}: {NAME} of data set {DATASET}")
    said = project.slicewise(
        *("reproduce", f"results/{DATASET}/{NAME}", "--tolerance", "0", "--cores", "2"), **library
    )
    assert "weights: the same to the bit" in said
    (kept,) = (project.root / "results" / "reproduced").iterdir()
    assert kept.name == sent[:12]
    made = yaml.safe_load((kept / f"results/{DATASET}/{NAME}/fold-0/config.yaml").read_text())
    assert made["origin"]["git_commit"] == project.used(NAME)["origin"]["git_commit"]


def test_no_clone_is_no_traceback(tmp_path, finished):
    """A library by itself, as pip installs it."""
    installed = tmp_path / "site-packages"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(finished.root / "src" / "slicewise", installed / "slicewise", ignore=ignored)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        Workflow(tmp_path).slicewise("reproduce", "abc", PYTHONPATH=str(installed))
    assert caught.value.stderr.startswith("slicewise: Snakefile: slicewise's is neither here")
    assert isinstance(caught.value.stderr, str) and caught.value.stderr.count("\n") == 1
    assert not (Path(tmp_path) / "results").exists()
