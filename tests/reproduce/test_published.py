"""What a crate says is brought to where it is made again, with the data at hand."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from slicewise.cli import main
from slicewise.crate import Wanted, gather_crate, write_crate
from slicewise.crate.images import ImageFile
from slicewise.errors import SlicewiseError
from slicewise.files import write_text
from slicewise.reproduce import again, published
from slicewise.reproduce.differences import split_differences
from slicewise.reproduce.outcome import Reproduction
from slicewise.reproduce.published import bring_published
from slicewise.tracking.connection import ADDRESS
from tests.crate import made
from tests.crate.made import tracked

WORKFLOW = Path(__file__).parents[2]


@pytest.fixture
def crate(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(ADDRESS, "")
    monkeypatch.chdir(tmp_path)
    folder = tracked(tmp_path / "theirs" / "results" / "tiny" / "tutorial")
    write_crate(gather_crate(Wanted(WORKFLOW), [folder]), tmp_path / "crate.zip")
    return tmp_path / "crate.zip"


@pytest.fixture
def data(tmp_path) -> Path:
    (tmp_path / "my livers").mkdir()
    return tmp_path / "my livers"


@pytest.fixture
def changed(monkeypatch):
    """Let settings be others, as they are read."""
    read = published.read_settings

    def change(**blocks: dict[str, Any]) -> None:
        def edited(*arguments):
            settings = read(*arguments)
            for block, values in blocks.items():
                settings[block] |= values
            return settings

        monkeypatch.setattr(published, "read_settings", edited)

    return change


def published_with(dataset: dict, crate: Path, tmp_path: Path, monkeypatch) -> None:
    """Write a crate of a run whose data set has further settings."""
    settings = made.SETTINGS | {"dataset": made.SETTINGS["dataset"] | dataset}
    monkeypatch.setattr(made, "SETTINGS", settings)
    folder = tracked(tmp_path / "theirs" / "results" / "tiny" / "tutorial")
    write_crate(gather_crate(Wanted(WORKFLOW), [folder]), crate)


def test_all_is_brought_and_data_are_those_at_hand(crate, data, tmp_path):
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    assert original.settings["dataset"]["root"] == str(data)
    assert (original.experiment, original.dataset) == ("tutorial", "tiny")
    assert original.fetched.weights == {"0": "w0"}
    assert original.fetched.tags["git_commit"] == "f" * 40
    assert original.folder == tmp_path / "results" / "reproduced" / original.fetched.run_id[:12]
    assert {path.name for path in original.files.iterdir()} == {
        *("settings.yaml", "cases.tsv", "split.tsv", "metrics.tsv", "environment.txt"),
    }
    # new runs are tracked where this user's are
    assert os.environ[ADDRESS] == f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}"


def test_of_an_ensemble_all_members_are_brought(crate, data, tmp_path):
    folder = made.mixed(tmp_path / "theirs" / "results" / "tiny")
    write_crate(gather_crate(Wanted(WORKFLOW), [folder]), crate)
    with pytest.raises(SlicewiseError, match=r"my livers/m\.keras: is missing"):
        bring_published(crate, data, tmp_path / "results", print)
    write_text(data / "m.keras", "what a member started from")
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    assert original.experiment == "together"
    assert list(original.fetched.weights) == ["all"]
    trained = original.settings["experiments"]
    assert trained["baseline"]["training"]["start_from"] == str(data / "m.keras")
    assert original.settings["ensembles"]["together"]["ensemble"] == [*trained]


def test_who_learned_from_another_is_brought_with_it(crate, data, tmp_path, monkeypatch):
    student = {"slices": "axial", "training": {"epochs": 4, "distil": {"teacher": "tutorial"}}}
    experiments = made.SETTINGS["experiments"] | {"baseline": student}
    monkeypatch.setattr(made, "SETTINGS", made.SETTINGS | {"experiments": experiments})
    folder = tracked(tmp_path / "theirs" / "results" / "tiny" / "baseline")
    write_crate(gather_crate(Wanted(WORKFLOW), [folder]), crate)
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    assert original.experiment == "baseline"
    assert original.settings["experiments"].keys() == {"baseline", "tutorial"}


def test_what_members_start_from_is_made_again_where_it_is_a_member(
    crate, data, tmp_path, monkeypatch
):
    tuned = {"slices": "axial", "training": {"start_from": "results/tiny/baseline/fold-0"}}
    first = {"slices": "axial", "training": {"epochs": 4}}
    experiments = {"baseline": first, "tutorial": tuned}
    monkeypatch.setattr(made, "SETTINGS", made.SETTINGS | {"experiments": experiments})
    folder = made.mixed(tmp_path / "theirs" / "results" / "tiny")
    write_crate(gather_crate(Wanted(WORKFLOW), [folder]), crate)
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    started = original.settings["experiments"]["tutorial"]["training"]["start_from"]
    assert started == "results/tiny/baseline/fold-0"


def test_phantoms_start_from_what_lies_beside_results(crate, tmp_path, changed):
    folder = tracked(tmp_path / "theirs" / "results" / "tiny" / "baseline")
    write_crate(gather_crate(Wanted(WORKFLOW), [folder]), crate)
    changed(dataset={"layout": "phantom", "root": None})
    with pytest.raises(SlicewiseError, match=r"^m\.keras: is missing, .* put it there$"):
        bring_published(crate, None, tmp_path / "results", print)
    write_text(tmp_path / "m.keras", "what it started from")
    (original,) = bring_published(crate, None, tmp_path / "results", print)
    started = original.settings["experiments"]["baseline"]["training"]["start_from"]
    assert started == str(tmp_path / "m.keras")


def test_without_data_their_name_is_told(crate, tmp_path):
    with pytest.raises(SlicewiseError, match=r"images are not in it; name .* called livers\)"):
        bring_published(crate, None, tmp_path / "results", print)
    with pytest.raises(SlicewiseError, match="elsewhere: there is no such folder; correct --data"):
        bring_published(crate, tmp_path / "elsewhere", tmp_path / "results", print)


def test_phantoms_need_no_data(crate, data, tmp_path, changed):
    changed(dataset={"layout": "phantom", "root": None})
    bring_published(crate, None, tmp_path / "results", print)
    with pytest.raises(SlicewiseError, match="phantoms are made and not read; leave --data out"):
        bring_published(crate, data, tmp_path / "results", print)


def test_a_table_is_found_in_its_folder(crate, data, tmp_path, changed):
    changed(dataset={"layout": "table", "root": "cases.tsv"})
    with pytest.raises(SlicewiseError, match=r"my livers/cases\.tsv: is missing"):
        bring_published(crate, data, tmp_path / "results", print)
    write_text(data / "cases.tsv", "")
    for given in (data, data / "cases.tsv"):
        (original,) = bring_published(crate, given, tmp_path / "results", print)
        assert original.settings["dataset"]["root"] == str(data / "cases.tsv")


def test_what_else_it_was_made_with_lies_with_the_data(crate, data, tmp_path, changed):
    changed(split={"strata": "sites.tsv"})
    with pytest.raises(SlicewiseError, match=r"sites\.tsv: is missing, and the results of"):
        bring_published(crate, data, tmp_path / "results", print)
    write_text(data / "sites.tsv", "")
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    assert original.settings["split"]["strata"] == str(data / "sites.tsv")


def test_a_table_that_said_whose_the_cases_are_lies_with_the_data(
    crate, data, tmp_path, monkeypatch
):
    table = f"{tmp_path}/of anna/people.csv"
    published_with({"metadata": {"table": table, "patient": "who"}}, crate, tmp_path, monkeypatch)
    with pytest.raises(SlicewiseError, match=r"people\.csv: is missing, and the results of"):
        bring_published(crate, data, tmp_path / "results", print)
    write_text(data / "people.csv", "")
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    there = {"table": str(data / "people.csv"), "case": "case", "patient": "who", "subset": None}
    assert original.settings["dataset"]["metadata"] == there


@pytest.mark.parametrize("then", ["tiny-corrections/fixed.tsv", "{here}/of anna/fixed.tsv"])
def test_corrected_masks_lie_beside_the_data_and_not_among_them(
    crate, data, tmp_path, monkeypatch, then
):
    corrections = {"corrections": then.format(here=tmp_path)}
    published_with(corrections, crate, tmp_path, monkeypatch)
    with pytest.raises(SlicewiseError, match=r"^tiny-corrections/fixed\.tsv: is missing, and the"):
        bring_published(crate, data, tmp_path / "results", print)
    write_text(tmp_path / "tiny-corrections" / "fixed.tsv", "")
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    table = original.settings["dataset"]["corrections"]
    assert table == str(tmp_path / "tiny-corrections" / "fixed.tsv")


def test_a_crate_with_images_needs_no_corrections(tmp_path, crate, monkeypatch, changed):
    changed(dataset={"corrections": "tiny-corrections/corrections.tsv", "exclude": ["x"]})
    image = ImageFile("images/a_orig.nii.gz", b"voxels", "the image of case a")
    monkeypatch.setattr("slicewise.crate.contents.image_files", lambda *_: [image])
    folder = tmp_path / "theirs" / "results" / "tiny" / "tutorial"
    write_crate(gather_crate(Wanted(WORKFLOW, images=True), [folder]), crate)
    (original,) = bring_published(crate, None, tmp_path / "results", lambda line: None)
    dataset = original.settings["dataset"]
    assert (dataset["exclude"], dataset["corrections"]) == ([], None)
    assert (Path(dataset["root"]) / "a_orig.nii.gz").read_bytes() == b"voxels"


def test_other_data_are_refused_by_the_first_that_differs(crate, data, tmp_path):
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    cases = pd.read_csv(original.files / "cases.tsv", sep="\t")
    now = original.made / "cases.tsv"
    write_text(now, cases.to_csv(sep="\t", index=False))
    lines = again._published_differences(original, WORKFLOW)
    assert not any("case" in line for line in lines)
    cases.loc[2, "mask_sha256"] = "another"
    write_text(now, cases.drop(index=4).to_csv(sep="\t", index=False))
    with pytest.raises(SlicewiseError) as error:
        again._published_differences(original, WORKFLOW)
    assert "these are not the data that were published: case e is gone, and more" in str(
        error.value
    )
    assert str(error.value).startswith(str(data))


def test_code_that_is_another_is_told(crate, data, tmp_path):
    (original,) = bring_published(crate, data, tmp_path / "results", print)
    write_text(original.made / "cases.tsv", (original.files / "cases.tsv").read_text())
    said = "\n".join(again._published_differences(original, WORKFLOW))
    assert "other code ran, by its digest: library and rules or scripts" in said
    assert "numpy" in said or "the version of" in said


def test_a_number_that_leads_elsewhere_is_refused(crate, data, tmp_path, monkeypatch):
    note = SimpleNamespace(
        experiments={"tutorial": SimpleNamespace(run="../../evil", tags={}, weights={})}
    )
    monkeypatch.setattr("slicewise.crate.archive.Form.check", lambda form, value: note)
    with pytest.raises(SlicewiseError, match="is the number of no run"):
        bring_published(crate, data, tmp_path / "results", print)
    assert not (tmp_path / "results").exists()


def test_patients_beyond_the_tolerance_are_named_the_worst_first():
    patients = {"a": (0.8, 0.8), "b": (0.8, 0.81), "c": (0.8, 0.7)}
    made = Reproduction("x", [], True, 0.8, 0.77, 0.1, 0.005, patients)
    assert list(made.beyond) == ["c", "b"]
    assert not made.holds


def test_another_split_is_told(tmp_path):
    then, now = tmp_path / "then.tsv", tmp_path / "now.tsv"
    write_text(then, "case\tsubset\tfold\na\ttrain\t0\nb\ttest\t\n")
    write_text(now, "case\tsubset\tfold\na\ttest\t\nb\ttest\t\n")
    (line,) = split_differences(then, now)
    assert line == "another split: a moved, such as a from train 0 to test"
    assert split_differences(then, then) == []
    assert split_differences(tmp_path / "none.tsv", now) == []


def test_the_command_tells_a_crate_from_a_run(crate, data, tmp_path, monkeypatch, capsys):
    asked = []

    def made(original, workflow, differences, way):
        asked.append((original.experiment, way.tolerance, way.check))
        return Reproduction("x", [], True, 0.8, 0.7 if way.tolerance < 0.1 else 0.8, 0, 0.01)

    monkeypatch.setattr(again, "_again", made)
    there = ["reproduce", str(crate), "--data", str(data), "-s", str(WORKFLOW / "Snakefile")]
    assert main(there) == 1
    assert main([*there, "--tolerance", "0.2"]) == 0
    assert asked == [("tutorial", 0.005, False), ("tutorial", 0.2, False)]
    assert main([*there, "--configfile", "x.yaml"]) == 1
    assert "a crate has its settings; leave --configfile out" in capsys.readouterr().err
    assert main(["reproduce", "abc", "--data", str(data), "-s", str(WORKFLOW / "Snakefile")]) == 1
    assert "--data goes with a crate" in capsys.readouterr().err
    assert main(["reproduce", "none.zip", "-s", str(WORKFLOW / "Snakefile")]) == 1
    assert "none.zip: there is no such crate" in capsys.readouterr().err
