"""A fault of the input is told once: the next attempt of the same run ends at once."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slicewise.errors import PassingError, SlicewiseError, StoppedError
from slicewise.job import script_job
from slicewise.retries import AGAIN, RUN, Mark, forget, has_failed, is_marked, may_pass

LOG = "results/tiny/logs/ingest/p1.log"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(RUN, "first")
    (tmp_path / "mask.nii").write_text("wrong")
    (tmp_path / "other.nii").write_text("wrong")
    return tmp_path


def told(**params: Any) -> Any:
    given = {"cfg": {"labels": {"liver": 1}}, "code": {"a.py": "1"}, "masks": ["other.nii"]}
    return SimpleNamespace(
        rule="ingest",
        log=[LOG],
        resources={},
        input=["mask.nii"],
        output=[],
        params=given | params,
        wildcards={},
    )


def attempt(error: Exception | None, capsys: Any, **params: Any) -> tuple[bool, str]:
    """Run a job that ends by an error; tell whether its body was reached, and what it said."""
    reached = False
    try:
        with script_job(told(**params)):
            reached = True
            if error is not None:
                raise error
    except SystemExit:
        pass
    return reached, capsys.readouterr().err


BAD = SlicewiseError("mask.nii: it does not fit; correct it")


@pytest.mark.parametrize("prefix", ["", "organs/one/"])
def test_the_next_attempt_says_the_same_and_ends(prefix, capsys, monkeypatch):
    """In a module, too, whose results lie below a prefix."""
    monkeypatch.setitem(globals(), "LOG", prefix + LOG)
    assert attempt(BAD, capsys) == (True, f"error: {BAD}\n")
    assert is_marked(LOG)
    for _ in range(2):
        assert attempt(None, capsys) == (False, f"{AGAIN}\nerror: {BAD}\n")
    assert f"error: {BAD}" in Path(LOG).read_text()
    forget(LOG)
    assert not is_marked(LOG) and not has_failed(LOG)
    assert attempt(None, capsys) == (True, "")


def changed(what: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    if what == "run":
        monkeypatch.setenv(RUN, "second")
    elif what == "no run":
        monkeypatch.delenv(RUN)
    elif what in ("mask.nii", "other.nii"):
        Path(what).write_text("right")
    elif what == "missing":
        Path("mask.nii").unlink()
    elif what == "time":
        os.utime("mask.nii", ns=(1, 1))
    elif what == "settings":
        return {"cfg": {"labels": {"liver": 2}}}
    else:
        return {"code": {"a.py": "2"}}
    return {}


@pytest.mark.parametrize(
    "what",
    ["run", "no run", "mask.nii", "other.nii", "missing", "time", "settings", "code"],
)
def test_what_is_mended_or_started_anew_is_tried_again(what, capsys, monkeypatch):
    attempt(BAD, capsys)
    more = changed(what, monkeypatch)
    reached, said = attempt(None, capsys, **more)
    assert reached and said == ""
    assert not list(Path(LOG).parent.glob("*.fault")), "it is done, so nothing is wrong"


def follows(cause: BaseException) -> SlicewiseError:
    """Return a sentence that was made of another error."""
    try:
        try:
            raise cause
        except BaseException:
            raise SlicewiseError("x: cannot be opened; look") from None
    except SlicewiseError as error:
        return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (BAD, False),
        (StoppedError("stopped"), True),
        (PassingError("memory runs out"), True),
        (follows(MemoryError()), True),
        (follows(OSError(5, "Input/output error")), True),
        (follows(gzip.BadGzipFile("damaged")), False),
        (follows(ValueError("damaged")), False),
    ],
)
def test_memory_and_machines_are_tried_again(error, passes, capsys):
    assert may_pass(error) == passes
    attempt(error, capsys)
    assert is_marked(LOG) != passes
    assert attempt(None, capsys)[0] == passes


@pytest.mark.parametrize("error", [PermissionError(13, "no"), KeyboardInterrupt(), MemoryError()])
def test_what_is_no_fault_of_the_input_leaves_no_mark(error, capsys):
    try:
        attempt(error, capsys)
    except MemoryError:
        capsys.readouterr()
    assert not is_marked(LOG)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"run": "first", "of": 1, "said": 3}'])
def test_a_damaged_mark_is_none(text, capsys):
    attempt(BAD, capsys)
    (path,) = Path(LOG).parent.glob("*.fault")
    path.write_text(text)
    assert not is_marked(LOG)
    assert attempt(None, capsys)[0]


def test_results_in_a_bucket_have_no_marks():
    job = told()
    job.log = [".snakemake/storage/s3/slicewise/x.log"]
    mark = Mark(job)
    mark.leave([BAD])
    assert mark.sentences() == [] and not mark.path.exists()
