"""Taking a corrected mask of a new scan as a training case of the next round."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.asked import snakemake_command
from slicewise.config import UNDRAWN, Content, Dataset, Settings, load_settings
from slicewise.config.configuration import read_configuration
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case import Case
from slicewise.dataset.cases import read_table
from slicewise.dataset.corrections import (
    SETTING,
    Correction,
    changing,
    read_corrections,
    table_of,
)
from slicewise.dataset.describe import fingerprint
from slicewise.dataset.finding import find_cases
from slicewise.dataset.ingested import check_table
from slicewise.dataset.marks import beside, read_marks
from slicewise.dataset.names import SAFE, find_alike
from slicewise.dataset.split import split_cases
from slicewise.errors import SlicewiseError
from slicewise.files import atomic, data_folder, sha256
from slicewise.report.segmented import SegmentedScan
from slicewise.segmenting.pages import Output
from slicewise.segmenting.scans import Scan, find_scan
from slicewise.segmenting.trained_on import known_again
from slicewise.volumes.channels import first_channel
from slicewise.volumes.checks import count_stored, label_indices, some_counted, with_values
from slicewise.volumes.described import check_described
from slicewise.volumes.formats import is_dicom
from slicewise.volumes.nifti import read_channels_of
from slicewise.volumes.placing import VoxelGrid, on_image
from slicewise.volumes.read import as_meant, read_sources, read_volume
from slicewise.volumes.segments import read_segments
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti


@dataclass(frozen=True)
class Asked:
    """What is to be taken, and how.

    Attributes
    ----------
    segmented : Path
        The folder that ``slicewise segment``, or the workflow, made.
    scan, mask : Path
        The scan, and its mask as it was corrected.
    configuration : sequence of Path
        YAML files of the data set that it is to be trained with, a later one laid over.
    results : Path
        The folder ``results``.
    ignore : int, optional
        Value of voxels in the mask that nobody has looked at.
    case, patient : str, optional
        Names; by default those of the scan, and of the case.
    force : bool
        Whether a correction of this name may be replaced.
    """

    segmented: Path
    scan: Path
    mask: Path
    configuration: Sequence[Path]
    results: Path = Path("results")
    ignore: int | None = None
    case: str | None = None
    patient: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Taken:
    """What was written.

    Attributes
    ----------
    correction : Correction
    table : Path
    undrawn : float
        Share of its voxels that nobody has looked at.
    """

    correction: Correction
    table: Path
    undrawn: float


def correct(asked: Asked) -> Taken:
    """Take a corrected mask as a training case.

    Image and mask are copied to a folder beside the table of corrections.

    Raises
    ------
    SlicewiseError
        When they do not fit together, the scan was not segmented there, it is a case of the data
        set already or of a test patient, or a correction would be replaced. Nothing is changed.
    """
    settings = load_settings(read_configuration(asked.configuration))
    dataset = settings.dataset
    data = data_folder()
    table = _table(dataset, data)
    _check_kind(asked.mask)
    scan = find_scan(asked.scan)
    segmented = _segmented(Output(asked.segmented), scan)
    _check_labels(segmented, dataset)
    image = _image(scan, dataset.content)
    cases = find_cases(dataset, data)
    split = split_cases(cases, settings.split, data)
    corrected = read_corrections(table)
    name = _spelt(asked.case or segmented.scan, corrected)
    if name in corrected and not asked.force:
        raise _is_there(name)
    if name in corrected and name in dataset.exclude:
        raise SlicewiseError(
            f"{name}: dataset.exclude leaves this case out, so no training would learn from it; "
            "take it off that list, or give the scan another name with --case"
        )
    _check_name(name, {*(case.name for case in cases), *dataset.exclude} - corrected.keys())
    patient = asked.patient or name
    _check_patient(patient, [one for one in split if one.case != name], dataset)
    meant = as_meant(image.plus(_more(segmented, dataset)), dataset.content)
    ingested = _ingested(asked, settings, cases)
    others = {one.case: table.parent / one.image for one in corrected.values() if one.case != name}
    _check_not_taken(name, meant, others, ingested, dataset.content)
    _check_new(name, meant, ingested, split)
    _check_names(asked.mask, dataset)
    mask = _mask(asked, image, dataset.content)
    with changing(table) as known:
        name = _spelt(name, known)
        if name in known and not asked.force:
            raise _is_there(name)
        folder = table.parent / table.stem / name
        kept = _keep_image(scan, image, _more(segmented, dataset), folder)
        one = _correction(name, patient, segmented, (kept, folder / "mask.nii.gz"), table)
        note = {"corrects": one.corrects, "weights": one.weights, "when": one.when}
        drawn = replace(first_channel(image), array=mask)
        write_nifti(folder / "mask.nii.gz", drawn, None, np.uint16, note)
        known[name] = one
    undrawn = 0.0 if dataset.ignore is None else float(np.mean(mask == dataset.ignore))
    return Taken(one, table, undrawn)


def _correction(
    name: str, patient: str, segmented: SegmentedScan, kept: tuple[Path, Path], table: Path
) -> Correction:
    """Return the row of a case, with where its mask comes from."""
    origin = segmented.origin
    assert origin is not None  # by _segmented
    image, mask = (path.relative_to(table.parent).as_posix() for path in kept)
    return Correction(
        case=name,
        patient=patient,
        image=image,
        mask=mask,
        model=origin.model,
        run=origin.run,
        weights=",".join(origin.weights),
        corrects=segmented.mask_sha256,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _table(dataset: Dataset, data: Path) -> Path:
    """Return the table of corrections, which no search for cases may come upon."""
    table = table_of(dataset, data)
    if table is None:
        raise SlicewiseError(
            f"{SETTING}: the configuration does not say where corrected scans are kept; add "
            f"corrections: {dataset.name}-corrections/corrections.tsv to its block dataset"
        )
    root = data / (dataset.root or "")
    if root.is_dir() and table.resolve().is_relative_to(root.resolve()):
        raise SlicewiseError(
            f"{SETTING}: {table} lies in the folder of the data set, {root}, whose layout might "
            "take corrected scans for cases once more; name a table outside of it"
        )
    return table


def _segmented(output: Output, scan: Scan) -> SegmentedScan:
    """Return what is known of the mask that was made of a scan, by whatever name."""
    if not output.folder.is_dir():
        raise SlicewiseError(
            f"{output.folder}: there is no such folder; name that of slicewise segment --output, "
            "or results/<dataset>/segmented/<experiment>"
        )
    own = scan.sha256()
    there = [one for one in output.finished() if one.origin and one.origin.image == own]
    if not there and output.mask(scan.name).is_file() and output.known(scan.name) is None:
        raise SlicewiseError(
            f"{output.record(scan.name)}: it is gone or damaged, and it alone says what made the "
            f"mask of {scan.name}; segment the scan into another folder, and name that one here "
            "with the mask as you corrected it"
        )
    if not there:
        raise SlicewiseError(
            f"{output.folder}: it has no mask of {scan.name}, or one that an earlier version of "
            "slicewise made; segment the scan, then correct its mask"
        )
    return next((one for one in there if one.scan == scan.name), there[0])


def _check_labels(segmented: SegmentedScan, dataset: Dataset) -> None:
    """Refuse a mask that a model of other labels drew, whose values mean something else."""
    labels = dataset.content.labels
    values = {} if segmented.origin is None else segmented.origin.values
    found = [label["label"] for label in segmented.labels]
    names = [list(labels), dataset.scored]
    same = found in names
    if values:
        # they mean the same in whatever order
        same = sorted(found) in map(sorted, names) and values.keys() == labels.keys()
        same = same and all(value in labels[name] for name, value in values.items())
    if same:
        return
    drawn = with_values({name: [value] for name, value in values.items()})
    raise SlicewiseError(
        f"{segmented.scan}: the model that segmented it finds {', '.join(found)}"
        f"{f' (mask values {drawn})' if drawn else ''}, and data set {dataset.name} has "
        f"{', '.join(dataset.scored)} (mask values {with_values(labels)}): a value would mean "
        "something else, or what the model does not know be learnt as background; give the "
        "configuration of the model's data set, or segment the scan with a model of these labels"
    )


def _image(scan: Scan, content: Content) -> Volume:
    """Read a scan as it is stored."""
    if scan.is_nifti:
        if content.channels:
            return read_channels_of(scan.sources[0])[0]
        return read_volume(scan.sources[0])
    with scan.files() as paths:
        return read_sources(paths)


def _more(segmented: SegmentedScan, dataset: Dataset) -> int:
    """Return what is to be added to the voxels of a scan, so that `dataset.offset` suits it."""
    offset = 0 if segmented.origin is None else segmented.origin.offset
    return offset - dataset.offset


def _spelt(name: str, known: Mapping[str, Correction]) -> str:
    """Return the name of a case as the table of corrections spells it, where it has it."""
    return next((case for case in known if case.lower() == name.lower()), name)


def _check_name(name: str, taken: Collection[str]) -> None:
    if not SAFE.fullmatch(name):
        raise SlicewiseError(
            f"{name!r} cannot be the name of a case; give another with --case, of letters, digits "
            "and - _ ."
        )
    if name.lower() in map(str.lower, taken):
        raise SlicewiseError(
            f"{name}: the data set has a case of this name; give the scan another with --case"
        )


def _is_there(name: str) -> SlicewiseError:
    return SlicewiseError(
        f"{name}: there is a correction of this name already; give --force to replace it, or "
        "--case for another name"
    )


def _check_patient(patient: str, others: Sequence[Assignment], dataset: Dataset) -> None:
    """Refuse one who is not trained on, by the name, or whom no later run tells from another."""
    if any(one.patient == patient and one.subset == "test" for one in others):
        raise SlicewiseError(
            f"{patient}: this patient is tested on, so no scan of theirs may be trained on; leave "
            "it, or give up the test set (split) as a whole"
        )
    if any(one.patient == patient and one.subset == "validation" for one in others):
        raise SlicewiseError(
            f"{patient}: this patient validates, so a corrected scan of theirs would neither be "
            "trained on nor scored; leave it, or split the data set into folds (split.folds)"
        )
    different = dataset.different_patients
    names = [patient, *(one.patient for one in others)]
    alike = [] if different == "all" else find_alike(names, different)
    other = next((name for group, _ in alike for name in group if name != patient), None)
    if other is not None:
        raise SlicewiseError(
            f"{patient}: the data set has a patient {other}, which may be the same one in another "
            f"spelling; give --patient {shlex.quote(other)} if it is, or else a name that differs "
            "more"
        )


def _ingested(asked: Asked, settings: Settings, cases: Sequence[Case]) -> Path:
    """Return the table of the cases as they are now, which tells what a scan may not be."""
    table = asked.results / settings.dataset.name / "cases.tsv"
    command = snakemake_command(asked.configuration, table)
    if not table.is_file():
        raise SlicewiseError(
            f"{table}: it is missing, and nothing else tells whether this scan is tested on "
            f"already; make it first: {command}"
        )
    # corrected scans may have been replaced since, and none of them is tested on
    own = [case for case in cases if not case.corrected]
    check_table(table, settings.dataset.content, own, command)
    return table


def _check_new(name: str, image: Volume, table: Path, split: Sequence[Assignment]) -> None:
    """Refuse a scan that the data set has, as it is or changed: a test scan above all."""
    cases = read_table(table)
    marks = read_marks(beside(table), cases["case"])
    there = {one.case for one in split}
    # a correction whose row was deleted since is no case any more
    told = zip(cases["fingerprint"], cases["case"], strict=True)
    fingerprints = {mark: case for mark, case in told if case in there}
    of_marks = {one: marks[own] for one, own in fingerprints.items()}
    found, _ = known_again(image, fingerprints, of_marks)
    if found is None or (case := fingerprints[found]) == name:
        return
    subset = {one.case: one.subset for one in split}.get(case, "")
    if subset == "test":
        raise SlicewiseError(
            f"{name}: this scan is case {case}, which is tested on; a correction of it must not be "
            "trained on, or the test would score what was taught"
        )
    raise SlicewiseError(
        f"{name}: this scan is case {case} of the data set already; correct the mask of that case "
        "where the data set has it"
    )


def _mask(asked: Asked, image: Volume, content: Content) -> np.ndarray:
    """Read a corrected mask on the grid of its image, with the values of the data set."""
    # 0 is background in a mask that a model made, whatever it is in what people scribbled
    ignore = (content.ignore or None) if asked.ignore is None else asked.ignore
    if ignore is not None and content.ignore is None:
        raise SlicewiseError(
            "--ignore: the data set has no value for voxels that nobody drew (dataset.ignore); "
            "give it one, by which all its cases are ingested and cut once more, or draw the whole "
            "mask"
        )
    taken = {value: name for name, values in content.labels.items() for value in values}
    if ignore in taken:
        raise SlicewiseError(
            f"--ignore: {ignore} is the mask value of {taken[ignore]}; give voxels that nobody "
            "looked at a value of their own"
        )
    shown = str(asked.mask)
    mask = read_volume(asked.mask)
    if asked.ignore is not None and not np.any(mask.array == ignore):
        raise SlicewiseError(
            f"{shown}: no voxel has the value {ignore} of --ignore; correct it, or leave it out if "
            "the whole mask was looked at"
        )
    _check_values(count_stored(mask.array, shown), shown, content, ignore)
    labels: Mapping[str, Any] = content.labels
    numbers = label_indices(mask, shown, labels, "refuse", may_be_empty=True, ignore=ignore)
    first = first_channel(image)
    grid = VoxelGrid.of(first, str(asked.scan))
    numbers, stored = on_image(numbers, VoxelGrid.of(mask, shown), grid, "exact")
    if stored is not None and "cropped" in stored.how:
        raise SlicewiseError(
            f"{shown}: it covers only a part of {asked.scan}, and nobody said what is in the rest; "
            "save it on the grid of the whole scan"
        )
    values = np.zeros(UNDRAWN + 1, np.uint16)
    values[1 : len(labels) + 1] = [own[0] for own in content.labels.values()]
    values[UNDRAWN] = content.ignore or 0
    if content.ignore == 0:
        # dataset.other_labels is background then: any value that is no label's
        values[0] = next(value for value in count(1) if value not in taken)
    return values[numbers]


def _check_not_taken(
    name: str, image: Volume, others: Mapping[str, Path], ingested: Path, content: Content
) -> None:
    """Refuse a scan that was corrected under another name, maybe since the last run."""
    own = fingerprint(first_channel(image))
    cases = read_table(ingested)
    known = zip(cases["case"], cases["image_sha256"], cases["fingerprint"], strict=True)
    told = {(case, stored): mark for case, stored, mark in known}
    for other, kept in others.items():
        mark = told.get((other, sha256(kept)))
        if mark is None:
            volume = as_meant(_image(Scan(other, (kept,)), content), content)
            mark = fingerprint(first_channel(volume))
        if mark == own:
            raise SlicewiseError(
                f"{name}: this scan was corrected already, as case {other}; give --case "
                f"{shlex.quote(other)} --force to replace that mask"
            )


def _check_kind(mask: Path) -> None:
    """Refuse a mask that was saved as DICOM, which nothing here reads as one."""
    if mask.is_file() and is_dicom(mask):
        raise SlicewiseError(
            f"{mask}: a corrected mask is not taken as DICOM (SEG, RTSTRUCT); save it as NIfTI or "
            "NRRD, with the mask values of the labels"
        )


def _check_names(mask: Path, dataset: Dataset) -> None:
    """Refuse a mask that calls the value of a label by the name of another, as 3D Slicer may."""
    segments = read_segments(mask)
    if not segments:
        return
    labels = dataset.content.labels
    called = {name: labels[own] for own, name in dataset.labels.items() if isinstance(name, str)}
    named = {one.name: one.value for one in segments}
    remedy = "give its segments the values that the labels have here, or other names"
    check_described({**labels, **called}, mask, {"labels": named}, remedy)


def _check_values(counts: np.ndarray, shown: str, content: Content, ignore: int | None) -> None:
    """Refuse values of no label, and a mask that says nothing.

    Whatever `dataset.other_labels` says of the masks of others: whoever corrects one can say what
    they meant by a value.
    """
    named = with_values(content.labels)
    drawn = [value for values in content.labels.values() for value in values]
    found = np.flatnonzero(counts)
    unknown = found[~np.isin(found, [0, *drawn] if ignore is None else [0, *drawn, ignore])]
    if unknown.size:
        raise SlicewiseError(
            f"{shown}: it holds values that dataset.labels ({named}) does not name: "
            f"{some_counted(unknown, counts)}; give these voxels the value of a label, or 0, or "
            "name the value of those that nobody looked at with --ignore"
        )
    if ignore is not None and found.tolist() == [ignore]:
        raise SlicewiseError(
            f"{shown}: all its voxels have the value {ignore}, which stands for those that nobody "
            "looked at; correct at least a part of it"
        )
    if content.empty_masks == "refuse" and not counts[drawn].any():
        raise SlicewiseError(
            f"{shown}: it has no voxel of any label ({named}); correct it, or set "
            "dataset.empty_masks to allow if the patient has none of them"
        )


def _keep_image(scan: Scan, image: Volume, more: int, folder: Path) -> Path:
    """Copy a scan beside its mask: as it is where it is NIfTI, else without what names anybody."""
    if scan.is_nifti and not more:
        suffix = ".nii.gz" if scan.sources[0].name.lower().endswith(".gz") else ".nii"
        path = folder / f"image{suffix}"
        with atomic(path) as temporary:
            shutil.copyfile(scan.sources[0], temporary)
    else:
        path = folder / "image.nii.gz"
        write_nifti(path, image.plus(more))
    for other in folder.glob("image.nii*"):
        if other != path:
            other.unlink()
    return path
