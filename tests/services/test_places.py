"""Where a service listens, and with what it is made."""

from __future__ import annotations

import socket

import pytest

from slicewise.cli import main
from slicewise.services.places import warn_of_others
from tests.services.test_http import light, model

__all__ = ["light", "model"]


def test_a_place_where_nobody_can_listen_is_a_sentence(light, capsys):
    assert main(["serve", "--model", str(light), "--host", "no such host"]) == 1
    assert "nothing can listen there" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--model", str(light), "--port", port]) == 1
    assert f"--port {port}: nothing can listen there" in capsys.readouterr().err


def test_what_is_not_installed_is_named(light, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("slicewise.services.places.find_spec", lambda name: None)
    arguments = ["--model", str(light)]
    assert main(["listen", *arguments, "--output", str(tmp_path)]) == 1
    assert "pynetdicom: not installed, and needed for this" in capsys.readouterr().err
    assert main(["serve", *arguments]) == 1
    assert "pip install fastapi uvicorn" in capsys.readouterr().err


@pytest.mark.parametrize(("address", "warned"), [("127.0.0.1", 0), ("::1", 0), ("0.0.0.0", 1)])
def test_others_who_can_listen_are_warned_of(address, warned):
    said = []
    warn_of_others(address, said.append)
    assert len(said) == warned
