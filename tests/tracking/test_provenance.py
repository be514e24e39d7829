"""The commit that is recorded is slicewise's own, wherever one stands and whatever surrounds it."""

import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from slicewise import sources
from slicewise.tracking import provenance
from slicewise.tracking.provenance import git_diff, git_state, place, project_state

PARTS = {
    "Snakefile": 'include: "rules/common.smk"\n',
    "rules/common.smk": "A = 1\n",
    "scripts/train.py": "B = 1\n",
    "src/slicewise/__init__.py": "",
    "docs/read.md": "text\n",
    ".gitignore": "results/\n",
}
UNKNOWN = {"git_commit": "unknown"}


def git(folder: Path, *arguments: str) -> str:
    me = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *me, *arguments],
        env={**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def committed(folder: Path) -> str:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "All")
    return git(folder, "rev-parse", "HEAD")


def written(folder: Path) -> Path:
    for name, text in PARTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def clone(tmp_path) -> Path:
    folder = written(tmp_path / "clone")
    committed(folder)
    return folder


@pytest.fixture
def project(tmp_path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "paper.tex").write_text("text\n")
    committed(folder)
    return folder


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")


def test_the_clone_counts_and_not_the_folder_one_stands_in(clone, project):
    assert git_state(clone) == {"git_commit": head(clone), "git_dirty": "false"}
    (project / "paper.tex").write_text("a secret of the project\n")
    assert project_state(project, clone) == {
        "project_commit": head(project),
        "project_dirty": "true",
    }
    assert git_state(clone)["git_dirty"] == "false"
    assert git_diff(clone) == ""
    (project / "study" / "deep").mkdir(parents=True)
    assert project_state(project / "study" / "deep", clone)["project_commit"] == head(project)


def test_in_the_clone_itself_there_is_no_project(clone, tmp_path):
    (clone / "results").mkdir()
    for folder in (clone, clone / "results", clone / "docs"):
        assert project_state(folder, clone) == {}
    assert project_state(tmp_path, clone) == {}, "nor where there is no repository"
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    assert project_state(tmp_path / "empty", clone) == {}, "nor one without a commit"


def test_a_clone_in_another_repository_is_itself(project):
    inner = written(project / "tools" / "slicewise")
    commit = committed(inner)
    assert git_state(inner)["git_commit"] == commit != head(project)
    assert project_state(inner, inner) == {}
    assert project_state(project, inner)["project_commit"] == head(project)


@pytest.mark.parametrize("tracked", [False, True])
def test_an_unpacked_archive_does_not_take_the_commit_around_it(project, tracked):
    inner = written(project / "slicewise-0.1.0")
    if tracked:
        git(project, "add", "--all")
        git(project, "commit", "--quiet", "-m", "Take it in")
    assert git_state(inner) == UNKNOWN
    assert git_diff(inner) == ""
    # where it does say what the code was, under its own name
    assert project_state(inner, inner)["project_commit"] == head(project)


def test_without_any_repository_it_is_unknown(tmp_path):
    assert git_state(written(tmp_path / "plain")) == UNKNOWN
    assert git_state(tmp_path / "missing") == UNKNOWN
    assert git_state(None) == UNKNOWN
    assert git_diff(None) == ""
    empty = written(tmp_path / "without a commit")
    git(empty, "init", "--quiet")
    assert git_state(empty) == UNKNOWN


def test_a_worktree_has_its_own_commit(clone, tmp_path):
    tree = tmp_path / "tree"
    git(clone, "worktree", "add", "--quiet", "-b", "idea", str(tree))
    (tree / "docs" / "read.md").write_text("an idea\n")
    git(tree, "commit", "--quiet", "--all", "-m", "An idea")
    assert git_state(tree)["git_commit"] == head(tree) != head(clone)
    link = tmp_path / "link"
    link.symlink_to(tree)
    assert git_state(link) == git_state(tree)


