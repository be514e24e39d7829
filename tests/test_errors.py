"""What users can do about errors has a sentence; faults of ours have none."""

import errno
import os
import tempfile

import pytest

from slicewise import cli
from slicewise.errors import SeveralErrors, SlicewiseError, explained, not_installed


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.EACCES, "x: this user may not read or write it; ask its owner"),
        (errno.EPERM, "x: this user may not"),
        (errno.EROFS, "x: the file system is read-only"),
        (errno.EFBIG, "x: larger than files may be here; raise the limit"),
        (errno.ENOSPC, "x: no space left on the disk"),
        (errno.EDQUOT, "x: no space left on the disk"),
        (errno.EMFILE, "x: too many files are open"),
        (errno.ENAMETOOLONG, "x: the name is longer than the file system takes"),
    ],
)
def test_faults_of_the_system_have_a_sentence(code, said):
    assert explained(OSError(code, os.strerror(code), "x")).startswith(said)
    assert explained(OSError(code, os.strerror(code)), "x").startswith(said)
    assert explained(OSError(code, os.strerror(code), "a", None, "x")).startswith(said)


def test_other_faults_have_none():
    assert explained(OSError(errno.EIO, "input/output error", "x")) is None
    assert explained(OSError("anything")) is None


def test_a_path_that_the_error_does_not_name_is_named_by_the_caller():
    error = OSError(errno.ENOSPC, "no space")
    assert explained(error) == "no space left on the disk; free some and rerun"
    assert explained(error, "out.npy") == "out.npy: no space left on the disk; free some and rerun"


def test_no_place_for_temporary_files_names_what_is_to_be_set(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.gettempdir()
    said = explained(caught.value)
    assert said.startswith("TMPDIR: temporary files can be written nowhere")
    assert said == explained(caught.value, "log"), "and not the log of the job"


def test_several_errors_keep_each_sentence():
    several = SeveralErrors([SlicewiseError("a: wrong"), SlicewiseError("b: wrong")])
    assert str(several) == "a: wrong b: wrong"
    assert [str(each) for each in several.errors] == ["a: wrong", "b: wrong"]
    assert isinstance(several, SlicewiseError)


@pytest.mark.parametrize("module", ["mlflow", "mlflow.client", "matplotlib.figure", "keras"])
def test_what_the_workflow_brings_is_named_with_its_extra(module: str) -> None:
    said = not_installed(module)
    assert said is not None
    assert said.startswith(module.split(".")[0] + ": ")
    assert "pip install --editable '.[tensorflow]'" in said


@pytest.mark.parametrize("module", ["numpy", "slicewise.nothing", "", "mlflows"])
def test_the_lack_of_anything_else_is_a_fault(module: str) -> None:
    assert not_installed(module) is None


@pytest.mark.parametrize(("module", "status"), [("matplotlib", 1), ("numpy", None)])
def test_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys, module: str, status: int | None
) -> None:
    def lacking(options: object) -> int:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setitem(cli.COMMANDS, "ui", lacking)
    if status is None:
        with pytest.raises(ModuleNotFoundError):
            cli.main(["ui"])
        return
    assert cli.main(["ui"]) == status
    assert capsys.readouterr().err.startswith("slicewise: matplotlib: this needs it")
