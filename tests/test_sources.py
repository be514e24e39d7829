"""What a script depends on, by its imports."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slicewise import sources
from slicewise.errors import SlicewiseError
from slicewise.sources import (
    LIBRARY,
    NO_RESULT,
    code_digest,
    imports_of,
    library_digests,
    refuse_other_library,
    sources_digest,
    sources_of,
)
from tests import forked

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").glob("*.py"))
IMPORTS = re.compile(r"^from slicewise[.\w]* import (?:\([^)]*\)|[^\n(]+)$", re.M)
LATER = {"masks": "from slicewise.network import model"}
"""What a script imports only once it knows that a model is one of Keras."""
LOADED = """
import sys
for name, module in sys.modules.items():
    if name.split(".")[0] == "slicewise":
        print(module.__file__)
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_depends_on_what_its_imports_load(script):
    imports = [*IMPORTS.findall(script.read_text()), LATER.get(script.stem, "")]
    code = "\n".join(imports) + LOADED
    # of which slicewise is not yet imported
    command = [forked.python(), "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {Path(line) for line in done.stdout.splitlines()}
    expected = {p for p in loaded if p.relative_to(LIBRARY).parts[0] not in NO_RESULT}
    counted = set(sources_of(script))
    assert counted <= expected
    # what makes no result loads these: types of parameters, and names of metrics
    missing = {path.relative_to(LIBRARY).as_posix() for path in expected - counted}
    rooms = {"dataset/__init__.py", "metrics/__init__.py"}
    assert missing <= {*rooms, "dataset/assignment.py", "metrics/table.py"}


@pytest.fixture
def library(tmp_path):
    """A library of two packages in which imports go round in a circle."""
    root = tmp_path / "slicewise"
    for name, text in {
        "__init__.py": "",
        "files.py": "from slicewise.a import one\n",
        "a/__init__.py": "",
        "a/one.py": "from slicewise.files import x\nfrom slicewise.b.two import (\n  y,\n)\n",
        "a/.one.py.swp": "an editor's",
        "a/other.py": "",
        "b/__init__.py": "",
        "b/two.py": "from slicewise.a.one import x\nfrom slicewise.b import three as number\n",
        "b/three.py": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "script.py").write_text("from slicewise.a import one\nfrom pathlib import Path\n")
    return root


def names(found, library):
    return [str(path.relative_to(library)) for path in found]


def test_what_is_imported_in_turn_counts_too(library):
    found = names(sources_of(library.parent / "script.py", library), library)
    assert found == ["a/__init__.py", "a/one.py", "b/__init__.py", "b/three.py", "b/two.py"]


def test_of_some_packages_only_what_is_named_outside_of_them(library):
    found = names(sources_of(library.parent / "script.py", library, ["b"]), library)
    assert found == ["a/__init__.py", "a/one.py", "b/__init__.py", "b/two.py"]


def test_what_is_left_out_counts_neither_nor_what_it_imports(library):
    script = library.parent / "script.py"
    left = names(sources_of(script, library, without=["b/two"]), library)
    assert left == ["a/__init__.py", "a/one.py", "b/__init__.py"]
    left = names(sources_of(script, library, without=["b"]), library)
    assert left == ["a/__init__.py", "a/one.py"]


FIRST = '''"""Says what it is for."""

import os

SIZE = 3
"""The size in mm."""


def half(size: int = SIZE) -> float:
    """Return half of it."""
    return {**os.environ, "half": size / 2}["half"]
'''


@pytest.mark.parametrize(
    ("old", "new", "the_same"),
    [
        ("Says what it is for", "Says something else", True),
        ("The size in mm.", "The size in millimetres.", True),
        ("Return half of it.", "Return\n    ------\n    half of it.", True),
        ('"""Return half of it."""', "# none", True),
        ("SIZE = 3", "SIZE = 3  # voxels", True),
        ("size / 2", "(\n        size\n        / 2\n    )", True),
        ("SIZE = 3", "SIZE = 4", False),
        ("SIZE = 3", "SIZE = 3.0", False),
        ("SIZE = 3", "SIZE = '3'", False),
        ("size / 2", "size * 2", False),
        ('**os.environ, "half": size / 2', '"half": size / 2, **os.environ', False),
        ("import os", "from os import environ", False),
        ("size: int = SIZE", "size: int = 3", False),
        ("-> float", "-> int", False),
        ("    return", "    assert size\n    return", False),
    ],
)
def test_a_digest_of_code_is_of_what_it_does(tmp_path, old, new, the_same):
    path = tmp_path / "module.py"
    path.write_text(FIRST)
    first = code_digest(path)
    assert old in FIRST
    path.write_text(FIRST.replace(old, new))
    assert (code_digest(path) == first) == the_same


def test_a_digest_of_a_template_is_of_its_bytes(tmp_path):
    path = tmp_path / "page.css"
    path.write_text("p {color: red}")
    first = code_digest(path)
    path.write_text("p {color: red} /* why */")
    assert code_digest(path) != first


def test_code_that_python_cannot_read_is_named(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def half(:\n")
    with pytest.raises(SlicewiseError, match=r"module\.py: not valid Python \(.*line 1.*\); mend"):
        code_digest(path)
    path.write_text("from .other import one\n")
    with pytest.raises(SlicewiseError, match="line 1 is a relative import"):
        imports_of(path)


def test_imports_are_named_in_full(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("import os.path as p\n\ndef f():\n    from a.b import c as d, e\n")
    assert imports_of(path) == ["os.path", "a.b", "a.b.c", "a.b.e"]


def test_a_digest_is_of_a_file_and_what_it_imports(tmp_path):
    library = Path(shutil.copytree(LIBRARY, tmp_path / "slicewise"))
    cases = library / "slices" / "cases.py"
    first = sources_digest(cases, library)
    assert first == sources_digest(LIBRARY / "slices" / "cases.py")
    for name, changes in (
        ("slices/cases.py", True),
        ("volumes/read.py", True),
        ("slices/staging.py", False),
        ("dataset/leakage.py", False),
        ("volumes/dicom/series.py", False),
        ("config/settings.py", False),
    ):
        kept = (library / name).read_text()
        (library / name).write_text(f"{kept}# a comment\n")
        assert sources_digest(cases, library) == first, name
        (library / name).write_text(f"{kept}EDITED = True\n")
        assert (sources_digest(cases, library) != first) == changes, name
        (library / name).write_text(kept)


# --- which library runs --------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path):
    """A second clone, whose library is the same."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(LIBRARY, tmp_path / "clone" / "src" / "slicewise", ignore=ignored)
    return tmp_path / "clone"


def edit(path: Path) -> None:
    path.write_text(f"{path.read_text()}\n# edited\n")


def test_the_same_library_elsewhere_will_do(checkout):
    refuse_other_library(checkout)
    cache = checkout / "src" / "slicewise" / "__pycache__"
    cache.mkdir()
    (cache / "x.py").touch()
    (checkout / "src" / "slicewise" / ".losses.py.swp").touch()
    (checkout / "src" / "slicewise" / "notes.txt").touch()
    refuse_other_library(checkout)


@pytest.mark.parametrize(
    "name", ["training/losses.py", "config/settings.py", "report/templates/page.css", "new.py"]
)
def test_another_library_is_refused(checkout, name):
    path = checkout / "src" / "slicewise" / name
    path.touch()
    edit(path)
    with pytest.raises(SlicewiseError) as caught:
        refuse_other_library(checkout)
    said = str(caught.value)
    assert "\n" not in said
    assert f"{checkout}: its jobs would not run its own library but that in {LIBRARY}" in said
    assert f"({name})" in said
    assert f"PYTHONPATH={checkout / 'src'}" in said


def test_a_missing_file_differs_too(checkout):
    (checkout / "src" / "slicewise" / "overview.py").unlink()
    edit(checkout / "src" / "slicewise" / "job.py")
    with pytest.raises(SlicewiseError, match=r"\(job\.py and 1 more files\)"):
        refuse_other_library(checkout)


def test_a_workflow_without_a_library_takes_what_is_installed(tmp_path):
    """As in an image of a cluster, or where the Snakefile alone was copied."""
    refuse_other_library(tmp_path)


def test_a_link_to_the_same_folder_is_the_same(tmp_path, monkeypatch):
    (tmp_path / "src").symlink_to(LIBRARY.parent)
    monkeypatch.setattr(sources, "_contents", None)  # nothing is read
    refuse_other_library(tmp_path)


def test_a_job_refuses_as_well(checkout):
    """Its interpreter may be another one than that of snakemake: a conda environment."""
    root = Path(__file__).parents[1]
    for name in ("Snakefile", "rules", "scripts"):
        source = root / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, checkout / name)
    # as Snakemake runs a script: a copy that is told the name of the original
    script = checkout / "a_copy.py"  # no name of a module
    script.write_text(
        f"__file__ = {str(checkout / 'scripts' / 'plan.py')!r}\n"
        "from slicewise.job import job\n"
        "from slicewise.sources import workflow_folder\n"
        "with job('job.log'):\n    print('ran', workflow_folder())\n"
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"ran {checkout}\n"), done.stderr
    edit(checkout / "src" / "slicewise" / "training" / "losses.py")
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {checkout}: its jobs would not run its own library")
    assert done.stderr == (checkout / "job.log").read_text()


def test_the_digest_of_the_code_is_of_contents(checkout, monkeypatch):
    root = Path(__file__).parents[1]
    first = library_digests(root)
    assert set(first) == {"library_sha256", "workflow_sha256"}
    monkeypatch.setattr(sources, "LIBRARY", checkout / "src" / "slicewise")
    assert library_digests(None) == {"library_sha256": first["library_sha256"]}
    edit(checkout / "src" / "slicewise" / "slices" / "batches.py")
    assert library_digests(root)["library_sha256"] != first["library_sha256"]
    assert library_digests(root)["workflow_sha256"] == first["workflow_sha256"]
