"""What a script depends on, by its imports."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slicewise.sources import LIBRARY, NO_RESULT, sources_digest, sources_of

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").glob("*.py"))
IMPORTS = re.compile(r"^from slicewise[.\w]* import (?:\([^)]*\)|[^\n(]+)$", re.M)
LOADED = """
import sys
for name, module in sys.modules.items():
    if name.split(".")[0] == "slicewise":
        print(module.__file__)
"""


def named(path: Path) -> object:
    # those of the model start a backend
    slow = [pytest.mark.slow] if path.stem in ("train", "predict") else []
    return pytest.param(path, id=path.stem, marks=slow)


@pytest.mark.parametrize("script", map(named, SCRIPTS))
def test_a_script_depends_on_what_its_imports_load(script):
    code = "\n".join(IMPORTS.findall(script.read_text())) + LOADED
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {Path(line) for line in done.stdout.splitlines()}
    expected = {p for p in loaded if p.relative_to(LIBRARY).parts[0] not in NO_RESULT}
    assert set(sources_of(script)) == expected


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


def test_a_digest_is_of_a_file_and_what_it_imports(tmp_path):
    library = Path(shutil.copytree(LIBRARY, tmp_path / "slicewise"))
    cases = library / "slices" / "cases.py"
    first = sources_digest(cases, library)
    assert first == sources_digest(LIBRARY / "slices" / "cases.py")
    for name, changes in (
        ("slices/cases.py", True),
        ("volumes/read.py", True),
        ("slices/staging.py", False),
        ("volumes/gate.py", False),
        ("config/schema.py", False),
    ):
        kept = (library / name).read_text()
        (library / name).write_text(f"{kept}# edited\n")
        assert (sources_digest(cases, library) != first) == changes, name
        (library / name).write_text(kept)
