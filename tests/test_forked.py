"""Forks that tests run in place of fresh interpreters behave as these do."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import forked

FACTS = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.getcwd(), os.environ.get("HERE"), sys.path[0], __name__]))
print("said", file=sys.stderr)
print(sys.stdin.read(), end="")
"""


@pytest.fixture
def script(tmp_path):
    def write(code: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(code)
        return str(path)

    return write


def run(python: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [python, *arguments], capture_output=True, text=True, check=False, timeout=600, **options
    )


def test_of_each_rule_the_first_script_is_a_fresh_interpreter(tmp_path):
    (seen := tmp_path / "seen").mkdir()
    each = {**os.environ, "FRESH_PYTHON": "each", "FRESH_SEEN": str(seen)}
    for name, forks in (("a.cases.py", False), ("b.cases.py", True), ("c.slices.py", False)):
        script = tmp_path / name
        script.write_text("import sys; print('tensorflow' in sys.modules)")
        assert run(forked.python(), str(script), env=each).stdout == f"{forks}\n", name
    assert {path.name for path in seen.iterdir()} == {"cases", "slices"}


def test_arguments_folder_environment_and_files_are_those_of_who_asks(script, tmp_path):
    given = {"cwd": tmp_path, "env": {**os.environ, "HERE": "yes"}, "input": "read"}
    fork, fresh = (
        run(python, script(FACTS), "a b", "ü", **given)
        for python in (forked.python(), sys.executable)
    )
    assert (fork.stdout, fork.stderr, fork.returncode) == (fresh.stdout, fresh.stderr, 0)


def test_a_line_and_a_module_run_as_a_script_does(tmp_path):
    line = "import sys; print(sys.argv, __name__); f = lambda: g(); g = lambda: 1; print(f())"
    (tmp_path / "module.py").write_text(line)
    for asked in (["-c", line, "a"], ["-m", "module", "a"]):
        fork, fresh = (
            run(python, *asked, cwd=tmp_path) for python in (forked.python(), sys.executable)
        )
        assert (fork.stdout, fork.stderr) == (fresh.stdout, fresh.stderr)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a sentence')",
        "import sys; sys.exit(True)",
        "raise SystemExit",
        "import os; os._exit(7)",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import atexit; atexit.register(print, 'at the end')",
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()",
    ],
)
def test_they_end_alike(script, code):
    fork, fresh = (run(python, script(code)) for python in (forked.python(), sys.executable))
    assert (fork.returncode, fork.stdout) == (fresh.returncode, fresh.stdout)
    assert fork.stderr == fresh.stderr


def test_an_error_is_a_status_and_a_traceback(script):
    fork = run(forked.python(), script("1 / 0"))
    assert fork.returncode == 1
    assert fork.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_libraries_are_there_and_slicewise_is_imported_from_where_it_is_asked_for(script, tmp_path):
    (tmp_path / "slicewise.py").write_text("HERE = True")
    code = "import sys\nprint('tensorflow' in sys.modules, 'slicewise' in sys.modules)\n"
    code += "import slicewise\nprint(slicewise.HERE)\n"
    elsewhere = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert run(forked.python(), script(code), env=elsewhere).stdout == "True False\nTrue\n"


def test_an_edit_that_keeps_size_and_time_of_a_module_is_seen_and_a_copy_has_its_own_path(tmp_path):
    code = "import a, os\nprint(a.HERE, a.f.__code__.co_filename)"
    said = []
    for folder, here in (("one", 1), ("one", 2), ("two", 2)):
        module = tmp_path / folder / "a.py"
        module.parent.mkdir(exist_ok=True)
        module.write_text(f"HERE = {here}\ndef f(): pass\n")
        os.utime(module, (0, 0))
        said.append(run(forked.python(), "-c", code, cwd=module.parent).stdout.split())
        assert list(module.parent.iterdir()) == [module], "nothing is written beside it"
    assert said == [
        [str(n), str(tmp_path / f / "a.py")] for n, f in ((1, "one"), (2, "one"), (2, "two"))
    ]


@pytest.mark.parametrize(
    "variable", ["KERAS_BACKEND=jax", "PYTHONHASHSEED=1", "KUBECONFIG=x", "FRESH_PYTHON=all"]
)
def test_what_a_fork_cannot_be_is_a_fresh_interpreter(script, variable):
    code = "import sys; print('tensorflow' in sys.modules)"
    name, value = variable.split("=")
    assert run(forked.python(), script(code), env={**os.environ, name: value}).stdout == "False\n"
    assert run(forked.python(), "-S", script(code)).stdout == "False\n"


