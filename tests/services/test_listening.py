"""`slicewise listen` as a process: who may send, what a kill leaves, what is refused."""

from __future__ import annotations

import signal

from slicewise.cli import main
from tests.services.test_node import dcmtk, eventually, listening, model, pacs, study

__all__ = ["dcmtk", "model", "pacs", "study"]


def test_only_those_who_may_send_can(model, study, tmp_path):
    node = listening(model, tmp_path / "node", "--from", "OTHER")
    refused = node.send(study)
    assert refused.returncode != 0
    assert "Calling AE Title Not Recognized" in refused.stdout + refused.stderr
    assert not node.files("incoming/**/*")
    assert node.stop() == 0
    node = listening(model, tmp_path / "node", "--from", "SCANNER")
    assert node.send(study, "NOBODY").returncode != 0
    assert node.send(study).returncode == 0
    assert node.stop() == 0


def test_a_killed_node_goes_on_with_what_it_has(model, study, pacs, tmp_path):
    place, archive = pacs
    node = listening(model, tmp_path / "node", "--quiet", "600")
    assert node.send(study).returncode == 0
    node.process.send_signal(signal.SIGKILL)
    node.process.wait()
    assert len(node.files("incoming/*/*.dcm")) == 5
    again = listening(model, tmp_path / "node", "--send-to", place)
    eventually(lambda: list(archive.iterdir()), again.said)
    assert again.stop() == 0


def test_two_nodes_share_no_folder(model, tmp_path, capsys):
    node = listening(model, tmp_path / "node")
    arguments = ["listen", "--model", str(model), "--output", str(node.folder), "--port", "0"]
    assert main(arguments) == 1
    assert "another process works in it" in capsys.readouterr().err
    assert node.stop() == 0


def test_a_title_that_is_too_long_is_refused(model, tmp_path, capsys):
    arguments = ["listen", "--model", str(model), "--output", str(tmp_path / "node")]
    assert main([*arguments, "--title", "A" * 17]) == 1
    assert "AE titles have 1 to 16 plain characters" in capsys.readouterr().err
