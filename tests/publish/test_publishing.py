"""`slicewise publish`: the files, and what is refused."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile

import pandas as pd
import pytest
import yaml

from slicewise.cli import main
from slicewise.crate import open_crate
from slicewise.errors import SlicewiseError
from slicewise.evaluation.statistics import read_metrics, summarise
from slicewise.files import sha256, write_bytes, write_json, write_text
from slicewise.publish import publishing
from slicewise.publish.figures import FOLDER, FORMATS, Drawn
from tests.crate.made import mixed, tracked
from tests.published import experiment, write_scores
from tests.test_compare import with_regions


@pytest.fixture
def folders(tmp_path):
    place = tmp_path / "results" / "tiny"
    return [experiment(place / "tutorial"), experiment(place / "baseline", 0.05)]


@pytest.fixture
def sketched(monkeypatch):
    """Let figures be empty: most of the time goes to drawing them."""

    def files(drawn: Drawn) -> dict[str, bytes | str]:
        kinds = (*FORMATS, "png", "csv")
        return {f"{FOLDER}/{drawn.name}.{kind}": f"no {kind}" for kind in kinds}

    monkeypatch.setattr(Drawn, "files", files)


def published(folders, output, *more: str) -> int:
    return main(["publish", *map(str, folders), "--output", str(output), *more])


def test_two_experiments_are_written_and_compared(folders, tmp_path, capsys):
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    said = capsys.readouterr().out
    assert "13 questions that only its authors can answer" in said
    assert "Of 44 items, records answer" in said
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    texts = {
        f"{name}.{kind}"
        for name in ("paper", "claim", "tripod-ai", "datasheet")
        for kind in ("md", "tex", "html")
    }
    drawn = ("differences", "dice-baseline", "training-tutorial", "volumes-baseline-liver")
    assert texts <= names
    assert {f"figures/{name}.{kind}" for name in drawn for kind in ("pdf", "svg", "csv")} <= names
    assert {"models/baseline.md", "models/tutorial.md", "references.bib", "questions.md"} <= names
    assert {f"{name}.csv" for name in ("results", "patients", "comparison", "claim")} <= names
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


@pytest.mark.skipif(shutil.which("pandoc") is None, reason="pandoc is not installed")
def test_figures_and_tables_reach_a_word_processor(folders, tmp_path):
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    page = (output / "paper.html").read_text()
    command = ["pandoc", "paper.html", "--fail-if-warnings", "--output", "paper.docx"]
    subprocess.run(command, cwd=output, check=True)
    with zipfile.ZipFile(output / "paper.docx") as docx:
        pictures = [name for name in docx.namelist() if name.startswith("word/media/")]
        document = docx.read("word/document.xml").decode()
    assert document.count("<w:drawing>") == page.count("<img ") == 7
    assert pictures
    assert document.count("<w:tbl>") == page.count("<table>")


@pytest.mark.usefixtures("sketched")
def test_what_is_there_is_kept(folders, tmp_path, capsys):
    output = tmp_path / "paper"
    write_text(output / "paper.md", "by hand")
    assert published(folders[:1], output) == 1
    assert "paper.md: is there already" in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == ["paper.md"]
    assert published(folders[:1], output, "--force") == 0
    assert (output / "paper.md").read_text().startswith("# Segmentation of tiny")


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("before", [False, True])
def test_after_a_full_disk_the_same_command_goes_on(folders, tmp_path, monkeypatch, before):
    output = tmp_path / "paper"
    if before:
        assert published(folders[:1], output) == 0

    def full(path, data):
        if path.name == "results.csv":
            raise SlicewiseError(f"{path}: no space left")
        write_bytes(path, data)

    more = ["--force"] if before else []
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "write_bytes", full)
        assert published(folders[:1], output, *more) == 1
    # what an earlier call finished is not lost
    assert (output / "paper.md").exists() == (output / "results.csv").exists() == before
    assert published(folders[:1], output, *more) == 0


def test_regions_of_other_labels_are_refused(folders, tmp_path, capsys):
    numbers = {"necrosis": 1, "rim": 2}
    with_regions(folders[0], numbers, liver=["necrosis", "rim"])
    with_regions(folders[1], numbers, liver=["rim"])
    assert published(folders, tmp_path / "paper") == 1
    assert "liver is made of other labels" in capsys.readouterr().err


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


@pytest.mark.usefixtures("sketched")
def test_contents_are_the_digests_of_all_files(folders, tmp_path):
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    listed = pd.read_csv(output / "contents.tsv", sep="\t").set_index("file")["sha256"]
    there = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert set(listed.index) == there - {"contents.tsv"}
    assert all(sha256(output / name) == digest for name, digest in listed.items())


def test_the_same_results_make_the_same_files(folders, tmp_path):
    for name in ("one", "two"):
        assert published(folders, tmp_path / name) == 0
    first, second = ((tmp_path / name / "contents.tsv").read_text() for name in ("one", "two"))
    assert first == second


@pytest.mark.usefixtures("sketched")
def test_no_file_of_an_earlier_call_is_left_over_but_what_was_edited(folders, tmp_path):
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    edited = output / "models" / "baseline.md"
    edited.write_text("by hand")
    assert published(folders[:1], output, "--force") == 0
    assert not (output / "comparison.csv").exists()
    assert not (output / "figures" / "differences.pdf").exists()
    assert (output / "figures" / "dice-tutorial.pdf").exists()
    assert edited.read_text() == "by hand"


@pytest.mark.usefixtures("sketched")
def test_a_list_of_contents_that_a_spreadsheet_stored_anew_is_refused(folders, tmp_path, capsys):
    output = tmp_path / "paper"
    output.mkdir()
    (output / "contents.tsv").write_text("file\tsha256\n", encoding="utf-16")
    assert published(folders[:1], output, "--force") == 1
    said = capsys.readouterr().err
    assert "contents.tsv: the file is damaged or was edited (it is no text in UTF-8)" in said


@pytest.mark.usefixtures("sketched")
def test_a_list_of_contents_deletes_nothing_elsewhere(folders, tmp_path):
    output = tmp_path / "paper"
    other = tmp_path / "other.txt"
    write_text(other, "not ours")
    write_text(output / "contents.tsv", f"file\tsha256\n../other.txt\t{sha256(other)}\n")
    assert published(folders[:1], output, "--force") == 0
    assert other.exists()


def test_patients_have_numbers_unless_names_are_asked_for(folders, tmp_path):
    place = folders[0].parent
    for path in (place / "cases.tsv", place / "split.tsv", folders[0] / "metrics.tsv"):
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        for column in ("case", "patient"):
            table[column] = "Maria_Muster_" + table[column]
        write_text(path, table.to_csv(sep="\t", index=False))
    config = folders[0] / "fold-0" / "config.yaml"
    record = yaml.safe_load(config.read_text())
    record["train"] = [f"Maria_Muster_{case}" for case in record["train"]]
    write_text(config, yaml.safe_dump(record))
    write_json(folders[0] / "summary.json", summarise(read_metrics(folders[0] / "metrics.tsv")))
    output = tmp_path / "numbered"
    assert published(folders[:1], output) == 0
    for path in output.rglob("*"):
        if path.suffix in (".md", ".tex", ".html", ".csv", ".tsv", ".svg"):
            assert "Muster" not in path.read_text(), path
    numbered = [f"patient-{number}" for number in range(1, 7)]
    assert list(pd.read_csv(output / "patients.csv")["patient"]) == numbered
    assert published(folders[:1], tmp_path / "named", "--names") == 0
    assert "Maria_Muster_a" in (tmp_path / "named" / "patients.csv").read_text()


@pytest.mark.usefixtures("sketched")
def test_trainings_that_differ_by_the_seed_are_told_once(tmp_path):
    place = tmp_path / "results" / "tiny"
    training = {"training": {"seed": 1}}, {"training": {"seed": 2}}
    folders = [
        experiment(place / "base", **training[0]),
        experiment(place / "base-seed2", 0.01, **training[1]),
        experiment(place / "wide", 0.05, network={"filters": [16, 32]}),
    ]
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    text = (output / "paper.md").read_text()
    assert "The training was repeated with the seeds 1, 2." in text
    assert "## Training of base-seed2" not in text
    assert (output / "models" / "wide.md").exists()
    assert not (output / "models" / "base-seed2.md").exists()
    # means are over the seeds, as differences are, and whatever is not says of which it is
    assert "| base | liver | 6 | 0.772 \\[" in text
    assert "| wide − base | mean | 6 | 0.045 \\[" in text
    assert text.count("; with several seeds, each patient counts with the mean over them.") == 3
    assert "base (mean of 2 seeds), liver: Dice 0.772" in text
    assert "| base (seed 1) | patient-4 | 0.600 |" in text
    assert "trained with several seeds counts with the mean over them" in text
    assert "holds the scatter of seeds" not in text  # it takes several of both
    told = pd.read_csv(output / "results.csv").query("label == 'liver' and metric == 'dice'")
    assert {tuple(row) for row in told[["experiment", "seeds"]].to_numpy()} == {
        *(("base", "1, 2"), ("base", "1"), ("base-seed2", "2"), ("wide", "1"))
    }
    card = (output / "models" / "base.md").read_text()
    assert "base (seed 1), liver: Dice 0.767" in card
    assert "not repeated" not in card


@pytest.mark.usefixtures("sketched")
def test_the_seeds_of_one_experiment_are_not_compared_as_if_they_were_two(tmp_path):
    place = tmp_path / "results" / "tiny"
    folders = [
        experiment(place / "base", training={"seed": 1}),
        experiment(place / "base-seed2", 0.05, training={"seed": 2}),
    ]
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    text = (output / "paper.md").read_text()
    assert "base (mean of 2 seeds), liver: Dice 0.792" in text
    assert "better than" not in text and "Paired differences" not in text
    assert not (output / "comparison.csv").exists()
    for path in (output / "claim.md", output / "models" / "base.md"):
        assert "Trainings were not repeated" not in path.read_text()
    # of one of them alone it is not said that there are no others
    assert published(folders[1:], output, "--force") == 0
    said = "Trainings with other seeds were left out of what is told here (base)."
    for path in (output / "tripod-ai.md", output / "models" / "base-seed2.md"):
        assert said in path.read_text()
        assert "Trainings were not repeated" not in path.read_text()


@pytest.mark.usefixtures("sketched")
def test_seeds_of_other_patients_are_refused(tmp_path, capsys):
    place = tmp_path / "results" / "tiny"
    folders = [experiment(place / f"base-seed{k}", training={"seed": k}) for k in (1, 2)]
    scores = read_metrics(str(folders[0] / "metrics.tsv"))
    write_scores(folders[0], scores.assign(truth_sha256="another"))
    assert published(folders, tmp_path / "paper") == 1
    assert "they cannot be compared" in capsys.readouterr().err


@pytest.mark.usefixtures("sketched")
def test_validation_patients_are_not_in_the_differences_of_tests(folders, tmp_path):
    of_both = [folder / "metrics.tsv" for folder in folders]
    for path in (*of_both, folders[0].parent / "split.tsv"):
        table = pd.read_csv(path, sep="\t")
        table.loc[table["case"].isin(["a", "b"]), "subset"] = "validation"
        write_text(path, table.to_csv(sep="\t", index=False))
    for folder in folders:
        write_json(folder / "summary.json", summarise(read_metrics(folder / "metrics.tsv")))
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    text = (output / "paper.md").read_text()
    assert "| baseline − tutorial | mean | 4 |" in text
    assert "| baseline − tutorial | mean | 2 |" not in text


@pytest.mark.usefixtures("sketched")
def test_each_source_that_a_text_cites_is_in_the_bibliography(folders, tmp_path):
    output = tmp_path / "paper"
    assert published(folders, output) == 0
    bibliography = (output / "references.bib").read_text()
    cited = set()
    for path in output.glob("*.tex"):
        for keys in re.findall(r"\\cite\{([^}]*)\}", path.read_text()):
            cited |= set(keys.split(","))
    assert {"tejani2024claim", "collins2024tripod"} <= cited
    assert all(f"{{{key}," in bibliography for key in cited)


@pytest.fixture
def known(tmp_path):
    return tracked(tmp_path / "results" / "tiny" / "baseline")


@pytest.mark.usefixtures("sketched")
def test_a_crate_lies_beside_the_text(known, tmp_path, capsys):
    output = tmp_path / "paper"
    assert published([known], output, "--names") == 0
    assert f"make it again by: {output / 'crate.zip'}" in capsys.readouterr().out
    assert "Under which licence may others use the crate" in (output / "questions.md").read_text()
    with open_crate(output / "crate.zip") as archive:
        assert archive.note.experiments.keys() == {"baseline"}
    assert "say who somebody is" in (output / "questions.md").read_text()
    # names are those of results, or of nobody
    assert published([known], output) == 1
    assert published([known], output, "--force") == 0
    with open_crate(output / "crate.zip") as archive:
        assert archive.note.numbered
        assert b"patient-1" in archive.read("cases.tsv")
    assert "say who somebody is" not in (output / "questions.md").read_text()
    assert published([known], output, "--force", "--no-crate") == 0
    assert "no crate.zip: none was asked for" in capsys.readouterr().out
    assert not (output / "crate.zip").exists()
    assert "crate" not in (output / "questions.md").read_text()


@pytest.mark.usefixtures("sketched")
def test_nothing_is_written_where_the_crate_is_refused(known, tmp_path, capsys):
    write_text(known / "fold-0" / "model.keras", "another")
    assert published([known], tmp_path / "paper", "--names") == 1
    assert "it is not the file that its run made" in capsys.readouterr().err
    assert published([known], tmp_path / "paper", "--names", "--license", "my own") == 1
    assert not (tmp_path / "paper").exists()
    assert published([known], tmp_path / "paper", "--names", "--no-crate") == 0
    assert not (tmp_path / "paper" / "crate.zip").exists()


@pytest.mark.usefixtures("sketched")
def test_an_ensemble_is_written_with_its_members_and_a_crate(tmp_path, capsys):
    folder = mixed(tmp_path / "results" / "tiny")
    output = tmp_path / "paper"
    assert published([folder, folder.parent / "baseline"], output, "--license", "CC-BY-4.0") == 0
    assert "make it again by: " in capsys.readouterr().out
    text = (output / "paper.md").read_text()
    for title in ("Network of baseline", "Network of tutorial", "Prediction of together"):
        assert text.count(f"## {title}\n") == 1
    assert (output / "models" / "together.md").exists()
    assert not (output / "models" / "tutorial.md").exists()
    assert (output / "figures" / "training-tutorial.pdf").exists()
    assert "{dietterich2000ensemble," in (output / "references.bib").read_text()
    assert set(pd.read_csv(output / "results.csv")["experiment"]) == {"together", "baseline"}
    with open_crate(output / "crate.zip") as archive:
        assert archive.note.experiments["together"].weights.keys() == {"all"}
        trained = yaml.safe_load(archive.read("experiments/together/tutorial/fold-0/config.yaml"))
        assert all(case.startswith("case-") for case in trained["train"])
