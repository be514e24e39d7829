"""A scan that models were trained on is known again, also once it was changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import slicewise
from slicewise.cli import main
from slicewise.dataset.describe import fingerprint
from slicewise.dataset.marks import beside, write_marks
from slicewise.files import sha256, write_yaml
from slicewise.segmenting.described import described
from slicewise.segmenting.export import export
from slicewise.segmenting.models import choose
from slicewise.segmenting.pages import write_pages
from slicewise.segmenting.trained_on import KIND, TrainedOn, told_of, trained_on
from slicewise.stored import read_stored
from slicewise.volumes.volume import Volume
from tests.dataset.test_duplicates import COPIES, marks, resampled, scan
from tests.segmenting.made import ct, experiment, segmented, stored
from tests.trained import record_of


def padded(volume: Volume) -> Volume:
    canonical = volume.canonical()
    return Volume(np.pad(canonical.array, 6, constant_values=-1024), canonical.affine)


def with_scans(folder: Path, *known: dict[str, Volume]) -> Path:
    """Let each fold have been trained on scans, by the names of their cases."""
    for fold, cases in enumerate(known):
        path = folder / f"fold-{fold}" / "config.yaml"
        record = read_stored(path)
        record["train"] = list(cases)
        record["patients"] = {case: case for case in cases}
        record["fingerprints"] = {case: fingerprint(image) for case, image in cases.items()}
        write_yaml(path, record)
    return folder


def kinds(flags) -> list[str]:
    return [flag.kind for flag in flags]


def test_who_was_trained_on_it_is_said_of_one_model_and_of_folds() -> None:
    one = fingerprint(scan(1))
    (flag,) = TrainedOn([{one: "case a"}]).flags(scan(1))
    assert flag.kind == KIND
    assert flag.sentence.startswith("The model was trained on this scan (case a), so its mask")
    (flag,) = TrainedOn([{one: ""}]).flags(scan(1))
    assert flag.sentence.startswith("The model was trained on this scan, so its mask")
    (flag,) = TrainedOn([{}, {one: "case a"}]).flags(scan(1))
    assert flag.sentence.startswith("Of 2 folds, fold 1 was trained on this scan (case a), so")
    (flag,) = TrainedOn([{one: "a"}, {}, {one: "a"}]).flags(scan(1))
    assert flag.sentence.startswith("Of 3 folds, folds 0, 2 were trained on this scan (a), so")
    (flag,) = TrainedOn([{one: "a"}, {one: "a"}]).flags(scan(1))
    assert flag.sentence.startswith("All 2 folds were trained on this scan (a), so")
    (flag,) = TrainedOn([{one: "a"}, {one: "a"}], of="model").flags(scan(1))
    assert flag.sentence.startswith("All 2 models were trained on this scan (a), so")
    (flag,) = TrainedOn([{}, {}, {one: "a"}], of="model").flags(scan(1))
    assert flag.sentence.startswith("1 of 3 models was trained on this scan (a), so")
    (flag,) = TrainedOn([{one: "a"}, {}, {one: "a"}], of="model").flags(scan(1))
    assert flag.sentence.startswith("2 of 3 models were trained on this scan (a), so")
    assert not TrainedOn([{one: "a"}]).flags(scan(2)) and not TrainedOn([]).flags(scan(1))


@pytest.mark.parametrize("change", [padded, COPIES["resampled"], COPIES["turned"]])
def test_a_changed_copy_is_known_where_its_marks_are_there(change) -> None:
    names = [fingerprint(scan(index)) for index in range(4)]
    scans = [{names[0]: "case a", names[1]: "case b"}, {names[1]: "case b", names[2]: "case c"}]
    known = TrainedOn(scans, {name: marks(index) for index, name in enumerate(names[:3])})
    (flag,) = known.flags(change(scan(2)))
    assert "Of 2 folds, fold 1 was trained on a scan (case c) so like this one" in flag.sentence
    assert "1 is the same, 0.7 the limit" in flag.sentence
    assert not known.flags(change(scan(3))) and not known.flags(scan(3))
    assert not TrainedOn(scans).flags(change(scan(2)))


def test_a_channel_that_is_empty_names_no_scan() -> None:
    image = scan(1).array
    both = Volume(np.stack([np.zeros_like(image), image], axis=-1), scan(1).affine)
    assert kinds(TrainedOn([{fingerprint(scan(1)): "a"}]).flags(both)) == [KIND]


def test_scans_of_the_model_that_was_fine_tuned_count() -> None:
    record = record_of("a", "a", "w")
    before = {"name": "x", "sha256": "0", "known": True, "scans": {fingerprint(scan(1)): "bo"}}
    record = type(record).model_validate(record.dump() | {"started_from": before})
    (flag,) = trained_on([record], [], None).flags(scan(1))
    assert "was trained on this scan (of bo, before it was fine-tuned), so" in flag.sentence


def results_of(folder: Path, cases: dict[str, int]) -> Path:
    """Write an experiment beside a table of cases."""
    place = experiment(folder / "x")
    images = {case: scan(index) for case, index in cases.items()}
    with_scans(place, images, {})
    rows = {"case": list(cases), "patient": list(cases), "image_sha256": "0", "mask_sha256": "0"}
    rows["fingerprint"] = [fingerprint(image) for image in images.values()]
    pd.DataFrame(rows).to_csv(folder / "cases.tsv", sep="\t", index=False)
    write_marks(beside(folder / "cases.tsv"), {case: marks(i) for case, i in cases.items()})
    return place


def test_marks_are_found_beside_results_and_their_lack_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = results_of(tmp_path, {"a": 1, "b": 2})
    known = choose(str(folder)).trained_on
    assert len(known.marks) == 2
    assert kinds(known.flags(resampled(scan(1), (4.0, 4.0, 7.0)))) == [KIND]
    beside(tmp_path / "cases.tsv").write_bytes(b"damaged")
    less = choose(str(folder)).trained_on
    assert not less.marks and less.digest != known.digest
    assert "are known by their voxels alone" in caplog.text
    assert kinds(less.flags(scan(1))) == [KIND]


def test_table_page_and_terminal_say_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    folder = experiment(tmp_path / "results" / "tiny" / "x")
    stored(tmp_path / "scans" / "new.nii.gz", ct(1))
    stored(tmp_path / "scans" / "old.nii.gz", ct(2, 1))
    command = ["segment", str(tmp_path / "scans"), "--model", str(folder), "--output"]
    assert main([*command, str(tmp_path / "out")]) == 0
    assert "nothing tells which scans the model was trained on" in capsys.readouterr().err
    before = {path: sha256(path) for path in (tmp_path / "out" / "masks").iterdir()}
    # the same voxels, turned and of another type
    floats = Volume(ct(2, 1).canonical().array.astype(np.float32), ct(2, 1).canonical().affine)
    with_scans(folder, {"p7": floats}, {})
    # what is there is kept, and said anew
    for _ in range(2):
        assert main([*command, str(tmp_path / "out")]) == 0
        said = capsys.readouterr().err
        assert "1 of 2 scans was trained on (old)" in said and "nothing tells" not in said
    assert {path: sha256(path) for path in before} == before
    table = pd.read_csv(tmp_path / "out" / "volumes.tsv", sep="\t")
    flags = table.set_index("scan")["flags"].fillna("").groupby("scan").first()
    assert flags["old"].startswith("Of 2 folds, fold 0 was trained on this scan (case p7), so")
    assert "trained on" not in flags["new"]
    assert "fold 0 was trained on this scan" in (tmp_path / "out" / "gallery.html").read_text()


def test_it_makes_no_scan_more_suspicious(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "x")
    path = stored(tmp_path / "a.nii.gz", ct(1))
    _, one = segmented([path], folder, tmp_path / "one")
    with_scans(folder, {"p": ct(1)}, {"p": ct(1)})
    _, other = segmented([path], folder, tmp_path / "other")
    assert one.finished()[0].suspicion == other.finished()[0].suspicion
    assert write_pages(one, "x", []) == "" and "(a)" in write_pages(other, "x", [])


def test_an_exported_model_knows_its_scans_and_none_of_their_names(tmp_path: Path) -> None:
    folder = with_scans(experiment(tmp_path / "x"), {"Plantedname": ct(1)}, {})
    files = export(choose(str(folder)), tmp_path / "models")
    assert b"Plantedname" not in b"".join(path.read_bytes() for path in files)
    chosen = choose(str(tmp_path / "models"))
    flag = slicewise.segment(ct(1).array, chosen, affine=ct(1).affine).flags[0]
    assert flag.sentence.startswith("Of 2 folds, fold 0 was trained on this scan, so")
    assert KIND not in kinds(slicewise.segment(ct(2).array, chosen, affine=ct(2).affine).flags)


def test_inspect_says_whether_scans_are_known_again(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "x")
    assert "known again" not in described(choose(str(folder)))
    with_scans(folder, {"a": ct(1)}, {"b": ct(2)})
    assert "2 cases of 2 patients, known again when" in described(choose(str(folder)))


def test_no_line_is_said_of_new_scans() -> None:
    assert told_of({"a": [], "b": ["cut by the border"]}) == ""
    many = {f"s{k:02d}": [KIND] for k in range(12)}
    assert "12 of 12 scans were trained on (s00, " in told_of(many) and "4 more" in told_of(many)
