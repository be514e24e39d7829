"""One list of dependencies, one lock, and nothing in the repository that does not belong there."""

import hashlib
import os
import re
import subprocess
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from slicewise import errors

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
LARGEST = 300_000
WORKFLOW = Requirement("slicewise[workflow]")

# in pieces, so that this file does not hold what it forbids
REGISTRIES = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "anaconda" + ".org",
    "conda." + "anaconda",
    "registry.np" + "mjs.org",
    "ghcr" + ".io",
    "docker" + ".io",
    "quay" + ".io",
    "huggingface" + ".co",
    "proxy.golang" + ".org",
    "crates" + ".io",
    "--index" + "-url",
    "--extra-index" + "-url",
    "--find" + "-links",
    "extra-index" + "-url =",
]
HARMLESS = {"Makefile": {"--no-emit-index-url", "--no-emit-find-links"}}


def tracked() -> list[Path]:
    """Return what git tracks, or skip where there is no git."""
    try:
        done = subprocess.run(
            ["git", "ls-files", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    files = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return [path for path in files if path.is_file()]


def locked(lock: str = LOCK) -> dict[str, tuple[str, list[str]]]:
    """Return version and hashes of each package of the lock."""
    found = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", block)
        if match:
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", block)
            found[canonicalize_name(match[1])] = (match[2], hashes)
    return found


def direct() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    named = [name for name in extras if not name.startswith("gpu")]
    used = [text for extra in named for text in extras[extra]]
    listed = [*PROJECT["dependencies"], *used]
    # dev names other extras as extras of the project itself
    return [Requirement(text) for text in listed if not text.startswith(PROJECT["name"])]


@pytest.mark.parametrize("requirement", direct(), ids=lambda r: r.name)
def test_each_dependency_is_locked_in_its_range(requirement):
    version, _ = locked()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version, prereleases=True)


def test_each_locked_package_has_hashes():
    packages = locked()
    assert len(packages) > 50
    assert LOCK.count("==") >= len(packages)
    assert [name for name, (_, hashes) in packages.items() if not hashes] == []


def test_what_the_library_imports_is_declared():
    import ast
    import itertools
    import sys

    names = {
        "yaml": "pyyaml",
        "skimage": "scikit-image",
        "PIL": "pillow",
        "SimpleITK": "simpleitk",
        "jinja2": "jinja2",
    }
    extras = PROJECT["optional-dependencies"]
    used = (extras[name] for name in ("light", "workflow", "tensorflow", "onnx", "services"))
    listed = [*PROJECT["dependencies"], *itertools.chain.from_iterable(used)]
    declared = {canonicalize_name(Requirement(text).name) for text in listed}
    missing = set()
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            for module in modules:
                top = module.split(".")[0]
                if top in sys.stdlib_module_names or top in ("slicewise", "jax", "torch"):
                    continue
                if canonicalize_name(names.get(top, top)) not in declared:
                    missing.add(names.get(top, top))
    assert missing == set()


def test_the_gpu_extra_is_the_same_tensorflow():
    workflow, gpu = (Requirement(text) for text in PROJECT["optional-dependencies"]["gpu"])
    same, plain = (Requirement(text) for text in PROJECT["optional-dependencies"]["tensorflow"])
    assert (gpu.name, gpu.specifier) == ("tensorflow", plain.specifier)
    assert gpu.extras == {"and-cuda"}
    assert workflow == same == WORKFLOW


def test_jax_with_cuda_comes_without_tensorflow_and_in_the_range_that_is_tested():
    workflow, jax = (Requirement(text) for text in PROJECT["optional-dependencies"]["gpu-jax"])
    assert workflow == WORKFLOW
    assert (jax.name, jax.extras) == ("jax", {"cuda12"})
    assert jax.specifier.contains(locked()["jax"][0])
    named = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert not {"tensorflow", "jax"} & named, "a backend that everybody would get"


def test_what_is_lacking_without_the_workflow_is_known():
    listed = PROJECT["optional-dependencies"]["workflow"]
    assert {Requirement(text).name for text in listed} == set(errors.WORKFLOW)


def test_conda_installs_python_and_pip_alone():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    listed = environment["dependencies"]
    assert {item.split()[0] for item in listed} == {"python", "pip"}, "a second list"
    python = next(item for item in listed if item.startswith("python"))
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])


def test_what_conda_runs_afterwards_is_the_lock():
    spec = spec_from_file_location("make_environment", ROOT / "docs" / "make_environment.py")
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    lock = (ROOT / "requirements.txt").read_bytes()
    text = made.TARGET.read_text(encoding="utf-8")
    assert text == made.script(lock), "run make lock"
    assert hashlib.sha256(lock).hexdigest() in text
    assert text != made.script(lock + b"#"), "another lock is another environment"


def test_versions_agree():
    import slicewise

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert PROJECT["version"] == slicewise.__version__ == str(citation["version"])
    assert PROJECT["license"] == citation["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_citation_is_complete():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    kinds = {"article", "conference-paper", "software"}
    for work in [citation, *citation["references"]]:
        assert work["title"]
        assert work["authors"]
        assert work["type"] in kinds
        for author in work["authors"]:
            # a person or an entity, never both
            assert set(author) in ({"name"}, {"family-names", "given-names"})
        if "doi" in work:
            assert re.fullmatch(r"10\.\d{4,}/\S+", work["doi"])


def test_no_file_names_a_package_registry():
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        for harmless in HARMLESS.get(path.name, ()):
            text = text.replace(harmless, "")
        found += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRIES if host in text]
    assert found == []


def test_no_file_names_this_machine():
    places = {str(ROOT), str(ROOT.parent), str(Path.home())} - {"/", "/root", "/home"}
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [
            f"{path.relative_to(ROOT)}: {place}"
            for place in places
            if re.search(rf"{re.escape(place)}(?![\w-])", text)
        ]
        found += [
            f"{path.relative_to(ROOT)}: {m}" for m in re.findall(r"/(?:home|Users)/\w+", text)
        ]
    assert found == []


def test_nothing_large_is_tracked_but_the_lock():
    large = [p.name for p in tracked() if p.stat().st_size > LARGEST]
    assert set(large) <= {"requirements.txt"}


def test_no_data_is_tracked():
    suffixes = (".nii", ".nii.gz", ".dcm", ".nrrd", ".mha", ".npy", ".keras", ".zip", ".db", ".h5")
    assert [p.name for p in tracked() if p.name.endswith(suffixes)] == []
    results = [str(p.relative_to(ROOT)) for p in tracked() if p.parts[len(ROOT.parts)] == "results"]
    assert set(results) <= {"results/README.md"}


def test_templates_are_installed_with_the_library():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = told["package-data"]["slicewise"]
    for path in (ROOT / "src" / "slicewise").rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            assert any(path.match(p.removeprefix("**/")) for p in patterns), path.name


def test_pre_commit_needs_no_network():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]
    assert {hook["language"] for repo in hooks["repos"] for hook in repo["hooks"]} == {"system"}


def test_the_catalog_of_workflows_finds_what_it_looks_for():
    told = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))
    deployed = told["usage"]["software-stack-deployment"]
    assert set(deployed) <= {"conda", "apptainer", "apptainer+conda"}
    assert (ROOT / "workflow" / "Snakefile").is_file()
    assert (ROOT / "config" / "README.md").is_file()
    # snakedeploy's Snakefile names it
    assert (ROOT / "config" / "config.yaml").is_file()
