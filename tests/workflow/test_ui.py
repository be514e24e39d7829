"""What a user sees of the runs in the MLflow UI, in a real browser; what docs/mlflow.md says."""

import json
import re
import subprocess

import pandas as pd
import pytest
from conftest import CHECKOUT, DATASET, TEST, copied
from mlflowui import (
    artifact,
    card_of,
    chromium,
    compared_metric,
    row_of,
    rows,
    served,
    show,
    width_of,
)
from playwright.sync_api import expect

from slicewise.files import read_json
from tests import forked

pytestmark = pytest.mark.slow

PAGE = (CHECKOUT / "docs" / "mlflow.md").read_text(encoding="utf-8")
EXPERIMENT = f"slicewise/{DATASET}"
NAMES = ("rich", "plain")
NUMBERS = {  # metric: where summary.json has it
    "test/dice_mean": "mean",
    "test/dice_ci_low": "ci_low",
    "test/dice_ci_high": "ci_high",
}
CURVE = "train/loss"
SUBSETS = ("train", "validation", "test")
TABLE = "patients.json"
OVERLAY, OVERLAYS = f"overlays/{TEST[0]}-0.jpg", f"test/overlays/{TEST[0]}"


@pytest.fixture(scope="module")
def ui(finished, tmp_path_factory):
    workflow = copied(finished.root, tmp_path_factory.mktemp("ui") / "slicewise")
    with (
        chromium() as browser,
        served(workflow.root / "results", workflow.environment(), browser) as ui,
    ):
        yield ui


@pytest.fixture(scope="module")
def runs(finished):
    client = finished.client()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert found.keys() == {*NAMES, "comparison"}
    return {name: found[name] for name in NAMES}


@pytest.fixture(scope="module")
def dice(finished):
    return {
        name: read_json(finished.results / name / "summary.json")["test"]["mean"]["dice"]
        for name in NAMES
    }


