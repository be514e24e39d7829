"""What of a folder of masks counts as finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_json
from slicewise.segmenting.pages import Output, read_scans, told_twice, write_pages
from slicewise.stored import write_sealed


def made(output: Output, scan: str, suspicion: float = 0.5, image: str = "") -> None:
    output.mask(scan).parent.mkdir(parents=True, exist_ok=True)
    output.mask(scan).write_bytes(scan.encode())
    label = {"label": "liver", "ml": 3.0, "pieces": [3.0], "confidence": 0.9, "agreement": None}
    record = {
        "scan": scan,
        "made_from": "x",
        "mask_sha256": sha256(output.mask(scan)),
        "labels": [label],
        "flags": [],
        "suspicion": suspicion,
        "views": [],
    }
    if image:
        record["origin"] = {"image": image, "offset": 0, "model": "m", "weights": ["w"]}
    write_sealed(output.record(scan), record)


def test_those_with_masks_count(tmp_path: Path) -> None:
    output = Output(tmp_path)
    for scan in "abc":
        made(output, scan)
    output.mask("b").unlink()
    assert [scan.scan for scan in output.finished()] == ["a", "c"]
    assert [scan.scan for scan in output.finished(["c", "d"])] == ["c"]
    output.record("a").write_text("{}")
    assert [scan.scan for scan in output.finished()] == ["c"]


def test_a_mask_that_somebody_changed_is_no_more_ours(tmp_path: Path) -> None:
    output = Output(tmp_path)
    made(output, "a")
    assert output.made("a") and not output.made("b")
    output.mask("a").write_bytes(b"corrected")
    assert not output.made("a")


def test_one_scan_under_two_names_is_said(tmp_path: Path) -> None:
    """A second series in its folder, or a new name of its file, gives a scan another name."""
    output = Output(tmp_path)
    for scan, image in {"p01": "d1", "p01_3e2b77": "d1", "p01_36a527": "d2", "old": ""}.items():
        made(output, scan, image=image)
    assert "has 1 scan under several names (p01 = p01_3e2b77); delete" in told_twice(output)
    output.mask("p01").unlink()
    assert told_twice(output) == ""


def test_pages_of_shards(tmp_path: Path) -> None:
    output = Output(tmp_path)
    made(output, "a", 0.2)
    made(output, "b", 1.4)
    paths = [str(tmp_path / f"{k}.json") for k in range(2)]
    for path, scan in zip(paths, output.finished(), strict=True):
        write_json(path, [scan.model_dump()])
    write_pages(output, "tiny/plain", ["c: it is cut short; copy it"], read_scans(paths))
    rows = (tmp_path / "volumes.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["scan", "b", "a"]
    page = (tmp_path / "gallery.html").read_text()
    assert "c: it is cut short; copy it" in page and "tiny/plain" in page
    write_json(paths[0], [{"scan": "a"}])
    with pytest.raises(SlicewiseError, match="damaged"):
        read_scans(paths)
