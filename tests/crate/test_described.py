"""What a crate says of itself, as its profiles want it: read here as JSON, without network."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from slicewise.crate import Wanted
from slicewise.errors import SlicewiseError
from tests.crate.conftest import WORKFLOW, files, written
from tests.crate.made import tracked

RUN = "https://w3id.org/ro/wfrun/workflow/0.5"
PROCESS = "https://w3id.org/ro/wfrun/process/0.5"
OF_WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def names(value: Any) -> set[str]:
    return {each["@id"] for each in listed(value)}


@pytest.fixture
def graph(crate) -> dict[str, dict[str, Any]]:
    metadata = json.loads(files(crate)["ro-crate-metadata.json"])
    assert metadata["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    graph = {each["@id"]: each for each in metadata["@graph"]}
    assert len(graph) == len(metadata["@graph"])
    return graph


def test_the_profiles_are_named(graph):
    assert names(graph["./"]["conformsTo"]) == {RUN, PROCESS, OF_WORKFLOW}
    about = graph["ro-crate-metadata.json"]
    assert about["about"] == {"@id": "./"}
    assert names(about["conformsTo"]) == {"https://w3id.org/ro/crate/1.1", OF_WORKFLOW}


def test_nothing_is_named_that_is_not_described(graph):
    def references(value: Any):
        for each in listed(value):
            if isinstance(each, dict):
                yield each["@id"]

    for entity in graph.values():
        for key, value in entity.items():
            for name in references(value):
                assert name in graph or name.startswith("https://"), (entity["@id"], key, name)


def test_each_file_is_described_with_its_digest(graph, crate):
    held = files(crate)
    assert names(graph["./"]["hasPart"]) == held.keys() - {"ro-crate-metadata.json"}
    for name in names(graph["./"]["hasPart"]):
        entity = graph[name]
        assert "File" in listed(entity["@type"])
        assert entity["sha256"] == hashlib.sha256(held[name]).hexdigest()
        assert entity["contentSize"] == str(len(held[name]))
        assert entity["encodingFormat"]
        assert entity["description"]


def test_the_run_has_its_workflow_what_went_in_and_what_came_out(graph):
    (run,) = (each for each in graph.values() if each["@type"] == "CreateAction")
    assert run["@id"] in names(graph["./"]["mentions"])
    assert run["instrument"] == graph["./"]["mainEntity"] == {"@id": "Snakefile"}
    assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert run["startTime"] <= run["endTime"]
    assert names(run["object"]) == {"#images", "experiments/baseline/settings.yaml"}
    inputs = {graph[name]["sha256"] for name in names(graph["#images"]["hasPart"])}
    assert len(inputs) == 16
    assert "ia" * 32 in inputs
    made = names(run["result"])
    assert {"experiments/baseline/fold-0/model.keras", "split.tsv", "#baseline/made"} <= made
    masks = [graph[name] for name in names(graph["#baseline/made"]["hasPart"])]
    assert "pa" * 32 in {mask["sha256"] for mask in masks}
    assert "agent" not in run, "nobody is invented"


def test_scores_are_numbers_with_names(graph):
    dice = graph["#baseline/test/dice_mean"]
    assert (dice["@type"], dice["name"]) == ("PropertyValue", "test/dice_mean")
    assert dice["value"] == pytest.approx(0.7667, abs=1e-3)


def test_parameters_and_examples_name_each_other(graph):
    workflow = graph["Snakefile"]
    assert set(workflow["@type"]) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert graph[workflow["programmingLanguage"]["@id"]]["@type"] == "ComputerLanguage"
    parameters = names(workflow["input"]) | names(workflow["output"])
    assert len(parameters) == 5
    for name in parameters:
        assert graph[name]["additionalType"] in ("File", "Collection", "Number")
        for example in names(graph[name]["workExample"]):
            assert name in names(graph[example]["exampleOfWork"])


def test_the_code_is_told_by_its_commit(graph, tmp_path):
    assert graph["Snakefile"]["version"] == "f" * 40
    # this commit is nowhere: the Snakefile is that of here
    assert "may be another" in graph["Snakefile"]["description"]
    place = tmp_path / "results" / "tiny"
    other = tracked(place / "tutorial", tags={"git_commit": "e" * 40})
    both = written([place / "baseline", other], tmp_path / "both.zip")
    metadata = json.loads(files(both)["ro-crate-metadata.json"])
    (workflow,) = (each for each in metadata["@graph"] if each["@id"] == "Snakefile")
    assert "version" not in workflow
    assert f"Commit {'e' * 40} and {'f' * 40} ran." in workflow["description"]


@pytest.mark.parametrize(
    ("licence", "address"),
    [
        ("CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0"),
        ("https://example.org/ours", "https://example.org/ours"),
        (None, "#licence"),
    ],
)
def test_the_licence_is_what_was_said(folder, tmp_path, licence, address):
    metadata = json.loads(
        files(written([folder], tmp_path / "x.zip", licence))["ro-crate-metadata.json"]
    )
    graph = {each["@id"]: each for each in metadata["@graph"]}
    assert graph["./"]["license"] == {"@id": address}
    assert ("ask them" in graph[address]["description"]) == (licence is None)
    assert graph["Snakefile"]["license"] == {"@id": "https://spdx.org/licenses/Apache-2.0"}


@pytest.mark.parametrize("licence", ["CC BY", "", "ours, of course", "https://me:pw@example.org/"])
def test_what_is_no_licence_is_refused(licence):
    with pytest.raises(SlicewiseError, match=r"is no licence; give its identifier of spdx\.org"):
        Wanted(WORKFLOW, licence)
