"""The plan for a configuration whose cases were ingested."""

from pathlib import Path

import pytest
import yaml

from slicewise.cli import main
from slicewise.config import load_settings, merge
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case_record import write_case_records
from slicewise.dataset.cases import cases_table
from slicewise.dataset.finding import find_cases
from slicewise.dataset.fingerprint import TrainingCase
from slicewise.dataset.split import split_cases
from slicewise.errors import SlicewiseError
from slicewise.files import write_json
from slicewise.planning import ingested_cases, plan_for, settings_text
from slicewise.records import record_path
from tests.case_records import case_record

CONFIG = {
    "dataset": {
        "name": "made",
        "layout": "phantom",
        "labels": {"liver": 1},
        "other_labels": "background",
        "phantom": {"cases": 8},
    },
    "slices": {"small": {"size": 64}},
    "experiments": {"baseline": {"slices": "small"}},
}


NAMES = [f"phantom_{number:03}" for number in range(1, 9)]
SHAPE = [300, 200, 40]


def record(name, shape=SHAPE):
    return case_record(name, name, patient=name, shape=list(shape))


@pytest.fixture
def written(tmp_path, monkeypatch) -> Path:
    """A configuration, in the folder whose results have the table of its cases."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(yaml.safe_dump(CONFIG))
    write_table([record(name) for name in NAMES])
    return Path("mine.yaml")


def write_table(records):
    table = Path("results/made/cases.tsv")
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(cases_table(records).to_csv(sep="\t", index=False))


def test_a_plan_is_printed_as_settings_that_can_be_laid_over(written, capsys):
    assert main(["plan", "mine.yaml"]) == 0
    printed = capsys.readouterr().out
    settings = load_settings(merge(CONFIG, yaml.safe_load(printed)))
    assert settings.slices["planned-axial256"].size == 256
    assert settings.experiments["planned"].slices == "planned-axial256"
    # what was written by hand stays
    assert settings.experiments["baseline"].slices == "small"
    assert "# Pixels are finest in this plane" in printed


@pytest.mark.parametrize("split", [{"folds": 2}, {"validation": 0}, {"validation": 0.2}])
@pytest.mark.parametrize("regions", [{}, {"regions": {"all": [1]}}])
def test_a_plan_leaves_to_nobody_what_nobody_can_tell(written, capsys, split, regions):
    """Where nobody may choose, training masks do, but not of regions."""
    dataset = {**CONFIG["dataset"], **regions}
    written.write_text(yaml.safe_dump({**CONFIG, "dataset": dataset, "split": split}))
    assert main(["plan", "mine.yaml"]) == 0
    printed = capsys.readouterr().out
    experiment = yaml.safe_load(printed)["experiments"]["planned"]
    assert ("postprocessing" in experiment) == (split == {"validation": 0.2} or not regions)
    if "postprocessing" in experiment:
        assert experiment["postprocessing"] == {"largest_component": "auto"}
        assert "without them, if a label is one piece in every training mask" in printed


def test_a_plan_is_written_to_a_new_file_alone(written, capsys):
    arguments = ["plan", "mine.yaml", "--effort", "quick", "--output", "plan.yaml"]
    assert main(arguments) == 0
    assert "--configfile mine.yaml plan.yaml" in capsys.readouterr().out
    text = Path("plan.yaml").read_text()
    assert main(arguments) == 1
    assert "plan.yaml: it is there already" in capsys.readouterr().err
    assert Path("plan.yaml").read_text() == text
    assert main([*arguments[:-1], "a plan.yaml"]) == 0
    assert "--configfile mine.yaml 'a plan.yaml'" in capsys.readouterr().out


def test_effort_is_one_of_four(written, capsys):
    with pytest.raises(SystemExit):
        main(["plan", "mine.yaml", "--effort", "huge"])
    assert "quick, laptop, workstation, gpu" in capsys.readouterr().err.replace("'", "")


def test_a_name_that_is_taken_is_refused(written):
    planned = plan_for([written], "quick", Path("results"))
    with pytest.raises(SlicewiseError, match="--experiment"):
        settings_text(planned, [written], "baseline")
    with pytest.raises(SlicewiseError, match="logs"):
        settings_text(planned, [written], "logs")


def test_without_the_table_it_says_how_to_make_it(written):
    Path("results/made/cases.tsv").unlink()
    with pytest.raises(SlicewiseError) as caught:
        plan_for([written], "quick", Path("results"))
    message = str(caught.value)
    assert "snakemake --cores all results/made/cases.tsv --configfile mine.yaml" in message


def test_no_plan_follows_from_the_table_of_another_configuration(written):
    table = Path("results/made/cases.tsv")
    other = load_settings(merge(CONFIG, {"dataset": {"labels": {"liver": 2}}}))
    told = {"content": other.dataset.content.once_read}
    job = {"made": 1, "settings": told, "code": {}, "inputs": {}, "outputs": {}}
    write_json(record_path(table), job)
    with pytest.raises(SlicewiseError) as caught:
        plan_for([written], "quick", Path("results"))
    assert f"{table}: it was made by another configuration" in str(caught.value)
    assert "(dataset.labels.liver), so nothing can follow from it" in str(caught.value)
    assert f"snakemake --cores all {table} --configfile mine.yaml" in str(caught.value)


def test_only_training_cases_count(written):
    before = plan_for([written], "gpu", Path("results"))
    settings = load_settings(CONFIG)
    split = split_cases(find_cases(settings.dataset, Path()), settings.split)
    trained = {each.case for each in split if each.subset == "train"}
    assert len(trained) < len(NAMES)
    large = [1024, 1024, 9]
    write_table([record(name, large if name not in trained else SHAPE) for name in NAMES])
    assert plan_for([written], "gpu", Path("results")) == before
    write_table([record(name, large if name in trained else SHAPE) for name in NAMES])
    assert plan_for([written], "gpu", Path("results")) != before


def test_a_row_is_what_the_record_says(written):
    records = [
        case_record("phantom_001"),
        case_record("phantom_002", "b", shape=[7, 8, 9], undrawn=0.75),
        case_record("phantom_003", "c", lost=True, spacing=[1.0, 1.0, 1.0]),
    ]
    write_table(records)
    write_case_records("results/made/cases/_shards/0.json", records)
    split = [Assignment(f"phantom_00{n}", "p", "train", None) for n in (1, 2, 3)]
    found = ingested_cases(Path("results/made/cases.tsv"), split)
    assert found == [TrainingCase.of(record) for record in records]


def test_a_missing_row_and_a_damaged_one_are_sentences(written):
    table = Path("results/made/cases.tsv")
    split = [Assignment("phantom_009", "p", "train", None)]
    with pytest.raises(SlicewiseError, match="no row of training case phantom_009"):
        ingested_cases(table, split)
    table.write_text(table.read_text().replace("300x200x40", "300 by 200", 1))
    split = [Assignment("phantom_001", "p", "train", None)]
    with pytest.raises(SlicewiseError, match="row of case phantom_001"):
        ingested_cases(table, split)
