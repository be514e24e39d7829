"""Commands about data and settings."""

import json
from pathlib import Path

import pytest

from slicewise.cli import main

ROOT = Path(__file__).parents[2]


def test_the_schema_is_printed(capsys):
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert set(schema["properties"]) >= {"dataset", "split", "slices", "experiments"}


def test_the_committed_schema_is_up_to_date():
    assert main(["schema", "--check", str(ROOT / "config" / "schema.json")]) == 0


@pytest.mark.parametrize("content", [b"{}\n", b"not JSON", "{}".encode("utf-16"), b"\xe9"])
def test_another_schema_is_one_sentence(tmp_path, capsys, content):
    old = tmp_path / "schema.json"
    old.write_bytes(content)
    assert main(["schema", "--check", str(old)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(old) in said


def test_a_missing_schema_is_one_sentence(tmp_path, capsys):
    missing = str(tmp_path / "schema.json")
    assert main(["schema", "--check", missing]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert missing in said
