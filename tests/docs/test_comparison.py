"""What docs/comparison.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from slicewise.cli import main
from slicewise.evaluation.comparison import fewest
from slicewise.report.changed import PATIENTS
from tests.test_compare import scored

PAGE = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text(encoding="utf-8")


def test_the_command_writes_what_the_page_says(tmp_path, monkeypatch, capsys):
    (command,) = re.findall(r"^```console\n(.*?)\n```", PAGE, re.M | re.S)
    program, *arguments = command.split()
    assert program == "slicewise"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for k, folder in enumerate(arguments[1:3]):
        scored(Path(folder), k / 20)
    assert main(arguments) == 0
    assert "is better than" in capsys.readouterr().out
    made = {path.name for path in (tmp_path / "here" / "compared").iterdir()}
    assert made == {"comparison.html", "comparison.tsv", "comparison_cases.tsv"}
    assert all(name in PAGE for name in made)


def test_numbers_of_patients_are_those_of_the_code():
    assert f"With fewer\n  than {fewest(1)} patients" in PAGE
    assert f"with 3 experiments (3 comparisons) fewer than {fewest(3)};" in PAGE
    assert PATIENTS == 6
    assert "the six patients that changed most" in PAGE


def test_the_settings_are_settings():
    from slicewise.config import Evaluation, Training

    blocks: dict = {}
    for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S):
        blocks |= yaml.safe_load(text)
    baseline = blocks["experiments"]["baseline"]
    assert Training(**baseline["training"]).seeds == [1, 2, 3]
    assert Evaluation(**blocks["evaluation"]).bins == {"age": [40, 60]}


@pytest.mark.parametrize("line", re.findall(r"^one and two: .*$", PAGE, re.M))
def test_a_refusal_reads_as_on_the_page(line, tmp_path, capsys):
    folders = [scored(tmp_path / "t" / name) for name in ("one", "two")]
    for folder, kept in zip(folders, ("abcdef", "bcdef"), strict=True):
        table = folder / "metrics.tsv"
        rows = table.read_text().splitlines(keepends=True)
        table.write_text("".join(row for row in rows if row[:5] == "case\t" or row[0] in kept))
    assert main(["compare", *map(str, folders)]) == 1
    assert capsys.readouterr().err == f"slicewise: {line}\n".replace("p07", "a")
