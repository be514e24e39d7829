"""`slicewise init` on folders of strangers, and `snakemake` on what it wrote, to a Dice."""

import hashlib
import math

import numpy as np
import pytest

from slicewise.evaluation.statistics import read_metrics
from slicewise.files import read_json
from slicewise.phantom.patient import phantom
from tests import imitated
from tests.workflow.conftest import copied

SHORT = """
experiments:
  baseline: {training: {minutes: null, epochs: 1, steps_per_epoch: 4}}
run: [baseline]
"""
"""Laid over config/quick.yaml, which takes a minute."""


def scan(number, kind="ct", shape=None):
    """Return a synthetic patient, other than which those of `imitated` are all alike."""
    image, mask = phantom(number, seed=11, size=48, slices=(8, 9))
    array = np.asarray(image.array)
    if kind != "ct":
        array = array.clip(-300, 300) + 300
    labels = np.select([mask.array == 1, mask.array > 1], [1, 2], 0).astype(np.uint8)
    return array.astype(np.int16), labels


def digests(root):
    return {
        path.relative_to(root): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("name", "layout", "labels", "cases"),
    [
        # several channels, and patients below two grades
        ("BraTS_grades", "pairs", {"label_1", "label_2"}, 5),
        # a mask file a structure
        ("TotalSegmentator", "pairs", {"liver", "vertebrae_L1", "vertebrae_L2"}, 5),
        # a table of frames, with folders for training and validation
        ("MMs", "table", {"label_1", "label_2"}, 10),
    ],
)
def test_from_a_folder_to_a_dice(name, layout, labels, cases, clone, tmp_path, monkeypatch):
    workflow = copied(clone.root, tmp_path / "slicewise")
    monkeypatch.setattr(imitated, "scan", scan)
    place = workflow.root / "data" / name
    place.mkdir(parents=True)
    imitated.BUILDERS[name](place)
    before = digests(place)
    said = workflow.slicewise("init", f"data/{name}", "--yes")
    assert f"layout {layout}: {cases} cases" in said
    assert said.count("guessed:") <= 1
    (workflow.root / "config" / "short.yaml").write_text(SHORT)
    written = digests(workflow.root / "config")
    configs = [f"config/{each}.yaml" for each in (name, "quick", "short")]
    workflow.snakemake("--configfile", *configs)
    results = workflow.root / "results" / name
    summary = read_json(results / "baseline" / "summary.json")["test"]
    assert set(summary) == labels | {"mean"}
    assert math.isfinite(summary["mean"]["dice"]["mean"])
    rows = read_metrics(results / "baseline" / "metrics.tsv")
    assert set(rows["label"]) == labels
    assert (results / "baseline" / "report.html").is_file()
    # nothing of the user's was changed, and nothing is left to do
    assert digests(place) == before
    assert digests(workflow.root / "config") == written
    assert workflow.due("--configfile", *configs) == {}
