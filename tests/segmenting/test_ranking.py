"""The order in which to draw scans: random and honest, or by expected Dice."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.cli import main
from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.report.segmented import SegmentedScan
from slicewise.segmenting.ranking import ranked
from slicewise.segmenting.trained_on import KIND
from slicewise.stored import write_sealed


def record(name: str, dice: float | None = None, kind: str = "", **ml: float) -> dict:
    labels = [{"label": label, "ml": each, "expected_dice": dice} for label, each in ml.items()]
    flags = [{"kind": kind, "sentence": "It is odd."}] if kind else []
    made = {"scan": name, "made_from": "0", "mask_sha256": "0", "suspicion": 0.0}
    return made | {"labels": labels, "flags": flags}


def scan(name: str, dice: float | None = None, kind: str = "", **ml: float) -> SegmentedScan:
    return SegmentedScan.model_validate(record(name, dice, kind, **ml))


def names(order) -> list[str]:
    return [one.scan for one in order.scans]


def test_those_rich_in_foreground_are_first_and_their_order_is_the_seed_s() -> None:
    scans = [scan(f"s{k}", liver=float(k)) for k in range(20)]
    order = ranked(scans)
    assert order.rich == {f"s{k}" for k in range(10, 20)}
    assert set(names(order)[:10]) == order.rich
    assert names(order)[:10] != [f"s{k}" for k in range(10, 20)]
    assert names(ranked(scans[::-1])) == names(order)
    assert names(ranked(scans, seed=1)) != names(order)
    assert set(names(ranked(scans, seed=1))[:10]) == order.rich


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=12), st.integers(0, 3))
def test_all_are_ranked_once_and_a_new_one_reorders_no_others(volumes, seed) -> None:
    scans = [scan(f"s{k}", liver=ml) for k, ml in enumerate(volumes)]
    assert sorted(names(ranked(scans, seed=seed))) == sorted(one.scan for one in scans)
    alike = [scan(f"s{k}", liver=1.0) for k in range(len(volumes))]
    before = names(ranked(alike, seed=seed))
    after = names(ranked([*alike, scan("new", liver=1.0)], seed=seed))
    assert [name for name in after if name != "new"] == before


def test_a_small_label_counts_like_a_large_one_and_nothing_found_is_not_rich() -> None:
    scans = [
        scan("a", liver=1000.0, tumour=0.0),
        scan("b", liver=1500.0, tumour=0.0),
        scan("c", liver=1200.0, tumour=9.0),
        scan("d", liver=0.0, tumour=0.0),
    ]
    assert ranked(scans).rich == {"b", "c"}
    assert ranked([scan("x", liver=0.0), scan("y", liver=0.0)]).rich == set()


def test_the_lowest_expected_dice_is_first_and_what_is_not_known_last() -> None:
    scans = [scan("a", 0.9, liver=1.0), scan("b", None, liver=1.0), scan("c", 0.2, liver=1.0)]
    assert names(ranked(scans, "dice")) == ["c", "a", "b"]
    with pytest.raises(SlicewiseError, match="no Dice is expected of these masks"):
        ranked([scan("b", None, liver=1.0)], "dice")


def test_what_was_trained_on_teaches_nothing_new() -> None:
    order = ranked([scan("a", kind=KIND, liver=9.0), scan("b", liver=1.0)])
    assert names(order) == ["b"]
    assert "trained on them: a" in order.text(5)
    with pytest.raises(SlicewiseError, match="as the model was trained on a; segment new ones"):
        ranked([scan("a", kind=KIND, liver=9.0)])


def place(folder: Path) -> Path:
    (folder / "masks").mkdir(parents=True)
    for name, dice, ml in (("a", 0.9, 3.0), ("b", 0.4, 1.0), ("c", 0.6, 2.0)):
        mask = folder / "masks" / f"{name}.nii.gz"
        mask.write_bytes(b"mask")
        one = record(name, dice, "cut by the border" if name == "b" else "", liver=ml)
        write_sealed(folder / "_scans" / f"{name}.json", one | {"mask_sha256": sha256(mask)})
    return folder


def test_the_command_prints_and_writes_a_table_and_says_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place(tmp_path / "new")
    assert main(["next", str(folder), "--by", "dice", "--count", "2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said[1:3]] == [["1", "b"], ["2", "c"]]
    assert "cut by the border" in said[1]
    assert "not shown to teach more than a random order" in said[3]
    assert "arXiv 2511.19183" in said[3] and len(said) == 4
    table = pd.read_csv(folder / "next.tsv", sep="\t")
    assert list(table["scan"]) == ["b", "c", "a"] and list(table["expected_dice"]) == [
        0.4,
        0.6,
        0.9,
    ]
    assert main(["next", str(folder), "a", "c"]) == 0
    said = capsys.readouterr().out
    assert "no ranking is known to beat that reliably (arXiv 2511.19183)" in said
    table = pd.read_csv(folder / "next.tsv", sep="\t")
    assert set(table["scan"]) == {"a", "c"} and list(table["rich"]) == ["yes", "no"]


def test_what_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["next", str(tmp_path / "absent")]) == 1
    assert "there is no mask of a new scan" in capsys.readouterr().err
    folder = place(tmp_path / "new")
    assert main(["next", str(folder), "x"]) == 1
    assert "it has no mask of a scan x" in capsys.readouterr().err
    assert not (folder / "next.tsv").exists()
