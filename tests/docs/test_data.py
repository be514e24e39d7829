"""docs/data.md and results/README.md against the code."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from slicewise.config import Dataset, load_settings
from slicewise.dataset.finding import find_cases
from slicewise.evaluation.statistics import COLUMNS
from slicewise.phantom.tissues import LABELS
from tests.scans import write_series
from tests.volumes.dicom.archived import write_study

__all__ = ["write_series"]

ROOT = Path(__file__).parents[2]
DATA = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
LAYOUTS = re.findall(r"^### `(\w+)`.*?\n(.*?)(?=^##)", DATA, re.M | re.S)
EXPECTED = {
    "pairs": {"p01": "train", "p02": "train", "p03": "test"},
    "ircad": {"3Dircadb1.1": None, "3Dircadb1.2": None},
    "msd": {"liver_0": None},
    "nnunet": {"p01": "train", "p02": "test"},
    "table": {"anna": "train", "bert": "test"},
    "bids": {"sub-01_ses-1": "train", "sub-02_ses-1": "test"},
    "dicom": {"p01": None, "p02": None},
    "phantom": {f"phantom_{n:03d}": None for n in range(1, 21)},
}


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def test_every_layout_is_described():
    assert [name for name, _ in LAYOUTS] == list(EXPECTED)
    assert set(EXPECTED) == set(Dataset.model_fields["layout"].annotation.__args__)


@pytest.mark.parametrize(("layout", "text"), LAYOUTS, ids=[name for name, _ in LAYOUTS])
def test_a_layout_as_described_is_found(layout, text, tmp_path, write_series, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    for tree in fenced(text, "text"):
        for line in tree.splitlines():
            path = tmp_path / line
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            if path.name == "dataset.json":
                pair = {"image": "./imagesTr/liver_0.nii.gz", "label": "./labelsTr/liver_0.nii.gz"}
                path.write_text(str({"training": [pair]}).replace("'", '"'))
            if path.name in ("cases.tsv", "participants.tsv"):
                path.write_text(fenced(text, "tsv")[0])
    if layout == "dicom":
        for name in EXPECTED[layout]:  # its headers say what a file is
            write_study(tmp_path / "archive" / name, write_series, f"ID-{name[-1]}")
    (written,) = fenced(text, "yaml")
    settings = load_settings(
        {
            **yaml.safe_load(written),
            "slices": {"a": {"plane": "axial"}},
            "experiments": {"b": {"slices": "a"}},
        }
    )
    assert settings.dataset.layout == layout
    cases = find_cases(settings.dataset, tmp_path)
    assert {case.name: case.subset for case in cases} == EXPECTED[layout]
    converted = {case.name for case in cases if case.needs_conversion}
    assert converted == {
        "ircad": {"3Dircadb1.1", "3Dircadb1.2"},
        "table": {"bert"},
        "dicom": {"p01", "p02"},
    }.get(layout, set())


def test_what_init_writes_is_shown(tmp_path, monkeypatch):
    from slicewise.survey.init import Wanted, init
    from tests.imitated import pair

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    for number in range(1, 7):
        folder = tmp_path / "data" / "livers" / f"p{number:02d}"
        pair(folder / "ct.nii.gz", folder / "liver.nii.gz", number, "ct", (1, 1))
    text = init(Wanted(Path("data/livers")), print).read_text(encoding="utf-8")
    part = DATA[DATA.index("## Let slicewise look") : DATA.index("## Step by step")]
    assert fenced(part, "yaml")[0] in text


PATTERNS = re.findall(r"^\| (`\S+`, `\S+`) \| `(\{image: .*\})` \|$", DATA, re.M)


@pytest.mark.parametrize(("files", "pairs"), PATTERNS)
def test_patterns_of_paths_find_the_files_beside_them(files, pairs, tmp_path):
    wanted = [tmp_path / name for name in re.findall("`(.*?)`", files)]
    for path in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    keys = {"layout": "pairs", "root": ".", "labels": {"x": 1}, "pairs": yaml.safe_load(pairs)}
    (case,) = find_cases(Dataset(name="d", **keys), tmp_path)
    assert [case.image[0], case.mask[0]] == wanted
    assert case.name in DATA


def test_many_patterns_of_paths_are_described():
    assert len(PATTERNS) >= 6


@cache
def messages() -> list[str]:
    """Return all texts in the library, with what is filled in left out."""
    found = []
    for path in (ROOT / "src" / "slicewise").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(v.value if isinstance(v, ast.Constant) else "" for v in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def quoted_errors() -> list[str]:
    table = DATA[DATA.index("| the error says |") :]
    rows = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    return [text for row in rows for text in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("text", quoted_errors())
def test_each_quoted_error_exists(text):
    assert any(text in message for message in messages()), text


def test_the_numbers_of_the_checks_are_those_of_the_code():
    from slicewise.volumes import checks, placing

    for number in (checks.AIR, checks.DENSE, *checks.SOFT, *checks.CT_RANGE):
        assert str(number) in DATA
    assert placing.TOLERANCE == 0.01
    assert "a hundredth of a voxel" in DATA
    assert (LABELS["spleen"], LABELS["kidneys"], LABELS["stomach"]) == (2, 3, 4)


def test_each_setting_of_what_files_hold_exists():
    part = DATA[DATA.index("## What the files hold") : DATA.index("## Who is tested on")]
    named = re.findall(r"^\| `(\w+)` \|", part, re.M)
    assert named
    assert set(named) <= Dataset.model_fields.keys()


# --- results/README.md -------------------------------------------------------


def table_of(title: str) -> list[str]:
    part = RESULTS[RESULTS.index(f"## `{title}`") :].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", part, re.M)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_columns_of_metrics_are_described():
    assert table_of("metrics.tsv") == ["case", "patient", "subset", "fold", "label", *COLUMNS]


def test_columns_of_the_history_are_described():
    source = ast.parse((ROOT / "src/slicewise/training/result.py").read_text(encoding="utf-8"))
    history = next(
        ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "HISTORY"
    )
    assert table_of("history.csv") == list(history)


def test_columns_of_the_cases_are_described():
    from slicewise.dataset.cases import cases_table
    from tests.case_records import case_record

    values = dict.fromkeys(("min", "p0.5", "p5", "p50", "p95", "p99.5", "max"), 0)
    stored = {"how": "cropped", "outside": 0, "off_mm": 0.0, "off_voxels": 0.0}
    record = case_record(intensity=values, ml={"<label>": 1}, mask_stored=stored)
    line = RESULTS[RESULTS.index("- `cases.tsv`:") : RESULTS.index("- `split.tsv`")]
    assert re.findall(r"`([^`]+)`", line)[1:] == list(cases_table([record]).columns)


def test_every_output_of_the_rules_is_in_the_tree():
    (tree,) = fenced(RESULTS, "text")
    for path in (ROOT / "rules").glob("*.smk"):
        for output in re.findall(r'"results/(\{dataset\}[^"]*)"', path.read_text("utf-8")):
            if "/logs/" in output or "/timings/" in output:
                continue
            output = output.removesuffix("/{recipe}")  # a folder of slices
            assert Path(output).name.removesuffix("{fold}").strip("/") in tree or (
                Path(output).name in ("{name}", "fold-{fold}", "{case}.nii.gz", "{batch}.json")
            ), output


def test_definitions_of_empty_masks_are_those_of_the_code():
    import numpy as np

    from slicewise.config import Evaluation
    from slicewise.evaluation.statistics import Masks, case_rows

    none, some = np.zeros((3, 3, 3), np.uint8), np.ones((3, 3, 3), np.uint8)

    def score(truth, prediction, absent_labels="exclude"):
        masks = Masks(truth, prediction, ["a"], 1.0, (1.0, 1.0, 1.0))
        return case_rows({}, masks, Evaluation(absent_labels=absent_labels))[0]

    ratios, distances = ("dice", "jaccard", "precision", "recall", "nsd"), ("hd95_mm", "assd_mm")
    part = RESULTS[RESULTS.index("Empty masks:") : RESULTS.index("Distances, to be quoted")]
    assert "nothing has a value but the volumes" in part.replace("\n", " ")
    for prediction in (none, some):
        row = score(none, prediction)
        assert np.isnan([row[name] for name in (*ratios, *distances)]).all()
        assert row["predicted_ml"] == prediction.sum()
    missed = score(some, none)
    assert [missed[name] for name in ratios] == [0] * 5
    assert np.isnan([missed[name] for name in distances]).all()
    assert "`evaluation.absent_labels: challenge`" in part
    right, wrong = (score(none, guess, "challenge") for guess in (none, some))
    assert [right[name] for name in (*ratios, *distances)] == [1] * 5 + [0] * 2
    assert [wrong[name] for name in ratios] == [0] * 5
    assert np.isnan([wrong[name] for name in distances]).all()
    assert score(some, some, "challenge")["dice"] == score(some, some)["dice"] == 1


def test_keys_of_the_detection_are_described():
    from slicewise.evaluation.detection import detection
    from tests.masks import HIT, scored

    part = RESULTS[RESULTS.index("## `summary.json`") : RESULTS.index("## `history.csv`")]
    rows = re.findall(r"^\| (`.*?) \|", part, re.M)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    found = detection(scored({"a": [(HIT, HIT)]}, lesions=["tumour"]))
    assert sorted(named) == sorted(found)
    for key in found["lesions"]:
        assert f"`{key}`" in part


def test_columns_of_the_comparison_are_described():
    from slicewise.evaluation import comparison

    assert table_of("comparison.tsv") == list(comparison.COLUMNS)
    assert all(f"`{m}`" in RESULTS for m in comparison.COMPARED)
