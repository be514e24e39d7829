"""Which slicewise this is."""

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slicewise import __version__, version
from tests.tracking.test_provenance import committed, git

ROOT = Path(__file__).parents[1]


@pytest.fixture
def small(tmp_path):
    """A package that is built as slicewise is, in a clone of its own."""
    package = tmp_path / "small"
    (package / "src" / "slicewise").mkdir(parents=True)
    (package / "src" / "slicewise" / "__init__.py").write_text("")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (package / name).write_text((ROOT / name).read_text())
    (package / ".gitignore").write_text("build/\n*.egg-info/\n")
    return package


def wheel_of(package, target):
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(target)]
    command = [sys.executable, "-m", "pip", "wheel", str(package), *options]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return wheel


def test_a_wheel_knows_its_commit(small, tmp_path, monkeypatch):
    commit = committed(small)
    wheel = wheel_of(small, tmp_path / "wheels")
    written = f"{__version__}+g{git(small, 'rev-parse', '--short', 'HEAD')}"
    assert wheel.name.startswith(f"slicewise-{written}-") and written.split("+g")[1] in commit
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    (found,) = importlib.metadata.distributions(name="slicewise", path=[str(installed)])
    monkeypatch.setattr(version, "distribution", lambda name: found)
    monkeypatch.setattr(version, "workflow_folder", lambda: None)
    monkeypatch.setattr(version, "LIBRARY", installed / "slicewise")
    assert version.full_version() == written
    # another one than what runs
    monkeypatch.setattr(version, "LIBRARY", tmp_path / "slicewise")
    assert version.full_version() == __version__


def test_a_wheel_from_no_clone_has_the_version_alone(small, tmp_path):
    assert wheel_of(small, tmp_path).name.startswith(f"slicewise-{__version__}-")


@pytest.mark.parametrize(("edited", "end"), [("false", ""), ("true", ".dirty")])
def test_a_clone_is_asked_for_its_commit(edited, end, monkeypatch):
    state = {"git_commit": "1a2b3c4" + 33 * "d", "git_dirty": edited}
    monkeypatch.setattr(version, "git_state", lambda folder: state)
    assert version.full_version() == f"{__version__}+g1a2b3c4{end}"