def test_jobs_of_the_rules_that_are_named_are_fresh_interpreters(tmp_path):
    code = "import sys; print('tensorflow' in sys.modules)"
    named = {**os.environ, "FRESH_PYTHON": "evaluate train"}
    for name, forks in (("tmp1.train.py", False), ("tmp1.retrain.py", True), ("train.py", True)):
        script = tmp_path / name
        script.write_text(code)
        assert run(forked.python(), str(script), env=named).stdout == f"{forks}\n", name
    for target, forks in (("train:fold=0", False), ("slices:shard=train", True)):
        asked = ("-c", code, "--target-jobs", target)
        assert run(forked.python(), *asked, env=named).stdout == f"{forks}\n", target
    one = {**os.environ, "FRESH_PYTHON": "train:fold=2"}
    for target, forks in (("train:fold=2", False), ("train:fold=1", True)):
        asked = ("-c", code, "--target-jobs", target)
        assert run(forked.python(), *asked, env=one).stdout == f"{forks}\n", target
    # who sends the jobs and says what they may use is none of them
    resources = ("--set-resources", "train:mem_mb=900", "--cores", "1")
    for asked in (resources, ("--target-jobs", "slices:shard=train", *resources)):
        assert run(forked.python(), "-c", code, *asked, env=named).stdout == "True\n", asked


def test_a_module_that_is_run_before_all_else_is_run_by_a_fresh_interpreter(script, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('first')")
    environment = {**os.environ, "PYTHONPATH": f"/nowhere{os.pathsep}{tmp_path}"}
    fork = run(forked.python(), script("print('then')"), env=environment)
    assert fork.stdout == "first\nthen\n"


def test_forks_without_a_backend_take_any_and_run_what_is_run_before_all_else(script, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.before = __name__")
    code = "import os, sys\nprint('tensorflow' in sys.modules, 'mlflow' in sys.modules, sys.before)"
    code += "\nimport keras\nprint(keras.backend.backend())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "KERAS_BACKEND": "jax"}
    fork = run(forked.python(backend=False), script(code), env=environment)
    assert fork.stdout == "False True sitecustomize\njax\n", fork.stderr


def test_temporary_files_lie_where_the_one_who_asks_wants_them(script, tmp_path):
    code = "import tempfile; print(tempfile.gettempdir())"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    assert run(forked.python(), script(code), env=environment).stdout == f"{tmp_path}\n"


def test_no_two_draw_the_same_numbers(script):
    code = "import random, numpy\nprint(random.random(), numpy.random.random())"
    drawn = {run(forked.python(), script(code)).stdout for _ in range(2)}
    assert len(drawn) == 2


STORES = """
import sqlite3, sys
from pathlib import Path
import sqlalchemy
from mlflow.store.db import utils

said = []
for name, make in (("a", utils._initialize_tables), ("b", utils._initialize_tables),
                   ("c", utils._initialize_tables.migrate)):
    engine = sqlalchemy.create_engine(f"sqlite:///{Path(sys.argv[1]) / name}")
    make(engine)
    utils._verify_schema(engine)
    engine.dispose()
    lines = "\\n".join(sqlite3.connect(Path(sys.argv[1]) / name).iterdump()).splitlines()
    # migrations leave indices and constraints in any order
    said.append(sorted(line.strip(" ,") for line in lines))
print(said[0] == said[1] == said[2], len(said[2]) > 500)
"""


def test_rules_that_were_parsed_before_are_those_of_their_own_file(tmp_path):
    rule = "rule a:\n    output: 'a'\n    shell: 'echo {wildcards}'\n\n"
    for folder, here in (("one", 1), ("one", 2), ("two", 2)):
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        snakefile = place / "Snakefile"
        snakefile.write_text(f"{rule}print({here}, workflow.get_rule('a').snakefile)\n\n1 / 0\n")
        done = run(forked.python(), "-m", "snakemake", "--cores", "1", cwd=place)
        assert done.stdout.split() == [str(here), str(snakefile)]
        # what is wrong is said to be where it is
        assert f'"{snakefile}", line 7' in done.stderr, done.stderr


def test_a_store_that_begins_as_a_copy_is_one_that_was_migrated(tmp_path):
    done = run(forked.python(), "-c", STORES, str(tmp_path))
    assert done.stdout == "True True\n", done.stderr


WAITING = """
import os, signal, sys, time
signal.signal(signal.SIGUSR1, lambda number, frame: sys.exit(5))
print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_ctrl_c_is_heeded_or_ignored_as_by_who_asks(script):
    code = "import signal; print(signal.getsignal(signal.SIGINT))"
    for disposition in ("--default-signal=INT", "--ignore-signal=INT"):
        fork, fresh = (
            run("env", disposition, python, script(code))
            for python in (forked.python(), sys.executable)
        )
        assert fork.stdout == fresh.stdout


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGUSR1, 5), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
def test_signals_reach_the_fork(script, number, status):
    process = subprocess.Popen(
        [forked.python(), script(WAITING)], stdout=subprocess.PIPE, text=True
    )
    pid = int(process.stdout.readline())
    process.send_signal(number)
    assert process.wait(30) == status
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists(), "the fork goes on"
