"""How far an edit of the code reaches: the stages that stand on it, and nothing else."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import CHECKOUT, Workflow, copied

LIBRARY = Path("src") / "slicewise"
PAGES = {"report", "compare", "index"}
SCORES = {"evaluate", *PAGES}
PREDICTED = {"predict", *SCORES}
TRAINED = {"plan", "train", *PREDICTED}
CUT = {"slices", *TRAINED}
LOOKED = {"look", "data", "index"}
INGESTED = {"ingest", "cases", "leakage", *LOOKED, *CUT}

REACH = {
    "config/dataset.py": set(),  # settings reach jobs as values
    "volumes/dicom/series.py": set(),  # all images are NIfTI
    "volumes/percentiles.py": INGESTED,
    "phantom/patient.py": set(),
    "dataset/layouts/pairs.py": set(),
    "dataset/corrections.py": set(),  # as what a layout finds
    "dataset/split.py": set(),  # who is in which subset reaches jobs as values
    "dataset/one_piece.py": TRAINED,  # what training masks decide
    "dataset/looked.py": LOOKED,  # for people: no later stage reads it
    "dataset/ensembles.py": TRAINED,  # by how much each of several teachers counts
    "dataset/former.py": SCORES,  # whether an ensemble had the name of an experiment
    "dataset/rungs.py": TRAINED,  # who is the best is a training's own settings
    "dataset/leakage.py": {"leakage", *SCORES},  # no score without it, and no training again
    "dataset/suspects.py": {"leakage", "data", "index", *SCORES},
    "slices/oblique.py": CUT,
    "slices/batches.py": TRAINED,
    "slices/taught.py": TRAINED,
    "metrics/surface.py": SCORES,
    "metrics/expected.py": {"report", "index"},  # made of what is stored
    "metrics/usual.py": {"report", "index"},
    "network/unet.py": TRAINED,
    "inference/predict.py": PREDICTED,
    "inference/ensemble.py": PREDICTED,
    "inference/roughness.py": PREDICTED,
    "inference/teaching.py": set(),  # nobody learns from another one
    "inference/assembled.py": TRAINED,  # by which weights of planes are fitted
    "inference/serving.py": set(),  # of models that are used elsewhere
    "training/losses.py": TRAINED,
    "training/calibrating.py": set(),  # these patients are too few
    "training/weighing.py": set(),  # there is no ensemble
    "evaluation/signed_rank.py": SCORES,
    "evaluation/sweep.py": {"compare", "index"},  # which says what a sweep chose
    "report/words.py": PAGES,
    "report/outliers.py": {"data", "index"},  # no volume is read again
    "report/looking.py": LOOKED,
    "report/templates/page.css": {"data", *PAGES},
    "report/sweep.py": set(),
    "report/viewer.py": {"report", "index"},
    "report/index.py": {"index"},
    "publish/prose.py": set(),  # nothing of it stands in results
    "crate/described.py": set(),  # nor of this
    "reproduce/again.py": set(),
    "commands/results.py": set(),  # of what is there
    "services/asked.py": set(),  # of scans that others send
    "segmenting/run.py": set(),  # of scans that nobody scores
    "study/trainings.py": set(),  # what it says reaches jobs as values
    "survey/init.py": set(),  # before there are settings
    "tracking/mirror.py": set(),
    "job.py": set(),
    "components.py": INGESTED,
    "overview.py": set(),
    "stored.py": set(),  # what is stored is read as it was written, or refused
}
"""For a file of the library, the rules whose jobs run again when it is edited."""


@pytest.fixture(scope="module")
def edited(finished, tmp_path_factory) -> Workflow:
    """A copy of the finished run in which code is edited, and put back."""
    return copied(finished.root, tmp_path_factory.mktemp("edited") / "slicewise")


def due(workflow: Workflow) -> set[str]:
    return {rule for rule in workflow.due() if rule != "all"}


def test_a_file_of_each_room_is_edited():
    rooms = {path.parent.name for path in (CHECKOUT / LIBRARY).glob("*/__init__.py")}
    assert rooms <= {name.split("/")[0] for name in REACH}


@contextmanager
def edit(*paths: Path) -> Iterator[None]:
    """Add a line to files; take it away again at the end."""
    kept = {path: path.read_text() for path in paths}
    for path, text in kept.items():
        more = "EDITED = 1" if path.suffix == ".py" else "/* edited */"
        path.write_text(f"{text}\n{more}\n")
    try:
        yield
    finally:
        for path, text in kept.items():
            path.write_text(text)


@pytest.mark.parametrize("name", [name for name, rules in REACH.items() if rules])
def test_an_edit_reaches_what_stands_on_it(edited, name):
    with edit(edited.root / LIBRARY / name):
        assert due(edited) == REACH[name]


def test_edits_that_reach_nothing_do_not_together(edited):
    names = [name for name, rules in REACH.items() if not rules]
    assert len(names) > 10
    with edit(*(edited.root / LIBRARY / name for name in names)):
        assert due(edited) == set()


def test_an_edit_of_a_script_reruns_its_rule(edited):
    with edit(edited.root / "scripts" / "report.py"):
        assert edited.due() == {"report": 2, "index": 1, "all": 1}


def test_comments_and_docstrings_reach_nothing(edited):
    changed = 0
    for folder in (LIBRARY, Path("scripts")):
        for path in (edited.root / folder).rglob("*.py"):
            text = path.read_text()
            path.write_text(re.sub(r'^"""', '"""Edited: ', text, count=1) + "# edited\n")
            changed += 1
    assert changed > 100
    assert due(edited) == set()
