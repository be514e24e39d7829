"""Commands that use a trained model: what they refuse before it is loaded."""

import pytest

from slicewise.cli import main


def test_a_scan_that_is_not_there_is_one_sentence_and_leaves_nothing(tmp_path, capsys):
    output = tmp_path / "masks"
    missing = str(tmp_path / "scan.nii.gz")
    assert main(["segment", missing, "--model", "none.keras", "--output", str(output)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert missing in said
    assert not output.exists()


def test_a_file_that_is_there_is_not_exported_to(tmp_path, capsys):
    there = tmp_path / "model.onnx"
    there.write_text("somebody's")
    assert main(["export", "none.keras", "--output", str(there)]) == 1
    assert str(there) in capsys.readouterr().err
    assert there.read_text() == "somebody's"


def test_next_wants_a_folder_with_masks(tmp_path, capsys):
    assert main(["next", str(tmp_path)]) == 1
    assert f"{tmp_path}: there is no mask of a new scan" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["segment", "serve", "listen"])
def test_a_model_is_asked_for(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command])
    assert ended.value.code == 2
    assert "--model" in capsys.readouterr().err