def test_what_was_not_committed_is_in_the_diff_new_files_too(clone):
    (clone / "docs" / "read.md").write_text("changed\n")
    (clone / "notes.txt").write_text("no code\n")
    assert git_state(clone)["git_dirty"] == "true"
    diff = git_diff(clone)
    assert "+changed" in diff and "no code" not in diff

    git(clone, "checkout", "--quiet", "docs")
    assert git_state(clone)["git_dirty"] == "false", "an untracked text is no code"
    fresh = "src/slicewise/a néw sampler.py"
    (clone / fresh).write_text("SEED = 3\n")
    assert git_state(clone)["git_dirty"] == "true"
    # with the diff, the commit becomes the code that ran
    diff = git_diff(clone)
    other = clone.parent / "other"
    git(clone.parent, "clone", "--quiet", str(clone), str(other))
    (clone.parent / "code.diff").write_text(diff)
    git(other, "apply", str(clone.parent / "code.diff"))
    assert (other / fresh).read_text() == "SEED = 3\n"


def test_a_git_hook_does_not_lead_astray(clone, project, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(project / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(project))
    assert git_state(clone)["git_commit"] == head(clone)


def test_without_git_it_is_unknown(clone, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_state(clone) == UNKNOWN
    assert project_state(clone, None) == {}
    assert git_diff(clone) == ""


def test_an_installed_copy_is_not_of_the_project_that_holds_the_environment(project, monkeypatch):
    installed = project / ".venv" / "lib" / "python3" / "site-packages" / "slicewise"
    shutil.copytree(sources.LIBRARY, installed)
    monkeypatch.setattr(sources, "LIBRARY", installed)
    monkeypatch.chdir(project)
    found = place()
    assert found["git_commit"] == "unknown"
    assert found["project_commit"] == head(project)
    assert "workflow_sha256" not in found


def test_a_place_says_which_code_ran(clone, project, monkeypatch):
    monkeypatch.setattr(provenance, "workflow_folder", lambda: clone)
    monkeypatch.chdir(project)
    found = place()
    assert found["git_commit"] == head(clone)
    assert found["project_commit"] == head(project)
    assert len(found["library_sha256"]) == len(found["workflow_sha256"]) == 64
    (clone / "rules" / "common.smk").write_text("A = 2\n")
    again = place()
    assert again["workflow_sha256"] != found["workflow_sha256"]
    assert again["library_sha256"] == found["library_sha256"]


def test_a_clone_of_another_user_has_a_commit_and_a_project_of_one_is_not_asked(
    clone, project, tmp_path, monkeypatch
):
    """As where a group shares a clone, or a container's root runs in it."""
    real = shutil.which("git")
    of_another = tmp_path / "bin" / "git"
    of_another.parent.mkdir()
    of_another.write_text(
        f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 GIT_CONFIG_GLOBAL=/dev/null {real} "$@"\n'
    )
    of_another.chmod(0o755)
    commit = head(clone)
    monkeypatch.setenv("PATH", f"{of_another.parent}{os.pathsep}{os.environ['PATH']}")
    assert git_state(clone) == {"git_commit": commit, "git_dirty": "false"}
    (clone / "scripts" / "train.py").write_text("B = 2\n")
    assert git_state(clone)["git_dirty"] == "true"
    assert "+B = 2" in git_diff(clone)
    # whose settings may run commands
    assert project_state(project, clone) == {}


def test_what_is_installed_is_read_though_an_installation_was_broken_off(tmp_path, monkeypatch):
    (tmp_path / "~umpy-1.0.dist-info").mkdir()
    broken = tmp_path / "headless-2.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\n\nVersion: 7\n")
    whole = tmp_path / "Some_Thing-3.0.dist-info"
    whole.mkdir()
    (whole / "METADATA").write_text("Name: Some_Thing\nVersion: 3.0\n\nVersion: 7 of the text\n")
    other = tmp_path / "nearer" / "numpy-0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Name: NumPy\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(other.parent)
    provenance._installed.cache_clear()
    try:
        found = provenance.environment()
    finally:
        provenance._installed.cache_clear()
    assert found["some_thing"] == "3.0"
    assert not found.keys() & {"headless", "~umpy", ""}
    # of two that are installed that which Python finds first
    assert found["numpy"] == version("numpy") == "0.1"
    assert len(found) > 50
