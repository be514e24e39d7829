"""How many small faults in the code its tests would notice.

Each mutant is one module with one operator, comparison, number or returned value changed; the
module's own tests (those of its name) are run on it. What they do not notice is printed.

```console
python benchmarks/mutate.py
python benchmarks/mutate.py metrics/surface.py --sample 100 --seed 3 --at-least 0.95
```

mutmut and cosmic-ray do this for whole projects, with a run of the suite or a session in a data
base for each module. Here a seeded sample of a few modules is wanted, each against its own tests,
and a new process for each would spend most of its time on importing: so mutants run in forks of one
process that has imported the libraries.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = (
    *("metrics/failures.py", "metrics/lesions.py", "metrics/overlap.py", "metrics/patients.py"),
    *("metrics/surface.py", "metrics/table.py", "evaluation/statistics.py", "dataset/split.py"),
    *("slices/grid.py", "inference/postprocessing.py", "components.py"),
)
"""What turns voxels into numbers and slices, below src/slicewise."""
LIBRARIES = (
    *("numpy", "scipy.ndimage", "scipy.stats", "pandas", "skimage.measure", "nibabel"),
    *("pydantic", "SimpleITK", "pydicom"),
)
SLOWEST = 5
"""A mutant may take so many times as long as the module itself, and then hangs."""
STARTING = 20
"""Seconds that are granted beside."""
WIDEST = 160
"""Characters that are printed of a mutant."""

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}

TREE = "tree = KDTree(np.argwhere(target) * spacing, {}, compact_nodes={}, balanced_tree={})"
NEAREST = "if np.count_nonzero(source) {} np.count_nonzero(target) {} SPARSE {} source.size:"
PLACES = (
    "places = {{patient: (2 * position + 1) / ({}) for ranked in by_stratum.values() "
    "for position, patient in enumerate(ranked)}}"
)
NO_MATTER = {
    "the frame lies in one component, whichever of its voxels is asked": (
        "sizes[parts[0, 1] if slicewise else parts[0, 0, 0]] = 0",
        "sizes[parts[1, 0] if slicewise else parts[0, 0, 0]] = 0",
        "sizes[parts[0, 0] if slicewise else parts[1, 0, 0]] = 0",
        "sizes[parts[0, 0] if slicewise else parts[0, 1, 0]] = 0",
        "sizes[parts[0, 0] if slicewise else parts[0, 0, 1]] = 0",
    ),
    "the label's own voxels are no background, whatever size they are given": ("sizes[1] = 0",),
    "of one component, all that is smaller than the largest is nothing": ("if number >= 1:",),
    "what it skips would give the same": (
        "if small.shape[2:] == self.size:",
        "if rows.scale == 2:",
        TREE.format(33, False, False),
        TREE.format(32, True, False),
        TREE.format(32, False, True),
        "SPARSE = 1.05",
        "areas = np.zeros(257)",
        NEAREST.format("-", "<=", "*"),
        NEAREST.format("+", "<", "*"),
        NEAREST.format("+", "<=", "/"),
        "codes = [_codes(np.pad(mask[box], 2)) for mask in (truth, prediction)]",
    ),
    "a cube and its complement of four corners each have one area": ("if cube.sum() >= 4:",),
    "places are only compared with each other": (PLACES.format("3 * len(ranked)"),),
    "a hair is taken off before, so that equal is never met": (
        "won = (share > 0) & (share > background - 1e-06)",
        "near = every < tolerance_mm * (1 + SLACK)",
        "enough = both > iou * (true_sizes[rows] + guess_sizes[columns] - both) * (1 - 1e-12)",
    ),
    "no float is so far from a whole number: those of its size are multiples of a power of two": (
        "whole = abs(factor * self.scale - 1) <= 1e-09 and self.length % factor == 0",
        "if round(pixels) and abs(pixels - round(pixels)) <= SLIVER:",
        "small[drawn <= 1e-06] = UNDRAWN",
    ),
    "counts of numbers that no part has are never looked up": (
        "true_sizes = np.bincount(true_parts[truth], minlength=number + 2)[1:]",
        "guess_sizes = np.bincount(guess_parts[prediction], minlength=guesses + 2)[1:]",
    ),
    "both have one length": (
        "fold_of |= dict(zip(ranked, owners, strict=False))",
        "areas = [table[code[border]] for code, border in zip(codes, borders, strict=False)]",
        "for apart, here, step in zip(nearest, places, spacing, strict=False):",
        "part = tuple((slice(c, n - 1 + c) for c, n in zip(corner, mask.shape, strict=False)))",
        "known = dict(zip(other['fingerprint'], other['case'], strict=False))",
        "for case, mark in zip(cases['case'], cases['fingerprint'], strict=False):",
    ),
    "a box around nothing holds nothing, and neither does what is beside": (
        "return bounding_box(mask) or (slice(1),) * mask.ndim",
        "sizes = np.bincount(parts[mask[box]], minlength=2)",
        "opened = ~_eroded(~np.pad(core, [(side + 1, side - 1) for side in sides]), sides)",
        "opened = ~_eroded(~np.pad(core, [(side - 1, side + 1) for side in sides]), sides)",
    ),
}
EQUIVALENT = {statement: why for why, several in NO_MATTER.items() for statement in several}
"""By what a statement becomes: why nobody could notice it."""


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes
    ----------
    module : str
        Path below ``src/slicewise``.
    line : int
    change : str
        The expression before and after, with ``->`` between.
    statement : str
        What the statement becomes; of one with a body, its first line.
    source : str
        The whole module.
    """

    module: str
    line: int
    change: str
    statement: str
    source: str


