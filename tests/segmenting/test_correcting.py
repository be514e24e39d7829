"""Corrected masks of new scans become training cases, and nothing else is trained on by mistake."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from slicewise.cli import main
from slicewise.config import UNDRAWN, Split, load_settings
from slicewise.config.configuration import read_configuration
from slicewise.dataset.corrections import read_corrections
from slicewise.dataset.describe import fingerprint
from slicewise.dataset.finding import find_cases
from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import beside, write_marks
from slicewise.dataset.split import split_cases, training_cases
from slicewise.dataset.truth import read_labels
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_yaml
from slicewise.segmenting.correcting import Asked, correct
from slicewise.segmenting.scans import find_scans
from slicewise.stored import unsealed, write_sealed
from slicewise.volumes.geometry import LPS_TO_RAS
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.volume import Volume
from tests.dataset.test_duplicates import resampled
from tests.dataset.test_duplicates import scan as patient
from tests.segmenting.made import stored

CASES = {"p1": 1, "p2": 2, "p3": 3}
TEST = ["p3"]
TABLE = "kept/corrections.tsv"
PAIRS = {"train": "train", "test": "test"}


def masked(image: Volume, value: int = 1) -> Volume:
    array = np.zeros(image.array.shape, np.uint8)
    array[20:40, 20:40, 3:8] = value
    return Volume(array, image.affine)


class Place:
    """A data set with its results, and a folder of new scans that were segmented."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, index in CASES.items():
            folder = root / "data" / "livers" / ("test" if name in TEST else "train")
            stored(folder / f"{name}_orig.nii.gz", patient(index))
            stored(folder / f"{name}_liver.nii.gz", masked(patient(index)))
        self.write()
        rows = {"case": list(CASES), "patient": list(CASES)}
        rows |= {"image_sha256": "0", "mask_sha256": "0"}
        rows["fingerprint"] = [fingerprint(patient(index)) for index in CASES.values()]
        table = root / "results" / "tiny" / "cases.tsv"
        table.parent.mkdir(parents=True)
        pd.DataFrame(rows).to_csv(table, sep="\t", index=False)
        marks = {name: slice_marks(patient(index)) for name, index in CASES.items()}
        write_marks(beside(table), marks)
        self.scan = self.segmented("s1", patient(7))

    def drawn(self, *found: str, **values: int) -> None:
        """Say which labels the model drew, and by which values, if its version noted these."""
        path = self.out / "_scans" / "s1.json"
        record = unsealed(path)
        record["labels"] = [{"label": name} for name in found]
        record["origin"]["values"] = values
        write_sealed(path, record)

    def write(self, **changed: object) -> None:
        dataset = {
            "name": "tiny",
            "layout": "pairs",
            "root": "livers",
            "labels": {"liver": 1},
            "corrections": TABLE,
            "pairs": PAIRS,
        }
        experiment = {"slices": "axial48"}
        settings = {
            "dataset": dataset | changed,
            "slices": {"axial48": {"size": 48}},
            "experiments": {"plain": experiment},
        }
        write_yaml(self.root / "config.yaml", settings)

    def segmented(self, name: str, image: Volume, offset: int = 0, suffix: str = "nii.gz") -> Path:
        """Write a scan, and what segmenting it leaves."""
        path = self.root / "scans" / f"{name}.{suffix}"
        if suffix.startswith("nii"):
            stored(path, image)
        else:
            written = sitk.GetImageFromArray(np.ascontiguousarray(image.array.T))
            path.parent.mkdir(exist_ok=True)
            sitk.WriteImage(written, str(path))
        mask = stored(self.out / "masks" / f"{name}.nii.gz", masked(image))
        (found,) = find_scans([path]).scans
        origin = {"image": found.sha256(), "offset": offset, "model": "tiny/plain", "run": "4f"}
        record = {
            "scan": name,
            "made_from": "0",
            "mask_sha256": sha256(mask),
            "origin": origin | {"weights": ["w0", "w1"]},
            "labels": [{"label": "liver"}],
            "suspicion": 0.0,
        }
        write_sealed(self.out / "_scans" / f"{name}.json", record)
        return path

    @property
    def out(self) -> Path:
        return self.root / "new"

    @property
    def table(self) -> Path:
        return self.root / "data" / TABLE

    def mask(self, volume: Volume, name: str = "mine.nii.gz") -> Path:
        return stored(self.root / name, volume)

    def asked(self, **changed: object) -> Asked:
        mask = self.root / "mine.nii.gz"
        if not mask.exists():
            self.mask(masked(patient(7)))
        asked = Asked(self.out, self.scan, mask, [self.root / "config.yaml"])
        return replace(asked, results=self.root / "results", **changed)

    def cases(self):
        dataset = load_settings(read_configuration([self.root / "config.yaml"])).dataset
        return find_cases(dataset, self.root / "data")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("SLICEWISE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return Place(tmp_path)


def test_a_correction_is_a_training_case_with_its_origin(place: Place) -> None:
    assert [case.name for case in place.cases()] == list(CASES)
    before = sha256(place.out / "masks" / "s1.nii.gz")
    taken = correct(place.asked())
    one = read_corrections(place.table)["s1"]
    assert taken.correction == one and taken.undrawn == 0
    assert (one.patient, one.model, one.run, one.weights) == ("s1", "tiny/plain", "4f", "w0,w1")
    assert one.corrects == before and one.when.startswith("20")
    image, mask = (place.table.parent / path for path in (one.image, one.mask))
    # nothing has to stay where it was
    assert sha256(image) == sha256(place.scan)
    place.scan.unlink()
    np.testing.assert_array_equal(read_nifti(mask)[0].array, masked(patient(7)).array)
    case = next(case for case in place.cases() if case.name == "s1")
    assert case.corrected and (case.image, case.mask) == ((image,), (mask,))
    split = split_cases(place.cases(), Split())
    assert [one.subset for one in split if one.case == "s1"] == ["train"]


def test_values_are_those_of_the_data_set_and_flips_are_undone(place: Place) -> None:
    place.write(labels={"liver": [3, 4]}, ignore=9)
    array = masked(patient(7), 4).array
    array[0] = 200
    flipped = np.diag([-1.0, 1, 1, 1])
    flipped[0, 3] = array.shape[0] - 1
    place.mask(Volume(array[::-1], patient(7).affine @ flipped))
    taken = correct(place.asked(ignore=200, patient="bo", case="again"))
    one = taken.correction
    written = read_nifti(place.table.parent / one.mask)[0].array
    assert (one.case, one.patient) == ("again", "bo")
    np.testing.assert_array_equal(written == 3, array == 4)
    np.testing.assert_array_equal(written == 9, array == 200)
    assert taken.undrawn == pytest.approx(1 / len(array))


@pytest.mark.parametrize("looked_at", [True, False], ids=["all of it", "a part"])
def test_background_is_drawn_where_0_is_undrawn_in_masks_of_the_data_set(
    place: Place, looked_at: bool
) -> None:
    place.write(labels={"liver": [1, 3], "tumour": 2}, ignore=0, other_labels="background")
    place.drawn("liver", "tumour")
    array = masked(patient(7)).array
    array[:, 0] = 0 if looked_at else 255
    place.mask(Volume(array, patient(7).affine))
    taken = correct(place.asked(ignore=None if looked_at else 255))
    mask = place.table.parent / taken.correction.mask
    content = load_settings(read_configuration([place.root / "config.yaml"])).dataset.content
    numbers = np.where(array == 255, UNDRAWN, array)
    np.testing.assert_array_equal(read_labels(str(mask), content).array, numbers)
    assert taken.undrawn == pytest.approx(0 if looked_at else 1 / array.shape[1])


def test_a_case_is_called_as_its_mask_is_whatever_the_file_is_called_now(place: Place) -> None:
    place.scan = place.scan.rename(place.root / "ct.nii.gz")
    assert correct(place.asked()).correction.case == "s1"


def test_a_phantom_has_no_corrections(place: Place) -> None:
    place.write(layout="phantom", root=None, pairs=None)
    refused(place, "corrections are of scans of your own")


def test_other_formats_and_offsets_are_stored_as_training_takes_them(place: Place) -> None:
    shifted = Volume(patient(7).array + 1024, np.eye(4))
    place.scan = place.segmented("s2", shifted, offset=-1024, suffix="nrrd")
    stored_image = read_nifti(place.root / "new" / "masks" / "s2.nii.gz")[0]
    # NRRD counts its axes the other way
    affine = np.diag([-1.0, -1, 1, 1])
    place.mask(Volume(stored_image.array, affine))
    one = correct(place.asked()).correction
    image = read_nifti(place.table.parent / one.image)[0]
    np.testing.assert_array_equal(image.array, patient(7).array)


def refused(place: Place, match: str, **changed: object) -> None:
    before = {path: path.read_bytes() for path in place.root.rglob("*") if path.is_file()}
    with pytest.raises(SlicewiseError, match=match):
        correct(place.asked(**changed))
    after = {path: path.read_bytes() for path in place.root.rglob("*") if path.is_file()}
    after = {path: data for path, data in after.items() if not path.name.startswith(".")}
    assert set(after) - set(before) <= {place.root / "mine.nii.gz"}
    assert all(after[path] == data for path, data in before.items() if path in after)


@pytest.mark.parametrize("change", [lambda v: v, lambda v: resampled(v, (4.0, 4.0, 7.0))])
def test_a_test_scan_is_refused_by_whatever_name(place: Place, change) -> None:
    image = change(patient(CASES["p3"]))
    place.scan = place.segmented("new-name", image)
    place.mask(masked(image))
    refused(place, "this scan is case p3, which is tested on")


def test_a_scan_of_the_data_set_and_of_a_test_patient_is_refused(place: Place) -> None:
    refused(place, "this patient is tested on", patient="p3")
    refused(place, "p1: the data set has a case of this name", case="p1")
    place.scan = place.segmented("s1", patient(CASES["p2"]))
    place.mask(masked(patient(CASES["p2"])))
    refused(place, "this scan is case p2 of the data set already")


def test_a_scan_of_a_patient_who_validates_is_refused(place: Place) -> None:
    for name in ("p4", "p5", "p6"):
        for kind in ("orig", "liver"):
            (place.root / "data" / "livers" / "train" / f"{name}_{kind}.nii.gz").touch()
    path = place.root / "config.yaml"
    for split in ({"validation": 2}, {"folds": 2}):
        settings = read_configuration([path]) | {"split": split}
        write_yaml(path, settings)
        assigned = split_cases(place.cases(), load_settings(settings).split)
        names = [one.case for one in assigned if one.subset == "validation"]
        for name in names:
            refused(place, f"{name}: this patient validates", patient=name)
    assert names == [] and correct(place.asked(patient="p1")).correction.patient == "p1"


def test_nothing_is_replaced_without_force(place: Place) -> None:
    correct(place.asked())
    place.mask(masked(patient(7), 1))
    refused(place, "there is a correction of this name already; give --force")
    array = masked(patient(7)).array
    array[10] = 1
    place.mask(Volume(array, patient(7).affine))
    # once it was ingested, it is a scan of the data set itself
    table = place.root / "results" / "tiny" / "cases.tsv"
    line = f"s1\ts1\t0\t0\t{fingerprint(patient(7))}\n"
    table.write_text(table.read_text() + line)
    known = {**CASES, "s1": 7}
    write_marks(beside(table), {name: slice_marks(patient(k)) for name, k in known.items()})
    one = correct(place.asked(force=True)).correction
    np.testing.assert_array_equal(
        read_nifti(place.table.parent / one.mask)[0].array, array.astype(np.uint16)
    )
    assert list(read_corrections(place.table)) == ["s1"]
    refused(place, "this scan was corrected already, as case s1", case="s1-again")
    # a row that was deleted is forgotten, also before the next run
    place.table.write_text(place.table.read_text().splitlines(keepends=True)[0])
    assert correct(place.asked(case="s1-again")).correction.case == "s1-again"


def test_a_scan_is_corrected_once(place: Place) -> None:
    """Two masks of one scan would teach two truths, each as of a patient of its own."""
    correct(place.asked())
    turned = patient(7)
    turned = Volume(turned.array[::-1], turned.affine @ np.diag([-1.0, 1, 1, 1]))
    place.scan = place.segmented("s2", turned)
    refused(place, "s2: this scan was corrected already, as case s1; give --case s1 --force")
    place.mask(masked(turned))
    assert correct(place.asked(case="s1", force=True)).correction.case == "s1"


def test_a_mask_of_dicom_is_refused_as_that(place: Place, write_series) -> None:
    write_series(place.root / "dicom", 1)
    (place.root / "dicom").rename(place.root / "masks")
    (mask,) = (place.root / "masks").iterdir()
    refused(place, "a corrected mask is not taken as DICOM", mask=mask)


def test_a_mask_whose_record_is_gone_is_refused_with_what_to_do(place: Place) -> None:
    shutil.rmtree(place.out / "_scans")
    told = "s1.json: it is gone or damaged, .*; segment the scan into another folder, and name that"
    refused(place, told)
    (place.out / "_scans").mkdir()
    (place.out / "_scans/s1.json").write_text('{"scan": "s1"')
    refused(place, told)


def test_names_that_would_stop_later_runs_are_not_taken(place: Place) -> None:
    correct(place.asked())
    refused(place, "s1: there is a correction of this name already", case="S1")
    # by the name that it has
    again = correct(place.asked(case="S1", force=True)).correction
    assert (again.case, again.patient, list(read_corrections(place.table))) == ("s1", "s1", ["s1"])
    place.cases()
    said = "P3: the data set has a patient p3, which may be .*; give --patient p3 if it is"
    refused(place, said, case="s2", patient="P3")
    known = place.table.read_text()
    place.table.write_text(known.replace("\ts1\t", "\tAnn B\t"))
    refused(place, "give --patient 'Ann B' if it is", case="s2", patient="ann b")
    # its own row, which it replaces, is no other patient
    correct(place.asked(patient="S1", force=True))
    place.cases()
    place.write(exclude=["p2", "s1"])
    refused(place, "P2: the data set has a case of this name", case="P2")
    refused(place, "s1: there is a correction of this name already", case="S1")
    refused(place, "s1: dataset.exclude leaves this case out", force=True)


def test_a_mask_has_to_fit(place: Place) -> None:
    image = patient(7)
    half = masked(image).array[:, :, :-2]
    place.mask(Volume(half, image.affine))
    refused(place, "it covers only a part of")
    moved = image.affine.copy()
    moved[:3, 3] += 0.4 * np.array(image.spacing)
    place.mask(Volume(masked(image).array, moved))
    refused(place, "mine.nii.gz")
    place.mask(masked(image, 2))
    # not dataset.other_labels, which has no say here
    unknown = (
        r"holds values that dataset.labels \(liver: 1\) does not name: {} \({} voxels\); give "
        "these voxels the value of a label, or 0, or name the value of those that nobody looked at"
    )
    refused(place, unknown.format(2, 20 * 20 * 5))
    place.mask(masked(image, 0))
    refused(place, "no voxel of any label .*; correct it, or set dataset.empty_masks to allow")
    place.mask(masked(image))
    refused(place, r"has no value for voxels that nobody drew \(dataset.ignore\)", ignore=200)
    place.write(ignore=9, other_labels="background")
    refused(place, "no voxel has the value 200 of --ignore", ignore=200)
    refused(place, "1 is the mask value of liver", ignore=1)
    # a value that nobody named is no background
    array = masked(image).array
    array[0] = 200
    place.mask(Volume(array, image.affine))
    refused(place, unknown.format(200, array[0].size))
    place.mask(Volume(np.full_like(array, 200), image.affine))
    refused(place, "all its voxels have the value 200, .* correct at least a part", ignore=200)


def test_a_mask_of_other_labels_is_refused(place: Place) -> None:
    # its value 1 is a spleen, and that of the data set a liver
    liver = r"liver \(mask values liver: 1\): .*; give the configuration of the model"
    said = "segmented it finds {}, and data set tiny has {}"
    place.drawn("spleen")
    refused(place, said.format("spleen", liver))
    place.drawn("spleen", spleen=1)
    refused(place, said.format(r"spleen \(mask values spleen: 1\)", liver))
    place.drawn("liver", liver=2)
    refused(place, said.format(r"liver \(mask values liver: 2\)", liver))
    # the data set has one label more since then, which nobody drew
    place.write(labels={"liver": 1, "tumour": 2})
    more = r"liver, tumour \(mask values liver: 1, tumour: 2\)"
    refused(place, said.format(".*", more))
    place.drawn("liver")
    refused(place, said.format("liver", more))
    # nobody noted the values, which may follow from the order
    place.drawn("tumour", "liver")
    refused(place, said.format("tumour, liver", more))


@pytest.mark.parametrize("labels", [{"liver": 1, "tumour": 2}, {"liver": "L", "lesion": "Tumour"}])
def test_segments_that_a_mask_names_have_the_values_of_the_labels(place: Place, labels) -> None:
    for path in (place.root / "data").rglob("*_liver.nii.gz"):
        path.rename(str(path).replace(".nii.gz", ".seg.nrrd"))
    place.write(labels=labels, pairs={**PAIRS, "mask": "*_liver.seg.nrrd"})
    place.drawn(*labels)

    def saved(**segments: int) -> Path:
        image = sitk.GetImageFromArray(masked(patient(7)).array.T)
        affine = LPS_TO_RAS @ patient(7).affine
        image.SetOrigin(affine[:3, 3].tolist())
        image.SetDirection((affine[:3, :3] / patient(7).spacing).ravel().tolist())
        image.SetSpacing(patient(7).spacing)
        for number, (name, value) in enumerate(segments.items()):
            image.SetMetaData(f"Segment{number}_Name", name)
            image.SetMetaData(f"Segment{number}_LabelValue", str(value))
        sitk.WriteImage(image, str(place.root / "mine.seg.nrrd"))
        return place.root / "mine.seg.nrrd"

    said = "(?i)tumour is 2, but there 1 .*mine.seg.nrrd has Tumour: 1.; give its segments the val"
    refused(place, said, mask=saved(Tumour=1))
    refused(place, said.replace("Tumour: 1", "Tumour: 1, liver: 2"), mask=saved(Tumour=1, liver=2))
    assert correct(place.asked(mask=saved(liver=1, Tumour=2))).correction.case == "s1"
    # a name of nobody's says nothing
    correct(place.asked(mask=saved(Segment_1=1), force=True))


@pytest.mark.parametrize(
    ("found", "values"),
    [
        (["liver", "tumour"], {}),
        (["tumour", "liver"], {"tumour": 2, "liver": 1}),
        (["organ", "tumours"], {}),
        (["organ", "tumours"], {"liver": 1, "tumour": 2}),
    ],
)
def test_a_mask_of_the_same_labels_is_taken(place: Place, found, values) -> None:
    regions = {"organ": [1, 5, 2], "tumours": [2]}
    place.write(labels={"liver": [1, 5], "tumour": 2}, regions=regions)
    place.drawn(*found, **values)
    assert correct(place.asked()).correction.case == "s1"
    place.drawn("organ", "other", **values)
    refused(place, "finds organ, other.*, and data set tiny has organ, tumours", force=True)


def test_places_that_do_not_fit_are_refused(place: Place) -> None:
    other = stored(place.root / "scans" / "s9.nii.gz", patient(8))
    refused(place, "it has no mask of s9, or one that an earlier version", scan=other)
    refused(place, "there is no such folder", segmented=place.root / "absent")
    place.write(corrections=None)
    refused(place, "add corrections: tiny-corrections/corrections.tsv to its block dataset")
    place.write(corrections="livers/kept.tsv")
    refused(place, "lies in the folder of the data set")
    place.write()
    table = place.root / "results" / "tiny" / "cases.tsv"
    table.write_text(table.read_text().replace("p2\tp2", "p2\tp9"))
    refused(place, r"made by another configuration, or from other files \(patient of p2\)")
    table.unlink()
    cases = f"{place.root}/results/tiny/cases.tsv --configfile {place.root}/config.yaml"
    refused(place, f"tested on already; make it first: snakemake --cores all {cases}")


def test_the_command(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    mask = place.mask(masked(patient(7)))
    configuration = (place.root / "config.yaml").rename(place.root / "my livers.yaml")
    command = ["correct", str(place.out), str(place.scan), str(mask), "--results"]
    command += [str(place.root / "results"), "--configfile", str(configuration)]
    assert main(command) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"case s1 of patient s1: {place.table}"
    assert said[1] == f"snakemake --cores all --configfile '{configuration}'"
    assert main(command) == 1
    assert "give --force to replace it" in capsys.readouterr().err


def test_a_corrected_case_moves_no_other_and_trains_all_folds(place: Place) -> None:
    place.write(pairs={"train": "train", "test": None})
    dataset = load_settings(read_configuration([place.root / "config.yaml"])).dataset
    plain = find_cases(dataset, place.root / "data")
    more = [replace(plain[0], name=f"x{k}", patient=f"x{k}") for k in range(9)]
    plain += more
    new = replace(plain[0], name="s1", patient="s1", corrected=True)
    for settings in (Split(test=3, validation=2), Split(test=2, folds=3)):
        before = split_cases(plain, settings)
        after = split_cases([*plain, new], settings)
        assert after[:-1] == before
        assert (after[-1].subset, after[-1].fold) == ("train", None)
        for fold in range(settings.folds):
            assert "s1" in training_cases(after, fold, settings.folds)
    # of a known patient, it goes where the patient is
    for one in before:
        own = replace(new, patient=one.patient)
        if one.subset == "test":
            with pytest.raises(SlicewiseError, match=r"s1 is of patient .*, who is tested on"):
                split_cases([*plain, own], settings)
        else:
            assert split_cases([*plain, own], settings)[-1].fold == one.fold


def test_what_is_wrong_with_the_table_is_said(place: Place, caplog) -> None:
    place.cases()
    assert "no such table (dataset.corrections)" in caplog.text
    correct(place.asked())
    text = place.table.read_text()
    place.table.write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(SlicewiseError, match="row 3: case s1 is there twice"):
        place.cases()
    place.table.write_text(text)
    (place.table.parent / "corrections" / "s1" / "mask.nii.gz").unlink()
    with pytest.raises(SlicewiseError, match=r"case s1: its mask .* is not there; bring it back"):
        place.cases()


def test_the_mask_says_what_it_corrects_and_nobody_by_name(place: Place) -> None:
    one = correct(place.asked()).correction
    header = nib.load(place.table.parent / one.mask).header
    notes = b"".join(extension.get_content() for extension in header.extensions)
    assert one.corrects.encode() in (notes if isinstance(notes, bytes) else notes.encode())
