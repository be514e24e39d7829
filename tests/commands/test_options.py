"""Kinds of arguments that commands share."""

import pytest

from slicewise.cli import main


def test_reproduce_wants_the_folder_of_the_workflow(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # neither here nor, as where it was installed by itself, beside the library
    monkeypatch.setattr("slicewise.sources.LIBRARY", tmp_path / "site-packages" / "slicewise")
    assert main(["reproduce", "abc"]) == 1
    assert "slicewise's is neither here nor beside the library" in capsys.readouterr().err
    (tmp_path / "Snakefile").touch()  # somebody else's
    assert main(["reproduce", "abc", "--snakefile", "Snakefile"]) == 1
    assert "Snakefile: this is not slicewise's Snakefile" in capsys.readouterr().err


def test_paths_are_expanded(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDY", str(tmp_path / "there"))
    assert main(["ui", "--results=$STUDY"]) == 1
    assert str(tmp_path / "there" / "mlflow.db") in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ui", "--results=$NOT_SET/x"])
    assert "the variable $NOT_SET is not set" in capsys.readouterr().err


def test_an_address_of_a_bucket_is_no_folder(capsys):
    address = "s3://study/results/tiny/baseline"
    for command in (["compare", address, address], ["publish", address, "--output", "paper"]):
        with pytest.raises(SystemExit):
            main(command)
        said = capsys.readouterr().err.splitlines()[-1]
        assert f"{address}: an address is no file or folder; copy what lies there" in said
    assert main(["inspect", address]) == 1
    assert f"slicewise: {address}: an address is no file" in capsys.readouterr().err


SEGMENT = ["segment", "x.nii.gz", "--model", "m", "--output", "o"]


@pytest.mark.parametrize(
    ("arguments", "option", "said"),
    [
        # of 0 or fewer slices at a time none would ever be done
        (SEGMENT, "--batch=0", "whole number of 1"),
        (SEGMENT, "--batch=x", "whole number of 1"),
        (["serve", "--model", "m"], "--waiting=0", "whole number of 1"),
        (["serve", "--model", "m"], "--megabytes=-1", "whole number of 1"),
        (["listen", "--model", "m", "--output", "o"], "--quiet=-1", "number of 0"),
        (["next", "masks"], "--count=-1", "whole number of 1"),
        (["reproduce", "run"], "--tolerance=nan", "number of 0"),
    ],
)
def test_numbers_that_no_work_is_done_with_are_refused(arguments, option, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*arguments, option])
    assert ended.value.code == 2
    name, _, value = option.partition("=")
    assert f"argument {name}: '{value}' is no {said} or more" in capsys.readouterr().err
