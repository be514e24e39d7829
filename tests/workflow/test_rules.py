"""One rule a stage: what people say of a rule on the command line concerns all its jobs."""

import ast
import re

import pytest

from slicewise.files import read_json, sha256

PREDICTION = "results/tiny/plain/predictions/p08.nii.gz"
MISSED = {"predict": 1, "evaluate": 1, "report": 1, "compare": 1, "index": 1, "all": 1}


def test_each_stage_is_one_rule(finished):
    graph = finished.snakemake("--rulegraph")
    stages = set(re.findall(r'label = "([^"]+)"', graph))
    assert {"ingest", "slices", "train", "predict", "evaluate", "report", "compare"} <= stages
    assert len(stages) <= 16
    assert all(stage.isidentifier() for stage in stages)


def test_a_rule_is_forced_by_its_name(finished):
    again = {"predict": 2, "evaluate": 2, "report": 2, "compare": 1, "index": 1, "all": 1}
    assert finished.due("--forcerun", "predict") == again
    assert finished.due("--until", "predict", "--forcerun", "predict") == {"predict": 2}


def test_resources_and_threads_of_a_rule_are_set_by_its_name(finished):
    set_by = ("--set-resources", "predict:mem_mb=9000", "--set-threads", "predict=2")
    said = finished.snakemake("--dry-run", "--forcerun", "predict", *set_by)
    jobs = re.findall(r"^rule predict:\n(.*?)(?=^\[|\Z)", said, re.M | re.S)
    assert len(jobs) == 2
    assert all("mem_mb=9000" in job and "threads: 2" in job for job in jobs)


def test_volumes_are_inputs_of_ingest_alone(finished):
    said = finished.snakemake("--dry-run", "--forceall")
    for rule, given in re.findall(r"^rule (\w+):\n +input: ([^\n]*)", said, re.M):
        assert (".nii.gz" in given) == (rule == "ingest"), rule


def test_the_record_of_a_shard_names_what_was_made(finished):
    shards = (finished.results / "plain" / "predictions" / "_shards").glob("*.json")
    made = {each["case"]: each["sha256"] for path in shards for each in read_json(path)}
    folder = finished.results / "plain" / "predictions"
    assert made == {p.name.removesuffix(".nii.gz"): sha256(p) for p in folder.glob("*.nii.gz")}
    assert "p08" in made


def test_a_prediction_that_was_deleted_or_edited_is_made_again(workflow):
    path = workflow.root / PREDICTION
    content = path.read_bytes()
    path.unlink()
    assert workflow.due() == MISSED
    assert workflow.due(PREDICTION) == {"predict": 1, "prediction": 1}
    path.write_bytes(content[:-1])
    assert workflow.due() == MISSED
    path.write_bytes(content)
    assert workflow.due() == {}


@pytest.mark.slow
def test_a_deleted_prediction_that_is_asked_for_is_the_same_again(workflow):
    path = workflow.root / PREDICTION
    before = sha256(path)
    path.unlink()
    workflow.snakemake(PREDICTION)
    assert sha256(path) == before


@pytest.mark.slow
def test_unit_tests_that_snakemake_writes_are_python(workflow):
    # Snakemake asks for its folder while it is imported
    workflow.snakemake("--generate-unit-tests", FRESH_PYTHON="all")
    written = list((workflow.root / ".tests" / "unit").glob("test_*.py"))
    assert {"test_predict.py", "test_train.py"} <= {path.name for path in written}
    for path in written:
        ast.parse(path.read_text())
