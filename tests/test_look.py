"""The page about a data set on request, also where some cases cannot be read."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from slicewise import look as module
from slicewise.config import load_settings
from slicewise.dataset.describe import CaseFiles
from slicewise.dataset.ingest import ingest
from slicewise.errors import SlicewiseError
from slicewise.files import write_json

PAGE = Path("results/two/data.html")


def volume(path: Path, seed: int, mask: bool) -> Path:
    shape = (24, 20, 8)
    array = np.zeros(shape, np.uint8)
    array[6:12, 6:12, 2:6] = 1
    if not mask:
        array = np.random.default_rng(seed).integers(-1000, 300, shape).astype(np.int16)
    nib.save(nib.Nifti1Image(array, np.diag([1.0, 1.0, 3.0, 1.0])), path)
    return path


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with three cases, of which `a1` and `b1` were ingested, and a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    folder = tmp_path / "data" / "scans"
    folder.mkdir(parents=True)
    config = {
        "dataset": {
            "name": "two",
            "layout": "pairs",
            "root": "scans",
            "labels": {"liver": 1},
            "pairs": {"train": "", "test": None},
        },
        "split": {"test": 1},
        "slices": {"s": {"size": 32}},
        "experiments": {"e": {"slices": "s"}},
    }
    Path("config.yaml").write_text(yaml.safe_dump(config))
    content = load_settings(config).dataset.content
    for seed, case in enumerate(("a1", "b1", "c1")):
        image = volume(folder / f"{case}_orig.nii.gz", seed, mask=False)
        mask = volume(folder / f"{case}_liver.nii.gz", seed, mask=True)
        if case != "c1":
            sources = {"image": [image], "mask": [mask]}
            cases = [CaseFiles(case, case, image, mask, sources)]
            ingest(cases, content, "1", tmp_path / "results" / "two" / "cases")
    return tmp_path


def settings():
    return load_settings(yaml.safe_load(Path("config.yaml").read_text()))


def ended(monkeypatch, code: int, sentence: str = "") -> list[list[str]]:
    """Let snakemake end so, after a job that said something."""
    called = []

    def run(command):
        called.append(command)
        if sentence:
            log = PAGE.parent / "logs" / "ingest" / "train-0.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(f"error: {sentence}\nended\n")
        return code

    monkeypatch.setattr(module, "run_to_end", run)
    return called


def test_the_workflow_makes_the_page(place, monkeypatch):
    called = ended(monkeypatch, 0)
    said = []
    assert module.look([Path("config.yaml")], place, cores="2", log=said.append)
    assert said == [f"the data: {PAGE}"]
    (command,) = called
    # --quiet and --configfile swallow what follows them
    assert command[1] == str(PAGE)
    assert command[-2:] == ["--configfile", "config.yaml"]
    assert command[command.index("--cores") + 1] == "2"


def test_a_case_that_cannot_be_read_costs_only_itself(place, monkeypatch):
    ended(monkeypatch, 1, "data/scans/c1_orig.nii.gz: it ends too early; copy it again")
    said = []
    assert not module.look([Path("config.yaml")], place, log=said.append)
    assert said == [f"the data, without 1 case that could not be read: {PAGE}"]
    text = PAGE.read_text()
    assert text.count('<figure class="tile') == 2
    assert "c1_orig.nii.gz: it ends too early; copy it again" in text
    assert "1 case could not be read" in " ".join(text.replace("<strong>", "").split())


def test_what_was_read_before_is_not_taken_for_what_is_there_now(place, monkeypatch):
    # as where another run has locked the folder
    ended(monkeypatch, 1)
    monkeypatch.setattr(module, "write_rest", lambda *_: 0)
    said = []
    assert not module.look([Path("config.yaml")], place, log=said.append)
    assert said == [
        f"the data, as they were read before, since snakemake failed, as it says above: {PAGE}"
    ]


def test_a_file_that_was_changed_since_is_named_and_the_record_of_the_page_goes(place):
    record = PAGE.parent / "_made" / "data.html.json"
    write_json(record, {"made": 1})
    volume(place / "data" / "scans" / "b1_orig.nii.gz", 7, mask=False)
    assert module.write_rest(settings(), PAGE) == 2
    text = PAGE.read_text()
    assert text.count('<figure class="tile') == 1
    assert "b1_orig.nii.gz: it was changed since it was checked as the image of case b1" in text
    # the workflow takes a page without a record for one that is to be made anew
    assert not record.exists()


def test_a_file_that_is_gone_is_missing(place):
    (place / "results" / "two" / "cases" / "b1" / "record.json").write_text("{")
    assert module.write_rest(settings(), PAGE) == 2
    assert "record.json: the file is damaged" in PAGE.read_text()


def test_where_no_case_can_be_read_there_is_no_page(place, monkeypatch):
    ended(monkeypatch, 1)
    for path in (place / "results").rglob("record.json"):
        path.unlink()
    with pytest.raises(SlicewiseError, match="no case of data set two could be read"):
        module.look([Path("config.yaml")], place)
    assert not PAGE.exists()


def test_what_was_stopped_makes_no_page_of_less(place, monkeypatch):
    ended(monkeypatch, 130)
    with pytest.raises(SlicewiseError, match="stopped; the same command goes on"):
        module.look([Path("config.yaml")], place)
    assert not PAGE.exists()


def test_a_wrong_configuration_is_refused_before_anything_runs(place, monkeypatch):
    called = ended(monkeypatch, 0)
    Path("config.yaml").write_text("dataset: {}\n")
    with pytest.raises(SlicewiseError, match="dataset"):
        module.look([Path("config.yaml")], place)
    assert called == []
