"""What a Dice rests on."""

from __future__ import annotations

from slicewise.evaluation.evidence import evidence
from slicewise.files import sha256

USED = {
    "origin": {"git_commit": "c" * 40, "git_dirty": "true"},
    "resolved": {"weights_sha256": "w" * 64, "slices_sha256": "s" * 64},
}


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
    without = [{**USED, "origin": {}}]
    (code,) = [
        link
        for link in evidence(without, {}, "t", str(tmp_path / "f"), str(tmp_path / "f")).links
        if link.name == "Code"
    ]
    assert code.value is None
    assert "no git repository" in code.note
