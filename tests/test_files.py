"""Files appear whole under their names, or not at all."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import (
    atomic,
    below,
    data_folder,
    digest,
    expanded,
    keep_json,
    read_json,
    refuse_unfit,
    sha256,
    sweep,
    sweep_halves,
    write_json,
    write_text,
    write_yaml,
)


def test_a_file_appears_with_its_folder_and_nothing_beside_it(tmp_path):
    target = tmp_path / "new" / "folder" / "a.txt"
    write_text(target, "µ\n")
    assert target.read_bytes() == "µ\n".encode()
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_the_final_name_is_not_there_while_writing(tmp_path):
    target = tmp_path / "image.nii.gz"
    with atomic(target) as temporary:
        temporary.write_bytes(b"half")
        assert not target.exists()
        # writers choose the format by the suffix, and a rename works on one file system only
        assert temporary.name.endswith(".nii.gz")
        assert temporary.parent == target.parent
    assert target.read_bytes() == b"half"


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_whatever_interrupts_leaves_what_was_there(tmp_path, fault):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(fault), atomic(target) as temporary:
        temporary.write_text("half of the n")
        raise fault
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, code):
    def full(self, data):
        with self.open("wb") as stream:
            stream.write(data[:3])
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SlicewiseError, match=r"a\.txt: no space left .*; free some") as caught:
        write_text(tmp_path / "a.txt", "longer than three")
    # it may be snakemake, or any command of slicewise
    assert "run the same command again" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_another_fault_of_the_system_is_not_taken_for_a_full_disk(tmp_path):
    said = r"a\.txt: this user may not read or write it; ask its owner"
    with pytest.raises(SlicewiseError, match=said), atomic(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(OSError, match="broken"), atomic(tmp_path / "a.txt"):
        raise OSError(errno.EIO, "broken")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from slicewise.files import atomic
with atomic(Path(sys.argv[1])) as half:
    half.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_kill_leaves_is_swept_and_nothing_else(tmp_path):
    for name in ("model.keras", "fold-0/history.csv", "mlflow.db"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        done = subprocess.run([sys.executable, "-c", KILLED, str(target)])
        assert done.returncode == -signal.SIGKILL
    left = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert len(left) == 3
    kept = [tmp_path / ".registry.lock", tmp_path / ".1-a.b", tmp_path / "1-abcd12345678.x"]
    of_others = tmp_path / f".{os.getpid()}-0000abcd1234.model.keras"
    for path in [*kept, of_others]:
        path.write_text("")
    with atomic(tmp_path / "now.txt") as mine:
        mine.write_text("under way")
        assert {path.parent for path in sweep_halves(tmp_path, deep=False)} == {tmp_path}
        assert [path.parent.name for path in sweep_halves(tmp_path)] == ["fold-0"]
        assert mine.exists(), "its process lives"
    assert of_others.exists(), "of another machine nobody knows"
    os.utime(of_others, (1, 1))
    assert sweep_halves(tmp_path) == [of_others]
    assert all(path.exists() for path in [*kept, tmp_path / "now.txt"])


def test_a_fault_of_another_file_keeps_its_name(tmp_path):
    with pytest.raises(PermissionError, match="other"), atomic(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "no", "other")


def test_a_disk_that_is_too_full_for_the_folder_is_the_same_sentence(tmp_path, monkeypatch):
    def full(self, *arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(SlicewiseError, match="no space left"):
        write_text(tmp_path / "new" / "a.txt", "text")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS])
def test_what_is_only_kept_to_be_faster_ends_nothing(tmp_path, monkeypatch, code):
    """A home over quota, or a folder of caches that belongs to root after one container."""
    path = tmp_path / "kept" / "a.json"
    assert keep_json(path, {"a": 1}) and read_json(path) == {"a": 1}

    def refused(self, data):
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "write_bytes", refused)
    assert not keep_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    with pytest.raises((SlicewiseError, OSError)):
        write_text(path, "which is a result")


def test_json_keeps_the_order_and_refuses_what_json_cannot_say(tmp_path):
    value = {"b": [1, 2.5, None], "a": "µ"}
    write_json(tmp_path / "a.json", value)
    assert list(read_json(tmp_path / "a.json")) == ["b", "a"]
    assert read_json(tmp_path / "a.json") == value
    with pytest.raises(ValueError, match=r"[Oo]ut of range"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_yaml_is_plain(tmp_path):
    write_yaml(tmp_path / "a.yaml", {"b": 1, "a": {"µ": [1, None]}})
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == "b: 1\na:\n  µ:\n  - 1\n  - null\n"


def test_digests(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 1000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc" * 1000).hexdigest()
    # labels become numbers by their order
    assert digest({"a": 1, "b": [2]}) != digest({"b": [2], "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    # digests name checkpoints and runs, so they must stay what they are over releases
    assert (
        digest({"a": 1})
        == hashlib.sha256(json.dumps({"a": 1}).replace(" ", "").encode()).hexdigest()
    )


def test_two_processes_do_not_share_a_temporary_file(tmp_path):
    """Not even those that have the same number on two nodes."""
    with atomic(tmp_path / "a") as mine:
        with atomic(tmp_path / "a") as theirs:
            assert mine != theirs
            theirs.write_text("theirs")
        mine.write_text("mine")
    assert (tmp_path / "a").read_text() == "mine"


def test_what_a_killed_job_left_is_swept_and_nothing_else(tmp_path):
    target = tmp_path / "image.npy"
    with suppress(ZeroDivisionError), atomic(target) as temporary:
        temporary.write_bytes(b"half")
        left = temporary.with_name(temporary.name)
        kept = left.read_bytes()
        raise ZeroDivisionError
    left.write_bytes(kept)  # as SIGKILL leaves it
    others = [tmp_path / name for name in ("image.npy", "mask.npy", ".hidden", ".a-b.mask.npy")]
    for path in others:
        path.write_bytes(b"")
    sweep(target)
    assert sorted(tmp_path.iterdir()) == sorted(others)
    sweep(tmp_path / "no folder" / "image.npy")


def test_what_another_job_is_writing_stays(tmp_path):
    with atomic(tmp_path / "site.p1.nii.gz") as half:
        half.write_text("x")
        sweep(tmp_path / "p1.nii.gz", tmp_path / "*.nii.gz")
        assert half.exists()


def test_a_path_is_expanded_as_by_a_shell(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STUDY", "liver study")
    monkeypatch.chdir(tmp_path)
    assert expanded("~/data", "x") == tmp_path / "data"
    assert expanded("$HOME/$STUDY", "x") == expanded("${HOME}/${STUDY}", "x")
    assert expanded("a/$STUDY/~", "x") == Path("a/liver study/~")
    assert expanded("plain", "x") == Path("plain")
    assert expanded("~nobody-of-this-name/a", "x") == Path("~nobody-of-this-name/a")
    with pytest.raises(
        SlicewiseError, match=r"^dataset.root: \$NONE/a: the variable \$NONE is not"
    ):
        expanded("$NONE/a", "dataset.root")
    (tmp_path / "$NONE").mkdir()
    assert expanded("$NONE", "x") == Path("$NONE"), "it is there under this very name"


def test_the_folder_of_data_is_that_of_the_environment_else_data(tmp_path, monkeypatch):
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    assert data_folder() == Path("data")
    monkeypatch.setenv("SLICEWISE_DATA", "")
    assert data_folder() == Path("data")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SLICEWISE_DATA", "~/study")
    assert data_folder() == tmp_path / "study"
    monkeypatch.setenv("SLICEWISE_DATA", "$NONE/study")
    with pytest.raises(SlicewiseError, match=r"^SLICEWISE_DATA: .*\$NONE is not set"):
        data_folder()


def test_paths_that_snakemake_would_fill_in_are_refused():
    refuse_unfit(["a b/[c]/%d/que?x=1/ü#.nii", Path("x")])
    for path in ("a/{b}/c.nii", Path("{x"), "y}"):
        with pytest.raises(SlicewiseError, match=r"^.*[{}].*: to Snakemake, .*; rename"):
            refuse_unfit(["fine", path])


def test_paths_that_are_no_text_are_refused():
    for path in ("K\udcf6ln/p1.nii", Path("a/\udce9")):
        with pytest.raises(SlicewiseError, match=r"^\S*\\x[ef]\S*: a name in it is no text.*; ren"):
            refuse_unfit(["fine/ü", path])


def test_a_text_about_a_name_that_is_no_text_is_written(tmp_path):
    write_text(tmp_path / "page", "ü of K\udcf6ln")
    assert (tmp_path / "page").read_text(encoding="utf-8") == r"ü of K\udcf6ln"


def test_what_only_looks_like_something_left_stays(tmp_path):
    target = tmp_path / "fold-0.nii.gz"
    own = tmp_path / ".7-abcd12345678.fold-0.nii.gz"
    others = [tmp_path / name for name in (".fold-0.nii.gz", ".7-abcd12345678.fold-1.nii.gz")]
    # of a case whose name ends as this one's, and what a user made
    others += [
        tmp_path / f".{name}.fold-0.nii.gz" for name in ("7-abcd12345678.site", "a-b", "7-x")
    ]
    for path in (target, own, *others):
        path.touch()
    sweep(target, tmp_path / "fold-2.nii.gz")
    assert sorted(tmp_path.iterdir()) == sorted([target, *others])


def test_a_path_below_a_folder_is_taken_to_the_letter_where_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY", "livers")
    assert below(tmp_path, "$STUDY/cases.tsv", "a table") == tmp_path / "livers" / "cases.tsv"
    (tmp_path / "$STUDY").mkdir()
    assert below(tmp_path, "$STUDY", "a table") == tmp_path / "$STUDY"
    assert below(tmp_path, f"{tmp_path}/x", "a table") == tmp_path / "x"
