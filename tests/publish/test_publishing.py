"""`slicewise publish`: the files, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from slicewise.cli import main
from slicewise.files import write_text
from tests.published import experiment


@pytest.fixture
def folders(tmp_path):
    place = tmp_path / "results" / "tiny"
    return [experiment(place / "tutorial"), experiment(place / "baseline", 0.05)]


def published(folders, output, *more: str) -> int:
    return main(["publish", *map(str, folders), "--output", str(output), *more])


def test_two_experiments_are_written_and_compared(folders, tmp_path, capsys):
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    said = capsys.readouterr().out
    assert "8 questions that only its authors can answer" in said
    assert {path.name for path in output.iterdir()} == {
        *(f"paper.{kind}" for kind in ("md", "tex", "html")),
        *(f"{name}.csv" for name in ("results", "patients", "comparison")),
        "references.bib",
        "questions.md",
    }
    text = (output / "paper.md").read_text()
    assert "baseline is better than tutorial by 0.050" in text
    assert "| baseline − tutorial | mean | 6 | 0.050 \\[0.050, 0.050\\] | 0.031 | 0.031 |" in text
    bibliography = (output / "references.bib").read_text()
    cited = {
        key for key in ("wilcoxon1945ranking", "pratt1959zeros") if f"{{{key}," in bibliography
    }
    assert len(cited) == 2
    dice = pd.read_csv(output / "comparison.csv").set_index("metric").loc["dice"]
    assert dice["difference"] == pytest.approx(0.05)


def test_what_is_there_is_kept(folders, tmp_path, capsys):
    output = tmp_path / "paper"
    write_text(output / "paper.md", "by hand")
    assert published(folders[:1], output) == 1
    assert "paper.md: is there already" in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == ["paper.md"]
    assert published(folders[:1], output, "--force") == 0
    assert (output / "paper.md").read_text().startswith("# Segmentation of tiny")


def test_several_data_sets_are_refused(folders, tmp_path, capsys):
    other = experiment(tmp_path / "results" / "other" / "baseline")
    assert published([folders[0], other], tmp_path / "paper") == 1
    assert "experiments of several data sets" in capsys.readouterr().err
    assert not (tmp_path / "paper").exists()


def test_a_training_of_an_earlier_version_is_refused(folders, tmp_path, capsys):
    path = folders[0] / "fold-0" / "config.yaml"
    record = yaml.safe_load(path.read_text())
    del record["experiment"]["loss"]
    write_text(path, yaml.safe_dump(record))
    assert published(folders[:1], tmp_path / "paper") == 1
    assert "do not say 'loss', as an earlier version wrote them" in capsys.readouterr().err
