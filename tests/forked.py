"""Processes that begin with their libraries imported: forks of one that waits.

TensorFlow takes five seconds of a processor to import and Snakemake two, and the
tests of the workflow start them many hundred times. `Forks` starts an interpreter
once that imports what others wrote, never slicewise itself, and then waits.
`Forks.python` is a file that can be run in place of the interpreter: it asks for
a fork, hands over its arguments, environment, folder and open files, and ends as
the fork ends. What it cannot do as a fresh interpreter would (another backend of
Keras, options of the interpreter, what a `sitecustomize` does before all else) it leaves
to a fresh one, and also what the variable ``FRESH_PYTHON`` names: ``all``, the jobs of some
rules or single ones (``train:experiment=rich,fold=2``), of which processes are counted, measured
or stopped, or ``each``: the first script of each rule, noted in the folder ``FRESH_SEEN``.
"""

import array
import atexit
import contextlib
import gc
import hashlib
import importlib
import importlib.machinery
import importlib.metadata
import json
import marshal
import os
import random
import runpy
import selectors
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
from functools import cache
from pathlib import Path
from typing import Any

BACKEND = ("tensorflow", "keras")
LIBRARIES = (
    "SimpleITK",
    "alembic.command",
    "contourpy",
    "jinja2",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.system_metrics.metrics.cpu_monitor",
    "mlflow.tracing.processor.base_mlflow",
    "mlflow.tracing.processor.otel",
    "nbformat",
    "nibabel",
    "pandas",
    "pandas.io.formats.csvs",
    "pyarrow.pandas_compat",
    "pydantic.dataclasses",
    "pydicom",
    "rich.live",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.stats",
    "scipy.signal",
    "skimage.measure._marching_cubes_lewiner",
    "skimage.measure._polygon",
    "skimage.morphology",
    "skimage.segmentation.boundaries",
    "skimage.transform._warps",
    "smart_open",
    "snakemake.benchmark",
    "snakemake.cli",
    "snakemake.executors.local",
    "snakemake.storage",
    "sqlalchemy.dialects.sqlite",
    "yaml",
)
# It has to start in a moment, so it imports next to nothing, and no site-packages.
CLIENT = """#!{python} -IS
import array, json, os, signal, socket, struct, sys

asked = sys.argv[1:]
fresh = not asked
# read while an interpreter starts or a library is imported
early = ("PYTHONHASHSEED", "KUBECONFIG")
fresh = fresh or any(name in os.environ for name in early)
# who asks for a job of a rule (its command names the rule as target) and for its script
wanted = os.environ.get("FRESH_PYTHON", "").split()
after = asked[asked.index("--target-jobs") + 1 :] if "--target-jobs" in asked else []
# but not who sends all jobs, and says what those of a rule may use ("train:mem_mb=900")
jobs = after[: next((n for n, text in enumerate(after) if text.startswith("-")), len(after))]
named = {{*jobs, *(job.partition(":")[0] for job in jobs)}}
fresh = fresh or "all" in wanted or not named.isdisjoint(wanted)
fresh = fresh or asked[0].endswith(tuple("." + rule + ".py" for rule in wanted))
if "each" in wanted and asked[0].endswith(".py"):
    try:
        os.mkdir(os.path.join(os.environ["FRESH_SEEN"], asked[0].split(".")[-2]))
        fresh = True
    except FileExistsError:
        pass
if {backend!r}:
    own = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    fresh = fresh or any(os.path.exists(os.path.join(path, "sitecustomize.py")) for path in own)
    fresh = fresh or os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow"
fresh = fresh or (asked[0].startswith("-") and asked[0] not in ("-m", "-c"))
server = socket.socket(socket.AF_UNIX)
try:
    if not fresh:
        server.connect({socket!r})
except OSError:
    fresh = True
if fresh:
    os.execv({python!r}, [{python!r}, *asked])
request = dict(asked=asked, environment=dict(os.environ), folder=os.getcwd(), umask=os.umask(0))
request["heeds_ctrl_c"] = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
text = json.dumps(request).encode()
files = array.array("i", [0, 1, 2])
server.sendmsg(
    [struct.pack("!I", len(text))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files.tobytes())]
)
server.sendall(text)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, lambda which, frame: server.sendall(bytes([which])))
status = b""
while len(status) < 4:
    got = server.recv(4 - len(status))
    if not got:
        break
    status += got
code = struct.unpack("!i", status)[0] if len(status) == 4 else -signal.SIGKILL
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class Forks:
    """An interpreter that waits to be forked, and the file that asks it to.

    Parameters
    ----------
    folder : path
        Where its socket and that file are written; a short path, as sockets want.
    backend : bool
        Whether TensorFlow and Keras are among what it imports.
    """

    def __init__(self, folder: Path, backend: bool) -> None:
        self.python = folder / "python"
        address = folder / "socket"
        text = CLIENT.format(python=sys.executable, socket=str(address), backend=backend)
        self.python.write_text(text)
        self.python.chmod(self.python.stat().st_mode | stat.S_IXUSR)
        own = ("PYTHONPATH", "KERAS_BACKEND", "MLFLOW_", "SLICEWISE_", "SNAKEMAKE_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(own)}
        compiled = folder / "compiled"
        compiled.mkdir()
        for command in ("snakemake", "slicewise"):
            script = (Path(sys.executable).parent / command).read_text()
            _, _, body = script.partition("\n")
            (folder / command).write_text(f"#!{self.python}\n{body}")
            (folder / command).chmod(self.python.stat().st_mode)
        self._process = subprocess.Popen(
            [
                *(sys.executable, __file__, str(address), str(self.python), str(compiled)),
                *(BACKEND if backend else ()),
            ],
            env={**environment, "TF_CPP_MIN_LOG_LEVEL": "2"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def close(self) -> None:
        """End it, and all its forks."""
        self._process.kill()
        self._process.wait()


def python(backend: bool = True) -> str:
    """Return what tests run in place of the interpreter; the first call starts what is forked.

    Parameters
    ----------
    backend : bool
        Whether forks begin with TensorFlow imported; else they may do without, and run what a
        `sitecustomize` says.
    """
    return str(forks(backend).python)


@cache
def forks(backend: bool) -> Forks:
    """Return what waits to be forked, which the first call starts."""
    folder = tempfile.TemporaryDirectory(prefix="forks-")
    waiting = Forks(Path(folder.name), backend)
    atexit.register(folder.cleanup)
    atexit.register(waiting.close)
    return waiting


class Server:
    """Forks on request, and tells those who asked how their forks ended."""

    def __init__(self, address: str) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(address)
        self._listening.listen(64)
        self._asking: dict[int, socket.socket] = {}
        self._wake, awake = socket.socketpair()
        awake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(awake.fileno(), warn_on_full_buffer=False)
        self._awake = awake
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any]:
        """Wait for requests, for ever; return one of them, in its fork only."""
        parent = os.getppid()
        while os.getppid() == parent:
            for key, _ in self._selector.select(timeout=1):
                if key.fileobj is self._wake:
                    self._wake.recv(4096)
                elif key.fileobj is self._listening:
                    request = self._fork()
                    if request is not None:
                        return request
                else:
                    self._pass_on(key.data, key.fileobj)
            self._reap()
        for pid in self._asking:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    def _fork(self) -> dict[str, Any] | None:
        asking, _ = self._listening.accept()
        try:
            request, files = received(asking)
        except (OSError, struct.error, ValueError):
            asking.close()
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (asking, self._listening, self._wake, self._awake, *self._asking.values()):
                other.close()
            self._selector.close()
            for target, file in enumerate(files):
                os.dup2(file, target)
                os.close(file)
            return request
        for file in files:
            os.close(file)
        self._asking[pid] = asking
        self._selector.register(asking, selectors.EVENT_READ, pid)
        return None

    def _pass_on(self, pid: int, asking: Any) -> None:
        """Pass signals on to a fork; end it where nobody waits for it any more."""
        try:
            numbers = asking.recv(64)
        except OSError:
            numbers = b""
        for number in numbers or [signal.SIGKILL]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if not numbers:
            self._selector.unregister(asking)
            asking.close()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            asking = self._asking.pop(pid, None)
            if asking is None or asking.fileno() < 0:
                continue
            self._selector.unregister(asking)
            with contextlib.suppress(OSError):
                asking.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
            asking.close()


def received(asking: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive a request and the open files that come with it."""
    files = array.array("i")
    head, ancillary, _, _ = asking.recvmsg(4, socket.CMSG_SPACE(3 * files.itemsize))
    for _, _, data in ancillary:
        files.frombytes(data)
    (size,) = struct.unpack("!I", head)
    text = b""
    while len(text) < size:
        text += asking.recv(size - len(text))
    return json.loads(text), list(files)


