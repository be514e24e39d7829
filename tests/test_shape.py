"""How code is written down: short functions, few positional parameters, a test file a module.

The lists hold what is still to be mended: they only get shorter.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "src" / "slicewise"
LONGEST = 60
WIDEST = 5

TOO_LONG: set[str] = set()
"""Functions of more than 60 lines."""

TOO_WIDE: set[str] = set()
"""Functions with more than five positional parameters."""

UNMIRRORED: set[str] = set()
"""Modules without a test file of their name."""


def name(path: Path) -> str:
    return path.relative_to(LIBRARY).as_posix()


def functions(tree: ast.AST, above: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield every function with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            here = f"{above}.{node.name}" if above else node.name
            if not isinstance(node, ast.ClassDef):
                yield here, node
            yield from functions(node, here)
        else:
            yield from functions(node, above)


TREES = {
    name(path): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(LIBRARY.rglob("*.py"))
}
FUNCTIONS = {
    f"{module}:{dotted}": node for module, tree in TREES.items() for dotted, node in functions(tree)
}


def test_functions_are_short():
    long = {each for each, f in FUNCTIONS.items() if f.end_lineno - f.lineno + 1 > LONGEST}
    assert long == TOO_LONG


def test_functions_take_few_positional_parameters():
    def width(node: ast.FunctionDef) -> int:
        names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
        return len([each for each in names if each not in ("self", "cls")])

    assert {each for each, f in FUNCTIONS.items() if width(f) > WIDEST} == TOO_WIDE


def test_each_module_has_a_test_of_its_name():
    lacking = {
        module
        for module in TREES
        if not module.endswith("__init__.py")
        and not (ROOT / "tests" / module).with_name(f"test_{Path(module).name}").exists()
    }
    assert lacking == UNMIRRORED


def is_packed(node: ast.AST) -> bool:
    """Tell whether a statement assigns several things that are no exchange."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
        return False
    if not isinstance(node.value, ast.Tuple):
        return False
    given = {ast.unparse(each) for each in node.value.elts}
    return {ast.unparse(each) for each in node.targets[0].elts} != given


@pytest.mark.parametrize("module", TREES)
def test_a_statement_assigns_one_thing(module):
    packed = [ast.unparse(node) for node in ast.walk(TREES[module]) if is_packed(node)]
    assert not packed


def test_no_block_of_six_lines_stands_twice():
    """Of code: without imports, comments, docstrings and empty lines."""
    places: dict[tuple[str, ...], list[str]] = {}
    for module, tree in TREES.items():
        lines = code_lines(module, tree)
        for start in range(len(lines) - 5):
            block = tuple(text for _, text in lines[start : start + 6])
            places.setdefault(block, []).append(f"{module}:{lines[start][0]}")
    assert not [where for where in places.values() if len(where) > 1]


def code_lines(module: str, tree: ast.AST) -> list[tuple[int, str]]:
    """Return the lines of a module that do something, with their numbers."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, node.end_lineno + 1))
    text = (LIBRARY / module).read_text(encoding="utf-8")
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [
        (number, line)
        for number, line in lines
        if number not in skipped and line and not line.startswith("#")
    ]
