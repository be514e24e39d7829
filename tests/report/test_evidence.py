"""What a Dice rests on."""

from __future__ import annotations

from slicewise.dataset.training_record import StartedFrom, TaughtBy
from slicewise.files import sha256
from slicewise.report.evidence import evidence
from tests.trained import record_of

KNOWN = record_of("a1", "a", "w" * 64)
USED = KNOWN.model_copy(
    update={
        "origin": {"git_commit": "c" * 40, "git_dirty": "true", "library_sha256": "l" * 64},
        "resolved": KNOWN.resolved.model_copy(update={"slices_sha256": "s" * 64}),
    }
)


def test_every_link_is_a_digest_of_what_is_there(tmp_path):
    for name in ("metrics.tsv", "split.tsv"):
        (tmp_path / name).write_text(name)
    files = [str(tmp_path / name) for name in ("metrics.tsv", "split.tsv")]
    run = {"experiment": "slicewise/x", "name": "a", "data_digest": "d" * 64}
    found = evidence([USED], run, "t" * 64, *files)
    values = {link.name: link.value for link in found.links}
    assert values == {
        "Scores": sha256(files[0]),
        "Weights": "w" * 64,
        "Ground truth": "t" * 64,
        "Data": "d" * 64,
        "Split": sha256(files[1]),
        "Training slices": "s" * 64,
        "Code": "c" * 40,
        "Library": "l" * 64,
        "Environment": None,
    }
    notes = {link.name: link.note for link in found.links}
    assert "not committed" in notes["Code"]
    assert "fold-0/model.keras" in notes["Weights"]
    assert found.run == run


def test_folds_are_told_apart(tmp_path):
    (tmp_path / "f").touch()
    found = evidence([USED, USED], {}, "t", str(tmp_path / "f"), str(tmp_path / "f"))
    names = [link.name for link in found.links]
    assert {"Weights, fold 0", "Weights, fold 1", "Training slices, fold 1"} <= set(names)
    without = [USED.model_copy(update={"origin": {}})]
    (code,) = [
        link
        for link in evidence(without, {}, "t", str(tmp_path / "f"), str(tmp_path / "f")).links
        if link.name == "Code"
    ]
    assert code.value is None
    assert "no git repository" in code.note


def test_somebody_elses_commit_is_not_the_codes(tmp_path):
    (tmp_path / "f").touch()
    origin = {"git_commit": "unknown", "library_sha256": "l", "project_commit": "p" * 40}
    run = {"scored_by_library_sha256": "m"}
    files = [str(tmp_path / "f")] * 2
    record = USED.model_copy(update={"origin": origin})
    links = {link.name: link for link in evidence([record], run, None, *files).links}
    assert "Ground truth" not in links, "there are no test cases"
    assert links["Code"].value is None
    assert "no git repository of its own" in links["Code"].note
    assert links["Project"].value == "p" * 40
    assert (links["Library"].value, links["Scoring"].value) == ("l", "m")


def test_the_model_that_was_fine_tuned_is_named(tmp_path):
    (tmp_path / "f").touch()
    files = [str(tmp_path / "f")] * 2
    told = StartedFrom(name="before", sha256="f" * 64, known=False, scans={}, earlier=["first (1)"])
    record = USED.model_copy(update={"started_from": told})
    (link,) = (
        each for each in evidence([record], {}, None, *files).links if each.name == "Started from"
    )
    assert link.value == "f" * 64 and "these scores are too good" in link.note
    # the first may have been a teacher: of what came earlier is not kept which it was
    assert link.note.startswith("before, ")
    assert link.note.endswith("; it had itself started or learnt from first (1)")
    known = told.model_copy(update={"known": True, "weights_sha256": "e" * 64})
    folds = [record.model_copy(update={"started_from": known})] * 2
    links = {each.name: each for each in evidence(folds, {}, None, *files).links}
    assert links["Started from, fold 1"].value == "e" * 64
    assert "none of the patients who are scored" in links["Started from, fold 1"].note


def test_the_teacher_is_named_with_its_share(tmp_path):
    (tmp_path / "f").touch()
    files = [str(tmp_path / "f")] * 2
    told = TaughtBy(name="large", weights_sha256="e" * 64, says="s", known=True, scans={})
    training = {**USED.experiment.get("training", {}), "distil": {"share": 0.25}}
    changed = {"taught_by": told, "experiment": {**USED.experiment, "training": training}}
    record = USED.model_copy(update=changed)
    links = {each.name: each for each in evidence([record], {}, None, *files).links}
    assert links["Learnt from"].value == "e" * 64
    assert links["Learnt from"].note.startswith("large, to which 0.25 of the loss was, by what")
    unknown = told.model_copy(update={"known": False})
    folds = [record, record.model_copy(update={"taught_by": unknown})]
    links = {each.name: each for each in evidence(folds, {}, None, *files).links}
    assert "these scores are too good" in links["Learnt from, fold 1"].note
    assert "too good" not in links["Learnt from, fold 0"].note
    assert "itself" not in links["Learnt from, fold 0"].note
    mixed = told.model_copy(update={"earlier": ["large (1)", "large (2)", "m.keras (3)"]})
    record = record.model_copy(update={"taught_by": mixed})
    links = {each.name: each for each in evidence([record], {}, None, *files).links}
    note = links["Learnt from"].note
    assert note.startswith("large, an ensemble of 2 models, to which 0.25 of the loss was, by what")
    assert note.endswith("; it had itself started or learnt from m.keras (3)")
