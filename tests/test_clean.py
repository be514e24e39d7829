"""What may go of results: how much it is, what it costs, and that nothing else goes."""

import errno
import itertools
import re
import shutil
from pathlib import Path

import pytest

from slicewise.clean import KINDS, Part, data_sets, delete, parts_of, size_in_words
from slicewise.cli import main
from slicewise.errors import SlicewiseError
from slicewise.training.checkpoints import Checkpoints

FILES = {
    "checkpoints": ["one/checkpoints/fold-0/key/step-000000001.npz"],
    "converted": ["cases/a/image.nii.gz", "cases/a/mask.nii.gz"],
    "slices": ["slices/r/a/image.npy", "slices/r/a/geometry.json"],
    "predictions": ["one/predictions/a.nii.gz", "one/predictions/_shards/0.json"],
}
KEPT = ["cases/a/record.json", "one/fold-0/model.keras", "one/metrics.tsv", "cases.tsv"]
RECORDS = "cases/_shards/train-0.json"
TIMINGS = {"slices/r/train-0": 30, "predict/one/0": 60, "train/one/fold-0": 3600}


@pytest.fixture
def results(tmp_path) -> Path:
    folder = tmp_path / "results" / "ct"
    for name in [*itertools.chain(*FILES.values()), *KEPT, RECORDS]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"0123456789")
    for name, seconds in TIMINGS.items():
        path = folder / "timings" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n{seconds}\t-\n")
    return folder


def left(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "timings" not in path.parts
    }


def part(results: Path, kind: str) -> Part:
    (only,) = (each for each in parts_of(results) if each.kind == kind)
    return only


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_was_named_goes(results, kind):
    before = left(results)
    there = part(results, kind)
    assert (there.files, there.bytes) == (len(FILES[kind]), 10 * len(FILES[kind]))
    delete([there])
    # without the records of converted cases, nobody takes these for being there
    gone = {*FILES[kind], *([RECORDS] if kind == "converted" else [])}
    assert left(results) == before - gone
    assert part(results, kind).paths == ()


def test_records_stay_where_nothing_was_converted(results):
    for name in FILES["converted"]:
        (results / name).unlink()
    delete([part(results, "converted")])
    assert (results / RECORDS).exists()


def test_it_costs_what_the_jobs_took(results):
    assert part(results, "slices").seconds == 30
    assert part(results, "predictions").seconds == 60
    assert part(results, "converted").seconds == 3690
    assert "1 h 01 min" in part(results, "converted").in_words
    (results / "timings/slices/r/train-0.tsv").write_text("s\tmax_r")  # a kill left that
    assert part(results, "slices").seconds == 0


def test_checkpoints_of_a_training_that_runs_stay(results):
    stopped, running = (results / "one/checkpoints/fold-0" / key for key in ("key", "other"))
    with Checkpoints(running):
        owner = (running / "lock").stat().st_size
        assert delete([part(results, "checkpoints")]) == owner
        assert running.is_dir()
        assert not stopped.exists()


def test_what_cannot_be_deleted_is_named_by_its_path(results, monkeypatch):
    def refused(path: Path) -> None:
        # as `shutil.rmtree` says it
        raise PermissionError(errno.EACCES, "Permission denied", "image.npy")

    monkeypatch.setattr(shutil, "rmtree", refused)
    place = part(results, "slices").paths[0]
    with pytest.raises(SlicewiseError, match=f"^{re.escape(str(place))}: it cannot be deleted"):
        delete([part(results, "slices")])


def test_a_link_to_another_disk_stays(results, tmp_path):
    scratch = tmp_path / "scratch"
    (results / "slices").rename(scratch)
    (results / "slices").symlink_to(scratch)
    delete([part(results, "slices")])
    assert (results / "slices").is_dir()
    assert not list(scratch.iterdir())


def test_data_sets_are_those_that_have_cases(results, tmp_path):
    assert data_sets(tmp_path / "results") == [results]
    assert data_sets(tmp_path / "results", "ct") == [results]
    with pytest.raises(SlicewiseError, match="no results of 'mr'; there are: ct"):
        data_sets(tmp_path / "results", "mr")
    with pytest.raises(SlicewiseError, match="there are: none"):
        data_sets(tmp_path / "nowhere")


@pytest.mark.parametrize(("number", "words"), [(0, "0 B"), (1000, "1.0 kB"), (2.5e12, "2.5 TB")])
def test_sizes_are_said_in_words(number, words):
    assert size_in_words(int(number)) == words


def ended(asked):
    raise EOFError


def test_the_command_says_what_there_is_and_deletes_what_is_named(results, capsys, monkeypatch):
    place = ["--results", str(results.parent)]
    before = left(results)
    for arguments in (["clean", *place], ["clean", "slices", "--dry-run", *place]):
        assert main(arguments) == 0
        assert "slices            20 B, 2 files: cut again" in capsys.readouterr().out
    assert main(["clean", "slices", *place]) == 1  # nobody can answer
    assert "give --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", ended)
    assert main(["clean", "slices", *place]) == 1
    assert "the input ended (Ctrl-D) before an answer" in capsys.readouterr().err
    for answer, code in (("", 1), ("n", 1), ("y", 0)):
        assert left(results) == before
        monkeypatch.setattr("builtins.input", lambda asked, answer=answer: answer)
        assert main(["clean", "slices", *place]) == code
    assert left(results) == before - {*FILES["slices"]}
    with Checkpoints(results / "one/checkpoints/fold-0/key"):
        assert main(["clean", "checkpoints", "--yes", *place]) == 0
    assert "stay: a training that runs owns them, or" in capsys.readouterr().out
    assert main(["clean", "slises", *place]) == 1
    assert "'slises' is none of checkpoints, converted" in capsys.readouterr().err
