"""Segmenting scans: the workflow's masks to the bit, each scan by itself, nothing overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK as sitk

import slicewise
from slicewise.config import Context
from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.files import digest, sha256
from slicewise.inference.predict import Request, predict_cases
from slicewise.report.segmented import most_suspicious
from slicewise.retries import may_pass
from slicewise.segmenting import run
from slicewise.segmenting.models import Chosen, choose
from slicewise.segmenting.pages import Output, write_pages
from slicewise.segmenting.run import read_scan
from slicewise.segmenting.scans import find_scan
from slicewise.stored import unsealed, write_sealed
from slicewise.volumes.nifti import read_nifti, read_note
from slicewise.volumes.read import read_sources
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.inference.test_unlike import as_mr, card, patient
from tests.scans import OBLIQUE, SECRETS, UPRIGHT
from tests.segmenting.made import ct, experiment, hounsfield, segmented, stored, with_calibrations
from tests.volumes.dicom.archived import of_patient
from tests.volumes.dicom.drawn import by_highdicom
from tests.volumes.dicom.written import SAGITTAL, zipped


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Chosen:
    return choose(str(experiment(tmp_path_factory.mktemp("results") / "baseline")))


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


def as_the_workflow(image: Path, mask: Path, chosen: Chosen) -> Path:
    """What the rule `predict` does with a case."""
    list(predict_cases([Request("case", image, mask, chosen.models)]))
    return mask


def same(one: Path, other: Path) -> None:
    first, second = (nib.load(path) for path in (one, other))
    np.testing.assert_array_equal(np.asarray(first.dataobj), np.asarray(second.dataobj))
    np.testing.assert_array_equal(first.affine, second.affine)
    assert first.header.get_data_dtype() == second.header.get_data_dtype()
    assert first.header.get_xyzt_units() == second.header.get_xyzt_units()


@pytest.mark.parametrize("turn", range(4))
def test_masks_are_those_of_the_workflow(tmp_path: Path, chosen: Chosen, turn: int) -> None:
    path = stored(tmp_path / "scans" / "a.nii.gz", ct(1, turn))
    other = stored(tmp_path / "scans" / "b.nii.gz", ct(2, turn))
    outcome, output = segmented([tmp_path / "scans"], chosen, tmp_path / "out")
    assert (sorted(outcome.made), outcome.failures) == (["a", "b"], [])
    same(output.mask("a"), as_the_workflow(path, tmp_path / "wanted.nii.gz", chosen))
    same(output.mask("b"), as_the_workflow(other, tmp_path / "wanted.nii.gz", chosen))


def test_other_formats_are_read_as_the_workflow_converts_them(
    tmp_path: Path, chosen: Chosen
) -> None:
    path = stored(tmp_path / "ct.nii.gz", ct(3, 1))
    image = sitk.ReadImage(str(path))
    for name in ("ct1.nrrd", "ct2.mha"):
        sitk.WriteImage(image, str(tmp_path / name))
        _, output = segmented([tmp_path / name], chosen, tmp_path / "out")
        converted = stored(tmp_path / "converted.nii.gz", read_sources([tmp_path / name]))
        wanted = as_the_workflow(converted, tmp_path / "wanted.nii.gz", chosen)
        same(output.mask(name[:3]), wanted)


@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE, SAGITTAL])
@pytest.mark.parametrize("packed", [False, True])
def test_dicom_in_and_seg_out(
    tmp_path: Path, chosen: Chosen, write_series, orientation, packed: bool
) -> None:
    folder = tmp_path / "CT7"
    edit = of_patient("PLANTED-1")
    write_series(folder, 5, orientation, stored=hounsfield(), edit=edit)
    place = zipped(folder, tmp_path / "CT7.zip", "Plantedname/") if packed else folder
    lines: list[str] = []
    outcome, output = segmented([place], chosen, tmp_path / "out", lines.append)
    name = outcome.made[0] if packed else "CT7"
    assert (outcome.made, outcome.failures) == ([name], [])
    converted = stored(tmp_path / "c.nii.gz", read_sources(sorted(folder.iterdir())))
    same(output.mask(name), as_the_workflow(converted, tmp_path / "wanted.nii.gz", chosen))
    mask = read_nifti(output.mask(name))[0].array
    assert {5, 6} <= set(np.unique(mask))
    segments = by_highdicom(output.seg(name), folder)
    for number, value in enumerate((5, 6)):
        np.testing.assert_array_equal(segments[..., number] > 0, mask == value)
    write_pages(output, "m", outcome.failures)
    for path in (p for p in (tmp_path / "out").rglob("*") if p.is_file()):
        content = path.read_bytes()
        told = [s for s in SECRETS if s.encode() in content or s in str(path)]
        assert bool(told) == (path.parent.name == "dicom"), path
    assert not [secret for secret in SECRETS if secret in " ".join(lines)]
    assert pydicom.dcmread(output.seg(name)).PatientID == "PLANTED-1"


def test_structures_are_written_where_they_are_asked_for(
    tmp_path: Path, chosen: Chosen, write_series
) -> None:
    write_series(tmp_path / "CT7", 5, stored=hounsfield())
    place = [tmp_path / "CT7"]
    _, output = segmented(place, chosen, tmp_path / "out")
    assert not output.structures("CT7").exists()
    made, _ = segmented(place, chosen, tmp_path / "out", structures=True)
    assert made.made == ["CT7"]  # it was not whole
    names = {
        each.ROIName for each in pydicom.dcmread(output.structures("CT7")).StructureSetROISequence
    }
    assert names == set(chosen.card.labels)
    again, _ = segmented(place, chosen, tmp_path / "out", structures=True)
    assert again.kept == ["CT7"]


def test_dicom_of_a_mask_that_was_replaced_does_not_stay(
    tmp_path: Path, chosen: Chosen, write_series, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "CT7", 5, stored=hounsfield(), edit=of_patient("P"))
    place, out = [tmp_path / "CT7"], tmp_path / "out"
    _, output = segmented(place, chosen, out, structures=True)
    assert output.structures("CT7").is_file()
    of_one = {name: getattr(chosen, name)[:1] for name in ("models", "weights", "trainings")}
    alone = replace(chosen, **of_one)
    other, _ = segmented(place, alone, out, force=True)
    assert (other.made, output.structures("CT7").exists()) == (["CT7"], False)
    assert output.seg("CT7").is_file()

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(run, "write_seg", ended)
        segmented(place, chosen, out, force=True)
    # its record is written, but the SEG that lay there was of another mask
    again, _ = segmented(place, chosen, out)
    assert again.made == ["CT7"]
    drawn = np.count_nonzero(read_nifti(output.mask("CT7"))[0].array)
    assert pydicom.dcmread(output.seg("CT7")).pixel_array.sum() == drawn
    # a scan that is no DICOM takes the name
    image = stored(tmp_path / "CT7.nii.gz", ct(1))
    segmented([image], chosen, out, force=True)
    assert not output.seg("CT7").exists()


def test_a_bad_scan_stops_no_other(tmp_path: Path, chosen: Chosen, write_series) -> None:
    folder = tmp_path / "scans"
    for number in range(4):
        stored(folder / f"good{number}.nii.gz", ct(number))
    cut = stored(folder / "cut.nii.gz", ct(9))
    cut.write_bytes(cut.read_bytes()[:-40])
    stored(folder / "mask.nii.gz", Volume((ct(1).array > 0).astype(np.uint8), ct(1).affine))
    stored(folder / "shifted.nii.gz", Volume(ct(1).array + 1024, ct(1).affine))

    def apart(header: pydicom.Dataset, k: int) -> None:
        of_patient("PLANTED-1")(header, k)
        header.ImagePositionPatient = [0, 0, k * k]

    write_series(folder / "uneven", 5, stored=hounsfield(), edit=apart)
    lines: list[str] = []
    outcome, output = segmented([folder], chosen, tmp_path / "out", lines.append)
    assert sorted(outcome.made) == [f"good{k}" for k in range(4)]
    said = " ".join(outcome.failures)
    for name in ("cut", "mask", "shifted", "uneven"):
        assert sum(name in failure for failure in outcome.failures) == 1, outcome.failures
        assert not output.mask(name).exists()
    assert "give --offset -1024" in said
    assert not [secret for secret in SECRETS if secret in said]
    assert not list((tmp_path / "out").rglob(".*")), "nothing half-written"


def test_a_scan_that_has_lost_the_size_of_its_voxels(tmp_path: Path, chosen: Chosen) -> None:
    path = tmp_path / "lost.nii.gz"
    write_nifti(path, Volume(ct(1).array, np.eye(4), lost=True))
    outcome, output = segmented([path], chosen, tmp_path / "out")
    assert outcome.made == ["lost"]
    assert "size of voxels unknown" in output.record("lost").read_text()
    found = slicewise.segment(path, chosen)
    assert "size of voxels unknown" in [flag.kind for flag in found.flags]
    # slices in millimetres cannot be cut out of it
    in_mm = chosen.card.recipe.model_copy(update={"spacing": 1.5, "size": 16})
    with pytest.raises(SlicewiseError, match="lost the size of its voxels"):
        read_scan(find_scan(path), chosen.card.model_copy(update={"recipe": in_mm}))
    # nor is it known which slices lie so many millimetres away
    neighbours = Context(slices=3, mm=2.5)
    with pytest.raises(SlicewiseError, match="lost the size of its voxels"):
        read_scan(find_scan(path), chosen.card.model_copy(update={"context": neighbours}))


def test_a_mask_that_was_edited_with_its_header_is_not_replaced(
    tmp_path: Path, chosen: Chosen
) -> None:
    path = stored(tmp_path / "a.nii.gz", ct(1))
    _, output = segmented([path], chosen, tmp_path / "out")
    made = nib.load(output.mask("a"))
    edited = 1 - np.asarray(made.dataobj)
    nib.save(nib.Nifti1Image(edited, made.affine, made.header), output.mask("a"))
    before = sha256(output.mask("a"))
    outcome, _ = segmented([path], chosen, tmp_path / "out")
    assert "give --force" in " ".join(outcome.failures)
    assert sha256(output.mask("a")) == before
    forced, _ = segmented([path], chosen, tmp_path / "out", force=True)
    assert forced.made == ["a"]
    assert sha256(output.mask("a")) != before


def test_an_offset_is_added(tmp_path: Path, chosen: Chosen) -> None:
    stored(tmp_path / "a.nii.gz", ct(1))
    stored(tmp_path / "b.nii.gz", Volume(ct(1).array + 1024, ct(1).affine))
    _, output = segmented([tmp_path / "a.nii.gz"], chosen, tmp_path / "out")
    outcome, _ = segmented([tmp_path / "b.nii.gz"], chosen, tmp_path / "out", offset=-1024)
    assert outcome.failures == []
    same(output.mask("a"), output.mask("b"))


def test_what_is_there_is_kept_and_nothing_else_overwritten(
    tmp_path: Path, chosen: Chosen, write_series
) -> None:
    path = stored(tmp_path / "scans" / "a.nii.gz", ct(1))
    write_series(tmp_path / "scans" / "CT7", 5, stored=hounsfield(), edit=of_patient("P"))
    place = [tmp_path / "scans"]
    first, output = segmented(place, chosen, tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*") if p.is_file()}
    again, _ = segmented(place, chosen, tmp_path / "out")
    assert sorted(again.kept) == sorted(first.made) and not again.made
    assert before == {p: p.stat().st_mtime_ns for p in before}
    # a kill between a mask and the rest leaves what the next call finishes
    output.record("a").unlink()
    output.begun("a").touch()
    output.seg("CT7").unlink()
    again, _ = segmented(place, chosen, tmp_path / "out")
    assert sorted(again.made) == ["CT7", "a"]
    # another scan of this name, or a mask that somebody corrected
    write_nifti(path, ct(2))
    other, _ = segmented(place, chosen, tmp_path / "out")
    assert other.kept == ["CT7"] and not other.made
    assert "there is a mask already" in other.failures[0] and "--force" in other.failures[0]
    forced, _ = segmented([path], chosen, tmp_path / "out", force=True)
    assert forced.made == ["a"]
    wanted = as_the_workflow(path, tmp_path / "wanted.nii.gz", chosen)
    same(output.mask("a"), wanted)


@pytest.mark.parametrize("renew", [False, True])
@pytest.mark.parametrize("left", [None, "", '{"scan": "a"', "[]", '{"scan": "a"}'])
def test_a_mask_that_may_have_been_edited_outlives_the_loss_of_its_record(
    tmp_path: Path, chosen: Chosen, renew: bool, left: str | None
) -> None:
    path = stored(tmp_path / "a.nii.gz", ct(1))
    _, output = segmented([path], chosen, tmp_path / "out")
    assert not output.begun("a").exists()
    output.begun("a").touch()
    kept, _ = segmented([path], chosen, tmp_path / "out", renew=renew)
    assert kept.kept == ["a"]
    output.record("a").unlink()
    if left is not None:
        output.record("a").write_text(left)
    before = output.mask("a").read_bytes()
    again, _ = segmented([path], chosen, tmp_path / "out", renew=renew)
    assert not again.made and output.mask("a").read_bytes() == before
    assert "there is a mask already, of another scan, model or hand" in again.failures[0]
    forced, _ = segmented([path], chosen, tmp_path / "out", force=True)
    assert forced.made == ["a"] and output.record("a").is_file()


def test_the_table_and_the_page_have_all_scans(tmp_path: Path, chosen: Chosen) -> None:
    for number in range(3):
        place = stored(tmp_path / f"s{number}.nii.gz", ct(number, number))
        _, output = segmented([place], chosen, tmp_path / "out")
    write_pages(output, "a/model", ["s9: it is damaged; copy it"])
    scans = most_suspicious(output.finished())
    assert [scan.suspicion for scan in scans] == sorted((s.suspicion for s in scans), reverse=True)
    assert [scan.origin.values for scan in scans] == [{"organ0": 5, "organ1": 6}] * 3
    table = pd.read_csv(tmp_path / "out" / "volumes.tsv", sep="\t")
    assert len(table) == 6
    for row in table.to_dict("records"):
        mask = nib.load(output.mask(row["scan"]))
        value = {"organ0": 5, "organ1": 6}[row["label"]]
        ml = np.count_nonzero(np.asarray(mask.dataobj) == value) * 0.7 * 0.9 * 2.5 / 1000
        assert row["ml"] == pytest.approx(ml, abs=1e-4)
        assert 0 < row["agreement"] < 1 and 0 < row["confidence"] < 1
        assert "disagree" in row["flags"], "the models were never trained"
    page = (tmp_path / "out" / "gallery.html").read_text()
    assert [page.count(f'id="scan-s{k}"') for k in range(3)] == [1, 1, 1]
    assert "s9: it is damaged" in page
    assert all(output.overlay(scan.scan).read_bytes()[:2] == b"\xff\xd8" for scan in scans)


@pytest.mark.slow
def test_nothing_is_asked_of_the_model_that_one_alone_would_not_be(
    tmp_path: Path,
) -> None:
    """Watching each fold must not change their mean by a bit, whatever the views."""
    inference = {"flip": "both", "shift": 2, "planes": ["axial", "coronal"]}
    model = experiment(tmp_path / "e", (3, 4, 5), inference=inference)
    chosen = choose(str(model))
    path = stored(tmp_path / "a.nii.gz", ct(1))
    _, output = segmented([path], chosen, tmp_path / "out")
    same(output.mask("a"), as_the_workflow(path, tmp_path / "wanted.nii.gz", chosen))


def test_a_fault_of_our_own_quotes_no_header(
    tmp_path: Path, chosen: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path / "a.nii.gz", ct(1))

    def broken(*_: object) -> None:
        raise ValueError("Plantedname")

    monkeypatch.setattr(run, "read_scan", broken)
    outcome, _ = segmented([tmp_path / "a.nii.gz"], chosen, tmp_path / "out")
    assert outcome.failures == [
        "a: a fault of slicewise's own (ValueError) ended it; please report that"
    ]


@pytest.mark.parametrize(
    ("place", "error", "passes"),
    [
        ("read_scan", MemoryError(), True),
        ("drawn_scan", MemoryError(), True),
        ("read_scan", OSError(5, "Input/output error"), True),
        ("read_scan", SlicewiseError("a: wrong"), False),
        ("read_scan", ValueError("wrong"), False),
    ],
)
def test_a_scan_that_did_not_fit_into_memory_is_tried_again_with_more(
    tmp_path: Path, chosen: Chosen, monkeypatch: pytest.MonkeyPatch, place, error, passes
) -> None:
    for name in "ab":
        stored(tmp_path / f"scans/{name}.nii.gz", ct(1))
    reached = getattr(run, place)
    calls: list[object] = []

    def fails_once(*given: object) -> object:
        calls.append(given)
        if len(calls) == 1:
            raise error
        return reached(*given)

    monkeypatch.setattr(run, place, fails_once)
    outcome, _ = segmented([tmp_path / "scans"], chosen, tmp_path / "out")
    (failed,) = outcome.errors
    assert outcome.made == ["b"] and str(failed).startswith("a: ")
    # or the scan would stay in memory until the last one
    assert failed.__traceback__ is None and failed.__context__ is None
    with pytest.raises(SeveralErrors) as caught:
        outcome.refuse_failures()
    assert [may_pass(one) for one in caught.value.errors] == [passes]


def test_a_full_disk_ends_it(
    tmp_path: Path, chosen: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path / "a.nii.gz", ct(1))
    out = tmp_path / "out"
    out.write_text("a file where the folder is to be")
    with pytest.raises((SlicewiseError, OSError)):
        segmented([tmp_path / "a.nii.gz"], chosen, out)


def test_what_is_unlike_training_is_said_in_the_table_and_on_the_page(tmp_path: Path) -> None:
    known = card(3).ranges
    ranges = known.model_copy(update={"labels": {}}).model_dump()
    folder = experiment(tmp_path / "x", ranges=ranges)
    healthy, _ = patient(9)
    scans = tmp_path / "scans"
    stored(scans / "healthy.nii.gz", healthy)
    stored(scans / "half.nii.gz", Volume(healthy.array[:24], healthy.affine))
    outcome, output = segmented([scans], folder, tmp_path / "out")
    assert sorted(outcome.made) == ["half", "healthy"]
    write_pages(output, "x", [])
    table = pd.read_csv(tmp_path / "out" / "volumes.tsv", sep="\t", index_col=["scan", "label"])
    flags = table["flags"].fillna("").groupby("scan").first()
    assert "It covers " in flags["half"] and " mm from left to right, in train" in flags["half"]
    assert not [word for word in ("covers", "voxels", "unlike") if word in flags["healthy"]]
    assert "field of view outside training" in (tmp_path / "out" / "gallery.html").read_text()


def test_a_ct_gets_no_mask_of_a_model_of_mr(tmp_path: Path) -> None:
    ranges = card(3, "arbitrary").ranges.model_copy(update={"labels": {}}).model_dump()
    folder = experiment(tmp_path / "x", intensity="arbitrary", ranges=ranges)
    stored(tmp_path / "scans" / "ct.nii.gz", patient(9)[0])
    stored(tmp_path / "scans" / "mr.nii.gz", as_mr(patient(9)[0]))
    outcome, output = segmented([tmp_path / "scans"], folder, tmp_path / "out")
    assert outcome.made == ["mr"] and not output.mask("ct").exists()
    (said,) = outcome.failures
    assert said.endswith("give an image of their kind") and "ct.nii.gz: it holds the Houns" in said


MOVE = "move it to another folder, where it is safe, and run the same command again"


def test_what_was_made_here_may_be_renewed_and_what_a_hand_changed_not(
    tmp_path: Path, chosen: Chosen
) -> None:
    path = stored(tmp_path / "scans" / "a.nii.gz", ct(1))
    told = {"renew": True, "code": "one"}
    first, output = segmented([path], chosen, tmp_path / "out", **told)
    again, _ = segmented([path], chosen, tmp_path / "out", **told)
    edited, _ = segmented([path], chosen, tmp_path / "out", **told | {"code": "two"})
    assert (first.made, again.kept, edited.made) == (["a"], ["a"], ["a"])
    stored(path, ct(2))
    other, _ = segmented([path], chosen, tmp_path / "out", **told)
    assert other.made == ["a"]
    mask = nib.load(output.mask("a"))
    nib.save(nib.Nifti1Image(np.zeros(mask.shape, np.uint8), mask.affine), output.mask("a"))
    refused, _ = segmented([path], chosen, tmp_path / "out", **told)
    (said,) = refused.failures
    assert said.endswith(
        "move it to another folder, where it is safe, and run the same command again"
    )
    with pytest.raises(SeveralErrors):
        refused.refuse_failures()
    first.refuse_failures()


@pytest.mark.parametrize(
    "changed", [{"inference": {"flip": "one"}}, {"postprocessing": {"largest_component": True}}]
)
def test_the_same_weights_with_other_settings_are_another_model(
    tmp_path: Path, chosen: Chosen, changed: dict[str, dict[str, object]]
) -> None:
    path = stored(tmp_path / "a.nii.gz", ct(1))
    first, output = segmented([path], chosen, tmp_path / "out")
    other = choose(str(experiment(tmp_path / "x", **changed)))
    assert first.made == ["a"] and other.weights == chosen.weights
    refused, _ = segmented([path], other, tmp_path / "out")
    assert "another scan, model or hand" in " ".join(refused.failures)
    made, _ = segmented([path], other, tmp_path / "out", renew=True)
    again, _ = segmented([path], other, tmp_path / "out", renew=True)
    assert (made.made, again.kept) == (["a"], ["a"])
    same(output.mask("a"), as_the_workflow(path, tmp_path / "wanted.nii.gz", other))


def as_earlier_versions_noted(output: Output, scan: str) -> None:
    """Let a mask and its record tell of the weights alone."""
    mask = output.mask(scan)
    note = read_note(mask)
    assert note is not None and note.pop("settings")
    volume, header = read_nifti(mask)
    write_nifti(mask, volume, header, np.uint8, note)
    told = {"made_from": digest(note), "mask_sha256": sha256(mask)}
    write_sealed(output.record(scan), {**unsealed(output.record(scan)), **told})


@pytest.mark.parametrize("renew", [False, True])
def test_a_mask_of_an_earlier_version_is_made_anew_once(
    tmp_path: Path, chosen: Chosen, renew: bool
) -> None:
    path = stored(tmp_path / "a.nii.gz", ct(1))
    _, output = segmented([path], chosen, tmp_path / "out", renew=renew)
    as_earlier_versions_noted(output, "a")
    made, _ = segmented([path], chosen, tmp_path / "out", renew=renew)
    again, _ = segmented([path], chosen, tmp_path / "out", renew=renew)
    assert (made.made, made.failures, again.kept) == (["a"], [], ["a"])
    # but not what a hand has changed since, though an editor kept its header
    as_earlier_versions_noted(output, "a")
    mask = nib.load(output.mask("a"))
    edited = 1 - np.asarray(mask.dataobj)
    nib.save(nib.Nifti1Image(edited, mask.affine, mask.header), output.mask("a"))
    refused, _ = segmented([path], chosen, tmp_path / "out", renew=renew)
    assert "another scan, model or hand" in " ".join(refused.failures)


def test_another_calibration_says_anew_what_to_expect_of_the_same_mask(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "x")
    scan = stored(tmp_path / "a.nii.gz", ct(4))
    done, output = segmented([scan], folder, tmp_path / "new")
    write_pages(output, "x", [])
    assert done.made == ["a"] and done.failures == []
    before = sha256(output.mask("a"))
    table = pd.read_csv(output.folder / "volumes.tsv", sep="\t")
    assert table[["expected_dice", "expected_low", "expected_high"]].isna().all(axis=None)
    assert "no estimate of the Dice" in (output.folder / "gallery.html").read_text()
    with_calibrations(folder)
    done, _ = segmented([scan], folder, tmp_path / "new")
    assert (done.made, done.kept) == (["a"], []) and sha256(output.mask("a")) == before
    write_pages(output, "x", [])
    own = pd.read_csv(output.folder / "volumes.tsv", sep="\t").set_index("label").loc["organ0"]
    assert 0 <= own["expected_low"] <= own["expected_dice"] <= own["expected_high"] <= 1
    assert "Expected Dice" in (output.folder / "gallery.html").read_text()
    done, _ = segmented([scan], folder, tmp_path / "new")
    assert (done.made, done.kept) == ([], ["a"])
