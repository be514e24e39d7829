"""Mutants: what is changed, what lives, and that nothing else is."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SOURCE = '''
"""A module."""
LIMIT: int = 3


def inside(value: int, flag: bool = False) -> bool:
    """Say so."""
    if value < LIMIT and not flag:
        return True
    return value * 2 == 10
'''


@pytest.fixture(scope="module")
def mutate():
    spec = importlib.util.spec_from_file_location("mutate", ROOT / "benchmarks" / "mutate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutate"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mutate"]


def test_each_change_changes_one_thing(mutate):
    made = mutate.mutants("m.py", SOURCE, 100, 1)
    changes = {mutant.change for mutant in made}
    assert changes == {
        "3 -> 4",
        "False -> True",
        "True -> False",
        "value < LIMIT -> value <= LIMIT",
        "value < LIMIT and (not flag) -> value < LIMIT or not flag",
        "not flag -> flag",
        "return True -> return None",
        "return value * 2 == 10 -> return None",
        "value * 2 == 10 -> value * 2 != 10",
        "value * 2 -> value / 2",
        "2 -> 3",
        "10 -> 11",
    }
    assert len({mutant.source for mutant in made}) == len(made)
    plain = ast.unparse(ast.parse(SOURCE))
    for mutant in made:
        assert mutant.source != plain
        before, after = (set(text.splitlines()) for text in (plain, mutant.source))
        assert len(after - before) == 1, mutant.change
        assert mutant.statement in mutant.source


def test_the_seed_draws_the_sample(mutate):
    one = mutate.mutants("m.py", SOURCE, 5, 1)
    assert one == mutate.mutants("m.py", SOURCE, 5, 1)
    assert len(one) == 5
    assert [mutant.line for mutant in one] == sorted(mutant.line for mutant in one)
    assert one != mutate.mutants("m.py", SOURCE, 5, 2)


def test_a_mutant_is_told_in_one_line(mutate):
    short = mutate.Mutant("room/m.py", 7, "3 -> 4", "LIMIT = 4", "")
    assert mutate.told(short) == "room/m.py:7: 3 -> 4: LIMIT = 4"
    table = f"TABLE = ({', '.join(map(str, range(500)))})"
    for change in ("3 -> 4", f"{table} ->\n{table}"):
        line = mutate.told(mutate.Mutant("room/m.py", 7, change, table, ""))
        assert len(line) == 160
        assert line.endswith("…")
        assert "\n" not in line
    whole = mutate.told(mutate.Mutant("m", 7, "3 -> 4", "x" * 147, ""))
    assert (len(whole), whole[-1]) == (160, "x")


def test_tests_are_those_of_the_modules_name(mutate, tmp_path):
    (tmp_path / "room").mkdir()
    for name in ("test_m.py", "test_m_more.py", "test_mm.py"):
        (tmp_path / "room" / name).touch()
    assert [path.name for path in mutate.tests_of("room/m.py", tmp_path)] == [
        "test_m.py",
        "test_m_more.py",
    ]


@pytest.mark.slow
def test_what_no_test_notices_lives(tmp_path):
    """With one test, which does not look at the limit itself; nothing else is changed."""
    library = tmp_path / "src" / "slicewise"
    library.mkdir(parents=True)
    (library / "__init__.py").touch()
    (library / "m.py").write_text(SOURCE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_m.py").write_text(
        "from slicewise.m import inside\n\n\n"
        "def test_inside():\n"
        "    assert inside(2) is True\n"
        "    assert inside(4) is False\n"
        "    assert inside(2, True) is False\n"
        "    assert inside(5) is True\n"
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import mutate\n"
        "made = mutate.survivors('m.py', 100, 1, Path(sys.argv[2]), Path(sys.argv[3]))\n"
        "print([mutant.change for mutant, noticed in made if not noticed])"
    )
    folders = [str(path) for path in (ROOT / "benchmarks", tmp_path / "src", tmp_path / "tests")]
    done = subprocess.run(
        [sys.executable, "-c", code, *folders], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['3 -> 4', 'value < LIMIT -> value <= LIMIT']"
    assert (library / "m.py").read_text() == SOURCE