def places(tree: ast.Module) -> list[ast.AST]:
    """Return the nodes of a module that can be changed, in the order of its lines."""
    untouched: set[int] = set()
    for node in ast.walk(tree):
        # what is only said of types changes nothing, and is checked by mypy
        said = [getattr(node, name, None) for name in ("annotation", "returns")]
        # and decorators declare: that a dataclass is frozen, how much is cached
        said += getattr(node, "decorator_list", [])
        for part in said:
            if isinstance(part, ast.AST):
                untouched |= {id(inner) for inner in ast.walk(part)}
    changeable = [
        node for node in ast.walk(tree) if id(node) not in untouched and _changed(node) is not None
    ]
    return sorted(changeable, key=lambda node: (node.lineno, node.col_offset, str(type(node))))


def _changed(node: ast.AST) -> ast.AST | None:
    """Return a node with its change; None where there is none."""
    other = copy.copy(node)
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in SWAPS:
        other.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPS:
        other.ops = [SWAPS[type(node.ops[0])]()]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        return node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        other.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        other.value = node.value + 1
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        other.value = ast.Constant(None)
    else:
        return None
    return other


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


class _Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old = old
        self.new = new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def mutants(module: str, source: str, sample: int, seed: int) -> list[Mutant]:
    """Draw changes of a module.

    Parameters
    ----------
    module : str
        Path below ``src/slicewise``.
    source : str
        Its code.
    sample : int
        How many; all where there are fewer.
    seed : int
        The same one draws the same changes of the same code.

    Returns
    -------
    list of Mutant
        In the order of lines.
    """
    number = len(places(ast.parse(source)))
    drawn = random.Random(f"{seed} {module}").sample(range(number), min(sample, number))
    made = []
    for position in sorted(drawn):
        tree = ast.parse(source)
        node = places(tree)[position]
        new = _changed(node)
        assert new is not None
        change = f"{ast.unparse(node)} -> {ast.unparse(new)}"
        statement = _statement_of(node, tree)
        _Replace(node, new).visit(tree)
        ast.fix_missing_locations(tree)
        said = ast.unparse(new if statement is node else statement).splitlines()[0]
        made.append(Mutant(module, node.lineno, change, said, ast.unparse(tree)))
    return made


def _statement_of(node: ast.AST, tree: ast.Module) -> ast.AST:
    """Return the smallest statement that a node is a part of."""
    around = [one for one in ast.walk(tree) if isinstance(one, ast.stmt) and node in ast.walk(one)]
    return min(around, key=lambda one: sum(1 for _ in ast.walk(one)))


def tests_of(module: str, tests: Path = ROOT / "tests") -> list[Path]:
    """Return the test files of a module: those of its name."""
    folder = tests / Path(module).parent
    stem = Path(module).stem
    return sorted({*folder.glob(f"test_{stem}.py"), *folder.glob(f"test_{stem}_*.py")})


def _run(library: Path, files: list[Path]) -> None:
    """Run tests with another copy of the library, in a process of their own; end it with 0 or 1."""
    import hypothesis
    import pytest

    quick = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # nobody reads the example
    hypothesis.settings.register_profile("mutate", phases=quick, database=None, derandomize=True)
    hypothesis.settings.load_profile("mutate")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    sys.path.insert(0, str(library))
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    os._exit(int(pytest.main([*options, *map(str, files)]) != 0))


def notices(library: Path, files: list[Path], seconds: float) -> bool:
    """Tell whether tests fail, or hang, on a copy of the library."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_run, args=(library, files))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        return True
    return process.exitcode != 0


def survivors(
    module: str, sample: int, seed: int, library: Path, tests: Path = ROOT / "tests"
) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant of a module, and whether its tests noticed it.

    Parameters
    ----------
    module : str
        Path below ``src/slicewise``.
    sample, seed : int
        See `mutants`.
    library : Path
        A copy of ``src``, which is changed and put right again.
    tests : Path
        Where the tests are.
    """
    files = tests_of(module, tests)
    if not files:
        raise SystemExit(f"{module}: it has no test file of its name")
    path = library / "slicewise" / module
    source = path.read_text()
    started = time.monotonic()
    if notices(library, files, 3600):
        raise SystemExit(f"{module}: its tests fail without any change")
    seconds = SLOWEST * (time.monotonic() - started) + STARTING
    try:
        for mutant in mutants(module, source, sample, seed):
            if mutant.statement in EQUIVALENT:
                continue
            path.write_text(mutant.source)
            yield mutant, notices(library, files, seconds)
    finally:
        path.write_text(source)


def told(mutant: Mutant) -> str:
    """Return one line about a mutant; a changed number may stand in a table of many pages."""
    words = " ".join(f"{mutant.change}: {mutant.statement}".split())
    line = f"{mutant.module}:{mutant.line}: {words}"
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=MODULES, help="paths below src/slicewise")
    parser.add_argument("--sample", type=int, default=40, help="changes of each module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-least", type=float, default=0.0, help="share that has to be noticed")
    options = parser.parse_args(arguments)
    for name in (*LIBRARIES, "pytest", "hypothesis"):
        importlib.import_module(name)
    enough = True
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "src"
        shutil.copytree(
            ROOT / "src", library, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
        for module in options.modules:
            outcomes = []
            for mutant, noticed in survivors(module, options.sample, options.seed, library):
                outcomes.append(noticed)
                if not noticed:
                    print(f"  lives: {told(mutant)}", flush=True)
            share = sum(outcomes) / max(1, len(outcomes))
            enough &= share >= options.at_least
            print(f"{module}: {sum(outcomes)} of {len(outcomes)} noticed ({share:.0%})", flush=True)
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