def meant(text):
    """What a parameter says: the page lays lists out anew."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_two_experiments_are_compared(ui, runs, dice, tmp_path):
    with ui.page(tmp_path) as page:
        page.goto(ui.link(EXPERIMENT))
        for name in NAMES:
            row_of(page, name).get_by_role("checkbox", name="row selection").check()
        page.get_by_role("button", name="Compare", exact=True).click()
        expect(page.get_by_text("Comparing 2 Runs from 1 Experiment")).to_be_visible()

        heads = rows(page.get_by_role("table").filter(has_text="Run Name:"))["Run Name:"]
        assert set(heads) == set(NAMES)
        settings = [runs[name].data.params for name in heads]
        differ = {
            key: [meant(each.get(key, "")) for each in settings]
            for key in settings[0] | settings[1]
            if settings[0].get(key) != settings[1].get(key)
        }
        assert {"preset", "optimizer.name", "optimizer.learning_rate"} <= differ.keys()
        page.get_by_role("switch", name="Parameters - Show diff only").click()
        table = rows(page.get_by_role("table").filter(has_text="optimizer.name"))
        assert {key: [meant(text) for text in row] for key, row in table.items()} == differ

        for metric, key in NUMBERS.items():
            shown = compared_metric(page, metric)
            assert shown == pytest.approx([dice[name][key] for name in heads], abs=6e-4), metric


def test_charts_are_drawn(ui, finished, dice, tmp_path):
    with ui.page(tmp_path) as page:
        page.goto(ui.link(EXPERIMENT))
        show(page, "CHART")
        bars = card_of(page, "test/dice_mean")
        expect(bars.locator(".bars .point")).to_have_count(len(NAMES))
        for name in NAMES:
            expect(bars.get_by_text(f"{dice[name]['mean']:.2f}", exact=True)).to_be_visible()

        epochs = {
            name: len(pd.read_csv(finished.results / name / "fold-0" / "history.csv"))
            for name in NAMES
        }
        curves = card_of(page, CURVE)
        expect(curves.locator(".points .point")).to_have_count(sum(epochs.values()))
        for name in NAMES:
            expect(curves.get_by_text(f"{name} ({CURVE})")).to_be_visible()


def test_patients_are_compared(ui, finished, tmp_path):
    with ui.page(tmp_path) as page:
        page.goto(ui.link(EXPERIMENT))
        show(page, "ARTIFACT")
        expect(page.get_by_role("combobox", name=TABLE)).to_be_visible()
        expect(page.get_by_role("combobox", name="selected option: dice")).to_be_visible()
        for name in NAMES:
            scores = pd.read_csv(finished.results / name / "metrics.tsv", sep="\t")
            for case, value in zip(scores["case"], scores["dice"], strict=True):
                patient = page.get_by_role("row").filter(has_text=case)
                expect(patient).to_contain_text(str(value)[:8])

        show(page, "CHART")
        pictures = card_of(page, OVERLAYS).locator("img[src*=get-artifact]")
        expect(pictures).to_have_count(len(NAMES))
        for picture in pictures.all():
            assert width_of(picture) > 100


def test_a_run_leads_to_its_data_and_model(ui, runs, finished, dice, tmp_path):
    run = runs["rich"]
    digests = {each.dataset.name: each.dataset.digest for each in run.inputs.dataset_inputs}
    assert digests.keys() == {f"{DATASET}/{subset}" for subset in SUBSETS}
    with ui.page(tmp_path) as page:
        page.goto(ui.link(EXPERIMENT))
        page.get_by_role("link", name="rich", exact=True).click()
        expect(page.get_by_text("About this run")).to_be_visible()
        expect(page.get_by_text(f"Dice {dice['rich']['mean']:.3f}")).to_be_visible()
        expect(page.get_by_text(run.data.tags["git_commit"][:7], exact=True)).to_be_visible()

        page.get_by_role("button", name=f"{DATASET}/train").click()
        drawer = page.get_by_role("dialog")
        for name, digest in digests.items():
            drawer.get_by_text(name).first.click()
            expect(drawer.get_by_text(digest, exact=True)).to_be_visible()
            expect(drawer.get_by_text("Path: $SLICEWISE_DATA/livers")).to_be_visible()
        page.keyboard.press("Escape")

        artifact(page, OVERLAY)
        picture = page.locator("img[src^='blob:']").first
        expect(picture).to_be_visible()
        assert width_of(picture) > 100

        artifact(page, "report.html")
        report = page.frame_locator("iframe")
        expect(report.get_by_role("heading", name="rich", exact=True)).to_be_visible()
        expect(report.get_by_text(f"{dice['rich']['mean']:.3f}").first).to_be_visible()

        page.get_by_role("tab", name="Overview").click()
        page.get_by_role("link", name="model", exact=True).last.click()
        expect(page.get_by_text("About this logged model")).to_be_visible()
        expect(page.get_by_role("link", name=run.info.run_id)).to_be_visible()
        page.get_by_role("link", name="Artifacts", exact=True).click()
        expect(page.get_by_test_id("artifact-tree-node").filter(has_text="MLmodel")).to_be_visible()


def test_what_the_docs_name_is_there(finished, runs):
    client, run = finished.client(), runs["rich"]
    holds = {row[0]: row[1] for row in re.findall(r"^\| (\w[\w ]*) \| (.+) \|$", PAGE, re.M)}

    def named(row):
        return {name for name in re.findall(r"`([\w./]+)`", row) if "…" not in name}

    assert named(holds["Metrics"]) <= run.data.metrics.keys()
    assert {"git_commit", "data_digest", "split_digest", "weights_digest"} <= named(holds["Tags"])
    assert {"git_commit", "data_digest", "split_digest", "weights_digest"} <= run.data.tags.keys()
    files = set(re.findall(r"`([\w/]+\.(?:html|tsv|png|csv|json|txt|yaml|diff))`", PAGE))
    # of the run that compares the others; test_demo.py looks for it
    compared = {file for file in files if file.startswith("comparison")}
    for file in files - compared - {"uncommitted.diff"}:
        folder = file.rpartition("/")[0] or None
        found = {each.path for each in client.list_artifacts(run.info.run_id, folder)}
        assert file in found


def test_searches_of_the_docs_find_runs(finished, runs):
    (block,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.M | re.S)
    experiment = runs["rich"].info.experiment_id
    found = {
        line: {run.info.run_name for run in finished.client().search_runs([experiment], line)}
        for line in block.splitlines()
    }
    assert found['params.`optimizer.name` = "adamw"'] == {"rich"}
    assert found['params.preset = "tutorial" and tags.superseded_by IS NULL'] == {"plain"}


def test_python_of_the_docs_lists_the_runs_and_ranks_the_models(finished, runs):
    listing, ranking = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    said = said_by(finished, listing)
    assert [line.split()[1] for line in said[1:]] == list(NAMES)
    digests = {i.dataset.name: i.dataset.digest for i in runs["rich"].inputs.dataset_inputs}
    name = f"{DATASET}/test"
    ranking = ranking.replace("phantom/test", name).replace("f1c5bca0", digests[name])
    ranked = said_by(finished, f"{listing}\n{ranking}")[len(said) :]
    assert [line.split()[0] for line in ranked] == [runs[each].info.run_id for each in NAMES]


def said_by(finished, code: str) -> list[str]:
    """The lines that code of the docs prints."""
    done = subprocess.run(
        [forked.python(), "-c", code.replace("slicewise/phantom", EXPERIMENT)],
        cwd=finished.root,
        env=finished.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