def keep_compiled(folder: Path) -> None:
    """Let each file that forks import be compiled by the first of them only.

    What is compiled is kept by the content of the file: tests edit the library more often than
    the time of a file tells, and copy it to other places.
    """
    loader = importlib.machinery.SourceFileLoader
    plain = loader.source_to_code

    def source_to_code(self: Any, data: bytes, path: str, **options: Any) -> types.CodeType:
        kept = folder / hashlib.sha256(data).hexdigest()
        try:
            return found_at(path, marshal.loads(kept.read_bytes()))
        except OSError:
            code = plain(self, data, path, **options)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_bytes(marshal.dumps(code))
        part.rename(kept)
        return code

    loader.source_to_code = source_to_code  # type: ignore[method-assign]
    sys.dont_write_bytecode = True


def found_at(path: str, code: types.CodeType) -> types.CodeType:
    """Return code that says of itself that it comes from a file, as tracebacks tell."""
    if code.co_filename == path:
        return code
    inner = (found_at(path, c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=path, co_consts=tuple(inner))


def keep_parsed(folder: Path) -> None:
    """Let each file of rules be turned into Python by the first `snakemake` only, as above.

    Parameters
    ----------
    folder : Path
        Where what they became is kept, by their contents.
    """
    workflows = importlib.import_module("snakemake.workflow")
    plain = workflows.parse

    def parse(path: Any, workflow: Any, *, rulecount: int, linemap: dict[int, int]) -> Any:
        place = repr(path.get_path_or_uri(secret_free=True))
        with workflow.sourcecache.open(path) as stream:
            content = f"{rulecount}\0{stream.read()}"
        kept = folder / hashlib.sha256(content.encode()).hexdigest()
        try:
            text, count, lines = marshal.loads(kept.read_bytes())
        except OSError:
            text, count = plain(path, workflow, rulecount=rulecount, linemap=linemap)
            part = kept.with_suffix(f".{os.getpid()}")
            part.write_bytes(marshal.dumps((text.replace(place, "\0"), count, linemap)))
            part.rename(kept)
            return text, count
        linemap |= lines
        return text.replace("\0", place), count

    parse.plain = plain  # type: ignore[attr-defined]
    workflows.parse = parse


def keep_migrated(folder: Path) -> None:
    """Let MLflow migrate its first fresh SQLite store, of which all later ones begin as copies.

    It makes the tables of a store by all migrations that it ever had, one after
    the other: 1.4 s of computing for tables that are the same each time.

    Parameters
    ----------
    folder : Path
        Where the tables are kept.
    """
    utils = importlib.import_module("mlflow.store.db.utils")
    migrate = utils._initialize_tables
    kept = folder / "migrated.db"

    def initialize_tables(engine: Any) -> None:
        if engine.dialect.name != "sqlite" or not utils._is_empty_database(engine):
            migrate(engine)
            return
        if kept.exists():
            with contextlib.closing(sqlite3.connect(kept)) as copy, engine.connect() as fresh:
                copy.backup(fresh.connection.driver_connection)
            return
        migrate(engine)
        part = kept.with_suffix(f".{os.getpid()}")
        with contextlib.closing(sqlite3.connect(part)) as copy, engine.connect() as made:
            made.connection.driver_connection.backup(copy)
        part.rename(kept)

    initialize_tables.migrate = migrate  # type: ignore[attr-defined]
    utils._initialize_tables = initialize_tables


def become(request: dict[str, Any], python: str) -> None:
    """Take over what a fresh interpreter would have had from its start."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.umask(request["umask"])
    heeding = signal.default_int_handler if request["heeds_ctrl_c"] else signal.SIG_IGN
    signal.signal(signal.SIGINT, heeding)
    time.tzset()
    tempfile.tempdir = None
    random.seed()
    sys.modules["numpy"].random.seed()
    sys.executable = python
    below = [path for path in request["environment"].get("PYTHONPATH", "").split(":") if path]
    sys.path[:] = [*below, *sys.path]
    if any((Path(path) / "sitecustomize.py").exists() for path in below):
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")


def run(asked: list[str]) -> None:
    """Run a script, a module or a line, as the interpreter's own command line does."""
    if asked[0] == "-m":
        sys.argv = ["-m", *asked[2:]]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(asked[1], run_name="__main__", alter_sys=True)
    elif asked[0] == "-c":
        sys.argv = ["-c", *asked[2:]]
        sys.path.insert(0, "")
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(asked[1], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv = asked
        sys.path.insert(0, str(Path(asked[0]).resolve().parent))
        runpy.run_path(asked[0], run_name="__main__")


def ended(asked: list[str]) -> int:
    """Run what is asked for to its end; return its status as the interpreter's own would be."""
    status: Any = 0
    try:
        run(asked)
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        status = 1
    if isinstance(status, str):
        print(status, file=sys.stderr)
    return status if isinstance(status, int) else int(status is not None)


def main(address: str, python: str, compiled: str, *backend: str) -> None:
    """Import the libraries, wait, and be what is asked for in each fork."""
    sys.path.pop(0)
    # nothing that is imported is garbage
    gc.disable()
    for name in (*LIBRARIES, *backend):
        importlib.import_module(name)
    # they look for plugins, and for modules, among all packages
    sys.modules["snakemake.cli"].get_argument_parser()
    metadata = importlib.metadata
    metadata.packages_distributions = cache(metadata.packages_distributions)
    metadata.packages_distributions()
    # so does what writes the first picture of a report
    importlib.import_module("PIL.Image").init()
    keep_compiled(Path(compiled))
    keep_parsed(Path(compiled))
    keep_migrated(Path(compiled))
    gc.collect()
    gc.freeze()
    gc.enable()
    server = Server(address)
    print("ready", flush=True)
    request = server.serve()
    become(request, python)
    status = ended(request["asked"])
    # all that an interpreter does at its end, but for taking apart each module that it imported
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    main(*sys.argv[1:])
