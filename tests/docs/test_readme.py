"""Every command in README.md and docs/run.md, tried: one that is in no table here fails."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from slicewise.config import load_settings
from tests import forked

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN = (ROOT / "docs" / "run.md").read_text(encoding="utf-8")
GPU = "python -m pip install --editable '.[gpu]'"
BIN = Path(sys.executable).parent

# How each command is tried.
ANYWHERE = "make -n"
DRY = "dry run, on made-up files of the right names"
REAL = "run"
ELSEWHERE = "a test of its own"

COMMANDS = {
    "make demo": ANYWHERE,
    "make test": ANYWHERE,
    "source .venv/bin/activate": ANYWHERE,
    "snakemake -n --configfile config/mydata.yaml": REAL,
    "snakemake --cores all --configfile config/mydata.yaml": DRY,
    "SLICEWISE_DATA=/path/to/data snakemake --cores all --configfile config/ircad.yaml": DRY,
    "SLICEWISE_DATA=/path/to/data snakemake --cores all --configfile config/ircad.yaml "
    "config/quick.yaml": DRY,
    "snakemake --cores all results/mydata/baseline/report.html "
    "--configfile config/mydata.yaml": DRY,
    "slicewise init data/mydata": ELSEWHERE,
    "slicewise look config/mydata.yaml": ELSEWHERE,
    "slicewise ui": ELSEWHERE,
    "slicewise sync": ELSEWHERE,
    "slicewise reproduce RUN_ID": ELSEWHERE,
    "snakemake --report report.zip": REAL,
    "snakemake -n": REAL,
    "snakemake --unlock": REAL,
    "snakemake --cores all": DRY,
}


def blocks(text: str, *languages: str) -> list[str]:
    """Return the fenced blocks in some language, without their indentation."""
    found = re.findall(r"^( *)```(\w+)\n(.*?)^ *```", text, re.M | re.S)
    return [
        "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))
        for indent, language, text in found
        if language in languages
    ]


def commands() -> list[str]:
    text = "".join(blocks(f"{README}\n{RUN}", "console", "sh", "bash", "shell")).replace(
        "\\\n", " "
    )
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def tried(how: str) -> list[str]:
    return [command for command, kind in COMMANDS.items() if kind == how]


@pytest.fixture(scope="module")
def workflow(tmp_path_factory) -> Path:
    """A copy of the workflow beside made-up data, whose names are all that a dry run reads."""
    folder = tmp_path_factory.mktemp("readme") / "workflow"
    folder.mkdir()
    for name in ("Snakefile", "Makefile", "pyproject.toml", "requirements.txt", "environment.yml"):
        shutil.copy2(ROOT / name, folder)
    shutil.copy2(ROOT / "README.md", folder)
    for name in ("rules", "scripts", "config", "profiles", "src"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    (folder / "config" / "mydata.yaml").write_text(blocks(README, "yaml")[0], encoding="utf-8")
    for subset, names in {"train": "abcdef", "test": "gh"}.items():
        place = folder / "data" / "mydata" / "raw" / subset
        place.mkdir(parents=True)
        for name in names:
            for kind in ("orig", "liver"):
                (place / f"{name}_{kind}.nii.gz").touch()
    for number in range(1, 7):
        place = folder.parent / "data" / "ircad" / f"3Dircadb1.{number}"
        place.mkdir(parents=True)
        for kind in ("PATIENT", "MASKS"):
            (place / f"{kind}_DICOM.zip").touch()
    return folder


def run(workflow: Path, command: str, *more: str) -> str:
    """Run a command of the README as it stands, but for the path of the data."""
    command = command.replace("/path/to/data", str(workflow.parent / "data"))
    words, variables = shlex.split(command), {}
    while "=" in words[0]:
        key, value = words.pop(0).split("=", 1)
        variables[key] = value
    kept = {k: v for k, v in os.environ.items() if k not in ("SLICEWISE_DATA", "PYTHONPATH")}
    # as after `source .venv/bin/activate`
    forks = [str(Path(forked.python()).parent)] if words[0] == "snakemake" else []
    path = os.pathsep.join([*forks, str(BIN), os.environ["PATH"]])
    done = subprocess.run(
        [*words, *more],
        cwd=workflow,
        env={**kept, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def test_each_command_is_in_the_table_and_each_of_the_table_is_there():
    assert set(commands()) == set(COMMANDS)


@pytest.mark.parametrize("command", [c for c in tried(ANYWHERE) if c.startswith("make")])
def test_make_knows_the_target(workflow, command):
    said = run(workflow, command, "-n")
    assert ".venv/bin/" in said
    assert "--require-hashes" in said  # the environment comes first


def test_the_environment_to_activate_is_the_one_that_make_makes(workflow):
    assert "source .venv/bin/activate" in README
    assert re.search(r"-m venv \.venv\n", run(workflow, "make demo", "-n"))
    # before anything that needs it
    first = README.index("source .venv/bin/activate")
    assert not re.search(r"^ *(?:snakemake|slicewise|python) ", README[:first], re.M)


@pytest.mark.slow
@pytest.mark.parametrize("command", tried(DRY))
def test_a_run_is_planned_to_its_end(workflow, command):
    # before the target, because --configfile swallows what follows it
    said = run(workflow, command.replace("snakemake ", "snakemake -n ", 1))
    for rule in ("train", "evaluate", "report"):
        assert re.search(rf"^{rule} +\d+ ", said, re.M), said
    # eight NIfTI cases in five batches; a case that is converted has a job of its own
    jobs = {"mydata": 5, "ircad": 6}
    for name, number in jobs.items():
        if name in command:
            assert re.search(rf"^ingest +{number} ", said, re.M), said


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in tried(REAL) if "-n" in c.split()])
def test_a_dry_run_says_what_and_why(workflow, command):
    said = run(workflow, command)
    assert re.search(r"^together \d+ jobs", said, re.M)
    assert re.search(r"^train +\d+ .*not made yet$", said, re.M)
    assert not (workflow / "results").exists()


@pytest.mark.slow
def test_a_killed_run_is_unlocked(workflow):
    locks = workflow / ".snakemake" / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "0.output.lock").write_text("results/phantom/cases.tsv\n", encoding="utf-8")
    assert "Unlocked" in run(workflow, "snakemake --unlock")
    assert not locks.exists() or not list(locks.iterdir())


@pytest.mark.slow
def test_the_archive_holds_the_reports(workflow):
    # stand-ins for what a finished demo leaves
    results = workflow / "results" / "phantom"
    experiments = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["experiments"]
    pages = [f"{name}/report.html" for name in experiments] + [
        "comparison.html",
        "data.html",
        "index.html",
    ]
    others = [f"{name}/figures/curves.png" for name in experiments]
    others += ["comparison.tsv", "comparison_cases.tsv"]
    for name in [*pages, *others]:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(f"<p>the page {name}</p>", encoding="utf-8")
    try:
        run(workflow, "snakemake --report report.zip")
        with zipfile.ZipFile(workflow / "report.zip") as archive:
            held = [archive.read(name) for name in archive.namelist() if name.endswith(".html")]
        for page in pages:
            assert any(f"the page {page}".encode() in text for text in held), page
    finally:
        shutil.rmtree(workflow / "results")


@pytest.mark.slow
def test_the_extra_for_gpus_can_be_installed(workflow):
    assert f"\n{GPU}\n" in (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    said = run(
        workflow,
        GPU,
        *("--dry-run", "--no-deps", "--no-index", "--no-build-isolation"),
        "--disable-pip-version-check",
    )
    assert "Would install slicewise" in said
    assert "does not provide the extra" not in said


def test_the_user_interface_is_tried_elsewhere():
    own = {
        "slicewise init data/mydata": ("survey/test_init.py", "test_public_data_sets_are_found"),
        "slicewise look config/mydata.yaml": ("test_look.py", "test_the_workflow_makes_the_page"),
        "slicewise ui": ("commands/test_results.py", "test_ui_serves_the_runs_on_localhost"),
        "slicewise sync": ("commands/test_results.py", "test_sync_sends_the_runs"),
        "slicewise reproduce RUN_ID": ("workflow/test_reproduce.py", "reproduce"),
    }
    assert tried(ELSEWHERE) == list(own)
    for file, name in own.values():
        assert name in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_the_configuration_is_complete():
    (text,) = blocks(README, "yaml")
    settings = load_settings(yaml.safe_load(text))
    assert settings.dataset.name == "mydata"
    assert settings.wanted == ["baseline"]


def test_the_picture_is_small():
    assert (ROOT / "docs" / "overlay.jpg").stat().st_size < 100_000


def test_pictures_of_the_readme_are_there_and_small():
    shown = re.findall(r"!\[([^\]]+)\]\((docs/\w+\.webp)\)", README)
    assert {name for _, name in shown} == {
        f"docs/{name}.webp" for name in ("report", "gallery", "terminal")
    }
    sizes = [(ROOT / name).stat().st_size for _, name in shown]
    assert max(sizes) < 60_000
    assert sum(sizes) < 120_000
