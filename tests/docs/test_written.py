"""Pages of the site that are written from the code: commands, files, errors, Python."""

import argparse
import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from slicewise.cli import COMMANDS, command_parser
from slicewise.targets import NAMED
from tests.documents import PAGES, ROOT

sys.path.append(str(ROOT / "docs"))
import make_commands
import make_errors
import make_files
import make_python

LIBRARY = ROOT / "src" / "slicewise"
HANDED_ON = {
    "'; '.join(idle)": "config/unused.py",
    "'; '.join(reversed(unique.values()))": "the validators of config",
    "OF_SYSTEM[code]": "errors.py",
    "OF_SYSTEM[error.errno]": "errors.py",
    "differs": "evaluation/comparison.py: why_not",
    "failure": "each scan's own error",
    "kept[0].lacks": "Case.lacks, which layouts fill in",
    "line.removeprefix(MARK)": "the errors of a dry run",
    "lost": "training cases that lack a label",
    "said": "each case's own error",
    "sentence": "the errors of a job",
    "{shown}: {error}": "config/configuration.py: parse_yaml",
    "{why[:1].lower()}{why[1:]}": "what is wrong with a combination of a sweep",
}
"""Errors that hand on what another place says, and whose that is."""


@cache
def errors() -> str:
    """Return the page of errors as people read it."""
    shown = re.sub(r"\\([\\`*_<>\[\]|{}#$])", r"\1", make_errors.page())
    return " ".join(shown.replace(" → ", "; ").split())


def raised() -> list[tuple[str, ast.Call]]:
    """Return all places that make an error for people, with the name of their file."""
    names = {"SlicewiseError", "PassingError", "StoppedError"}
    found = []
    for path in [*LIBRARY.rglob("*.py"), *(ROOT / "scripts").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
                found.append((f"{path.name}:{node.lineno}", node))
    return found


def fragments(node: ast.AST) -> list[str]:
    """Return the longer pieces of text of an error, in one line each."""
    pieces = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
    texts = [" ".join(piece.split()) for piece in pieces if isinstance(piece, str)]
    return [text for text in texts if len(text) > 14]


def test_no_error_sentence_is_missing():
    places = raised()
    assert len(places) > 400
    lacking = [
        (place, text)
        for place, call in places
        for text in fragments(call.args[0])
        if text not in errors() and not text.startswith("configuration: ")
    ]
    assert not lacking


def test_what_says_nothing_itself_is_known_to_hand_on_anothers():
    silent = [ast.unparse(p.given) for p in make_errors.places() if not make_errors.sentences(p)]
    for text in silent:
        assert any(known in text for known in HANDED_ON), text


def test_sentences_of_rules_are_there():
    text = " ".join((ROOT / "rules" / "common.smk").read_text(encoding="utf-8").split())
    assert "results cannot be called {root}; give" in text
    assert "results cannot be called *root*; give the module a prefix" in errors()


def test_most_sentences_say_what_to_do():
    lines = re.findall(r"^- (.*)$", make_errors.page(), re.M)
    told = [line for line in lines if " → " in line]
    assert len(told) > 0.8 * len(lines)


def test_a_sentence_that_is_put_together_elsewhere_is_read_there(tmp_path):
    text = (
        'REMEDY = "delete it"\n\n\ndef why(path):\n    return f"{path}: it is odd"\n\n\n'
        "def read(path, n):\n    lead = 'first' if n else 'last'\n"
        "    raise SlicewiseError(f'{lead} of {len(n)} is {why(path)}; {REMEDY}')\n"
    )
    module = ast.parse(text)
    function = module.body[-1]
    given = function.body[-1].exc.args[0]
    place = make_errors.Place(tmp_path / "odd.py", given, function, module)
    (sentence,) = make_errors.sentences(place)
    assert make_errors.line(sentence) == "- first / last of *n* is *path*: it is odd → delete it"


def test_each_command_and_argument_is_described():
    page = make_commands.page({})
    (commands,) = (
        a for a in command_parser()._actions if isinstance(a, argparse._SubParsersAction)
    )
    assert set(commands.choices) == set(COMMANDS)
    parts = dict(re.findall(r"^## `slicewise (\w+)`\n(.*?)(?=^## )", page, re.M | re.S))
    for name, parser in commands.choices.items():
        for action in parser._actions:
            for option in set(action.option_strings) - {"-h", "--help"}:
                assert f"`{option}`" in parts[name], f"{name} {option}"
    for target in NAMED:
        assert f"| `{target}` |" in page


def test_examples_come_from_pages():
    texts = {path.stem: path.read_text(encoding="utf-8") for path in PAGES}
    page = make_commands.page(texts)
    assert "- `slicewise look config/mydata.yaml`: [look](look.md)\n" in page


def test_each_variable_that_people_set_is_described():
    read = set()
    for path in [*LIBRARY.rglob("*.py"), *(ROOT / "rules").glob("*.smk")]:
        read |= set(re.findall(r'"(SLICEWISE_[A-Z]+)"', path.read_text(encoding="utf-8")))
    of_the_workflow = {"SLICEWISE_RUN", "SLICEWISE_PLANNED"}
    assert read - of_the_workflow == {n for n in make_commands.KNOWN if n.startswith("SLICEWISE")}


def test_each_output_of_each_rule_is_a_file_of_the_page():
    known = {file for made in make_files.rules() for file in made.files}
    ruled = {made.rule for made in make_files.rules()}
    for path in (ROOT / "rules").glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        for name, body in re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", text, re.M | re.S):
            output = re.findall(r"^ +output:\n(.*?)^ +(?:log|params|input):", body, re.M | re.S)
            for file in re.findall(r'result\(f?"([^"]+)"', "".join(output)):
                assert make_files._pattern(file) in known, file
                assert name in ruled


@pytest.mark.parametrize("name", make_files.RECORDS)
def test_each_key_of_a_record_is_described(name):
    for record in make_files.RECORDS[name]:
        described = " ".join(f"{names} {meaning}" for names, _, meaning in make_files.keys(record))
        own = set(record.__annotations__) - {"model_config"}
        lacking = {key for key in own if not re.search(rf"\b{key}\b", described)}
        assert not lacking, f"{record.__name__} does not say what {lacking} are"


def test_python_names_are_there_and_explained():
    from importlib import import_module

    page = make_python.page()
    shown = re.findall(r"auto(?:function|class):: ([\w.]+)\.(\w+)", page)
    assert len(shown) > 20
    for module, name in shown:
        if not module.startswith(("slicewise.network", "slicewise.inference", "slicewise.segm")):
            assert (getattr(import_module(module), name).__doc__ or "").strip(), name


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", make_python.HEAD, re.S))
def test_examples_of_python_are_python_and_import_what_is_there(block):
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("slicewise"):
            path = Path(LIBRARY.parent, *node.module.split(".")).with_suffix(".py")
            for each in node.names:
                assert f"def {each.name}(" in path.read_text(encoding="utf-8")
