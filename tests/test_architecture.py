"""What may import what, and that the workflow keeps its shape."""

import ast
import itertools
import re
from pathlib import Path

import pytest

from slicewise.sources import imports_of

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "src" / "slicewise"
MODULES = sorted(LIBRARY.rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
RULES = sorted((ROOT / "rules").glob("*.smk"))

FOUNDATION = {
    "asked",
    "backends",
    "boxes",
    "causes",
    "components",
    "errors",
    "files",
    "job",
    "locks",
    "records",
    "retries",
    "running",
    "sources",
    "stored",
    "surroundings",
    "syntax",
    "wording",
    "",
}
"""What everybody may import: errors, files, locks, how a job speaks, records, marks of failures,
boxes of arrays, words for numbers of things, what is wrong with many, and what knows no volume yet.
`metrics` knows arrays only, so nothing of these but boxes."""

BELOW_SLICES = {"config", "volumes", "phantom", "dataset"}
BELOW_EVALUATION = {*BELOW_SLICES, "slices", "metrics"}

ALLOWED = {
    "config": {"metrics"},
    "volumes": {"config"},
    "phantom": {"config", "volumes"},
    "dataset": {"config", "volumes", "phantom"},
    "slices": BELOW_SLICES,
    "metrics": set(),
    "network": {"config"},
    "inference": {*BELOW_SLICES, "slices", "network"},
    "training": {*BELOW_SLICES, "slices", "network", "inference", "metrics"},
    "evaluation": BELOW_EVALUATION,
    "report": {*BELOW_EVALUATION, "evaluation"},
    "tracking": {"metrics"},
    "asked": set(),
    "calm": set(),
    "backends": set(),
    "boxes": set(),
    "causes": set(),
    "components": set(),
    "overview": set(),
    "planned": set(),
    "errors": set(),
    "files": set(),
    "job": set(),
    "locks": set(),
    "records": set(),
    "retries": set(),
    "running": set(),
    "sources": set(),
    "stored": set(),
    "surroundings": set(),
    "syntax": set(),
    "wording": set(),
    "": set(),
    # what rules tell their scripts
    "jobs": {"config", "dataset"},
    # what all rules share
    "study": {"config", "dataset", "slices", "jobs", "needs"},
    # how much memory jobs ask for
    "needs": {"config", "volumes", "dataset"},
    # sets experiments side by side
    "compare": {"config", "dataset", "evaluation", "report", "tracking"},
    # writes about scored experiments
    "publish": {
        *("config", "volumes", "dataset", "evaluation", "metrics", "report", "tracking"),
        *("compare", "crate"),
    },
    # packs what was published, and reads it
    "crate": {"config", "volumes", "dataset", "tracking"},
    # deletes what of results is named
    "clean": {"training"},
    # what to train on the cases of a configuration
    "planning": {"config", "dataset"},
    # lists what can be asked for
    "targets": {"config", "dataset", "study"},
    # makes the page about a data set, of the cases that can be read
    "look": {"config", "dataset", "report", "study"},
    # runs the workflow again, and compares
    "reproduce": {"config", "dataset", "crate", "evaluation", "tracking"},
    # says which commit this is
    "version": {"tracking"},
    # looks at a folder before there are settings
    "survey": {"config", "volumes", "dataset"},
    # makes masks of new scans
    "segmenting": {
        *(*BELOW_SLICES, "metrics", "network", "inference", "report", "tracking", "jobs"),
        "overview",
    },
    # answers others over the network
    "services": {"segmenting", "report"},
    # a command may start anything
    "commands": {
        "services",
        "segmenting",
        "survey",
        "config",
        "evaluation",
        "tracking",
        "reproduce",
        "compare",
        "crate",
        "publish",
        "planning",
        "look",
        "planned",
        "targets",
        "clean",
    },
    # the command line
    "cli": {"commands", "version"},
    "__main__": {"cli"},
}

ONLY = {
    "keras": {"network", "inference", "training"},
    "highdicom": {"volumes"},
    "tensorflow": {"network", "inference", "training"},
    "jax": {"network", "inference", "training"},
    "torch": {"network", "inference", "training"},
    "fastapi": {"services"},
    "uvicorn": {"services"},
    "pynetdicom": {"services"},
    "onnx": {"network"},
    "onnxruntime": {"network"},
    "mlflow": {"tracking"},
    "nibabel": {"volumes", "phantom"},
    "SimpleITK": {"volumes"},
    "pydicom": {"volumes"},
    "rocrate": {"crate"},
    "snakemake": set(),
}


def room(path: Path) -> str:
    """Return the package or module directly below slicewise."""
    part = path.relative_to(LIBRARY).parts[0]
    return "" if part == "__init__.py" else part.removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return all that a file imports, wherever in it: modules, and names in them."""
    return set(imports_of(path))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_room_is_known():
    assert {room(path) for path in MODULES} <= ALLOWED.keys()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_one_way(path):
    here = room(path)
    used = {i.split(".")[1] if "." in i else "" for i in imports(path) if i.startswith("slicewise")}
    used -= {"__version__", here}
    used -= {"boxes"} if here == "metrics" else FOUNDATION
    assert used <= ALLOWED[here], f"{name(path)} must not import {sorted(used - ALLOWED[here])}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_each_tool_has_one_room(path):
    for module in imports(path):
        top = module.split(".")[0]
        if top in ONLY:
            assert room(path) in ONLY[top], f"{name(path)} must not import {module}"


def test_evaluation_does_without_keras():
    for path in MODULES:
        if room(path) in ("evaluation", "report"):
            tops = {i.split(".")[0] for i in imports(path)}
            assert not tops & {"keras", "tensorflow"}
            assert not any(
                i.startswith(("slicewise.network", "slicewise.inference", "slicewise.training"))
                for i in imports(path)
            )


@pytest.mark.parametrize("user", sorted(ONLY["keras"]))
def test_keras_is_imported_where_it_may_be(user):
    # the rule above would also hold for a library that had lost its network
    assert any("keras" in imports(path) for path in MODULES if room(path) == user)


def test_files_are_read_in_volumes_only():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        if room(path) != "volumes":
            assert not re.search(r"\bnib\.|\bsitk\.|\bpydicom\.", text), name(path)


def test_no_pickle_is_loaded():
    for path in [*MODULES, *SCRIPTS]:
        used = imports(path)
        assert not used & {"pickle", "cloudpickle", "dill", "joblib", "shelve"}, name(path)
        text = path.read_text(encoding="utf-8")
        assert "allow_pickle=True" not in text, name(path)
        for call in re.findall(r"np\.load\([^\n]*", text):
            assert "allow_pickle=False" in call, f"{name(path)}: {call}"
        assert "yaml.load(" not in text, name(path)


def test_means_over_patients_have_one_definition():
    """`slicewise.metrics.patients`: scans, then labels, then patients, without what is missing."""
    own = re.compile(r"\bgroupby\(\[?'(patient|case)'|\['dice\w*'\]|'dice_old'")
    for path in [*MODULES, *SCRIPTS, *sorted((ROOT / "benchmarks").glob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in ("mean", "nanmean", "average", "fmean", "nanmedian"):
                over = " ".join(map(ast.unparse, [node.func.value, *node.args]))
                assert not own.search(over), f"{name(path)}: {ast.unparse(node)}"


# --- the workflow ------------------------------------------------------------


def rules() -> dict[str, tuple[Path, str]]:
    """Return the text of each rule by its name (or the script's, where it has none)."""
    found = {}
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        starts = [m.start() for m in re.finditer(r"^ *(?:rule|checkpoint)\b[^\n]*:$", text, re.M)]
        for start, stop in itertools.pairwise([*starts, len(text)]):
            body = text[start:stop]
            named = re.match(r" *(?:rule|checkpoint)\s+(\w+)", body)
            script = re.search(r'script:\s*"\.\./scripts/(\w+)\.py"', body)
            if path.name == "targets.smk":
                assert "output:" not in body, f"{named[1]}: targets make nothing themselves"
                continue
            assert script, f"{name(path)}: a rule without a script"
            found[named[1] if named else script[1]] = (path, body)
    return found


def test_there_are_rules():
    assert {"ingest", "slices", "train", "predict", "evaluate", "report"} <= rules().keys()


@pytest.mark.parametrize("rule", rules())
def test_each_rule_says_and_measures_what_it_does(rule):
    path, body = rules()[rule]
    for directive in ("output", "log", "benchmark", "conda", "resources", "script"):
        assert re.search(rf"^ +{directive}:", body, re.M), (
            f"{name(path)}: {rule} has no {directive}"
        )
    assert "runtime=" in body
    assert "mem_mb=" in body


@pytest.mark.parametrize("rule", rules())
def test_each_script_is_named_as_its_rule(rule):
    script = re.search(r'script:\s*"\.\./scripts/(\w+)\.py"', rules()[rule][1])
    assert script[1] == rule
    # its script and modules are inputs, so that an edit reruns it
    assert re.search(rf'code=code\("{rule}"', rules()[rule][1])


def test_each_script_has_a_rule():
    assert {path.stem for path in SCRIPTS} == rules().keys()


@pytest.mark.parametrize("path", RULES, ids=name)
def test_rules_hold_little_python(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""'), f"{name(path)}: has no docstring"
    # what only Snakemake can do, around the stages
    if path.name not in ("common.smk", "run.smk", "planned.smk"):
        assert not re.search(r"^ *(?:run|shell):", text, re.M)
        assert not re.search(r"^ *(?:def|class|import|from) ", text, re.M)


def test_the_snakefile_fits_a_screen():
    text = (ROOT / "Snakefile").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 50
    assert not re.search(r"^configfile:", text, re.M)
    # a Snakefile at the top of a repository finds no other file there, where it is a module
    other = (ROOT / "workflow" / "Snakefile").read_text(encoding="utf-8")
    assert other.split("include: ")[1] == text.split("include: ")[1].replace('"', '"../', 1)


def test_no_package_offers_a_name_that_is_one_of_its_modules():
    """Whichever was imported last would be what others get by that name.

    A module's own name may be that of what it offers: the package has imported it by then.
    """
    for package in LIBRARY.rglob("__init__.py"):
        modules = {path.stem for path in package.parent.glob("*.py")}
        dotted = ".".join(package.parent.relative_to(LIBRARY.parent).parts)
        tree = ast.parse(package.read_text(encoding="utf-8"))
        names = {
            each.asname or each.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module != dotted
            for each in node.names
            if node.module != f"{dotted}.{each.name}"
        }
        assert not names & modules, package
