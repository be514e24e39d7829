"""From scans to masks on their own grids, with what is known of each and a picture."""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.config import Content
from slicewise.errors import PassingError, SeveralErrors, SlicewiseError
from slicewise.files import digest, sha256, sweep_halves, write_bytes, write_text
from slicewise.inference.assembly import numbered
from slicewise.inference.fits import checked
from slicewise.inference.predict import Request, predict_cases
from slicewise.inference.trust import Flag, Watch, found_in, suspicion
from slicewise.inference.unlike import Seen, all_flags, seen_of
from slicewise.network.card import ModelCard
from slicewise.report.segmented import (
    drawn_scan,
    scan_overlay,
    scan_views,
)
from slicewise.retries import may_pass
from slicewise.segmenting.described import run_of
from slicewise.segmenting.expecting import with_expected
from slicewise.segmenting.models import Chosen
from slicewise.segmenting.pages import Output
from slicewise.segmenting.progress import Progress
from slicewise.segmenting.scans import Scan
from slicewise.stored import write_sealed
from slicewise.volumes.channels import first_channel
from slicewise.volumes.dicom.write_rtstruct import write_rtstruct
from slicewise.volumes.dicom.write_seg import write_seg
from slicewise.volumes.nifti import read_channels_of, read_nifti, read_note
from slicewise.volumes.read import read_sources
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from slicewise.wording import plural

Log = Callable[[str], None]
NEUTRAL = re.compile(r"\S*slicewise-[^/\s]+/([^/\s]+)/image")
"""Where files of a scan lie while they are read; messages call it by its name."""
SETTINGS = "settings"
"""In the note of a mask: the digest of what it depends on beside weights, see `Chosen`."""


@dataclass(frozen=True)
class Order:
    """How scans are segmented.

    Attributes
    ----------
    chosen : Chosen
        The models.
    output : Output
    offset : int
        Added to all voxels of all scans: -1024 for CT that is stored with 1024 added.
    batch : int
        Slices at a time.
    force : bool
        Whether a mask that is there may be replaced by that of another scan or model.
    code : str
        A digest of the code that segments, where another one makes masks anew.
    renew : bool
        Whether a mask may be replaced that was made here and that nobody has changed since.
    structures : bool
        Whether masks of DICOM are written as RTSTRUCT, too.
    """

    chosen: Chosen
    output: Output
    offset: int = 0
    batch: int = 8
    force: bool = False
    code: str = ""
    renew: bool = False
    structures: bool = False

    def of_dicom(self, scan: Scan) -> list[Path]:
        """Return the files of DICOM that are made of a scan."""
        if not scan.dicom:
            return []
        made = [self.output.seg(scan.name)]
        return [*made, self.output.structures(scan.name)] if self.structures else made

    @property
    def remedy(self) -> str:
        """What to do about a mask that may not be replaced."""
        if self.renew:
            return "move it to another folder, where it is safe, and run the same command again"
        return "give --force to replace it, or another --output"


@dataclass
class Outcome:
    """What came of it.

    Attributes
    ----------
    made, kept : list of str
        Names of scans that were segmented now, and of those that had been.
    errors : list of SlicewiseError
        Why each of the others was not.
    """

    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    errors: list[SlicewiseError] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """A sentence for each scan that was not segmented."""
        return list(map(str, self.errors))

    def refuse_failures(self) -> None:
        """Raise `SeveralErrors` where scans failed."""
        if self.errors:
            raise SeveralErrors(self.errors)


class _KeptError(Exception):
    """A scan whose mask is there already, made from just this."""


@dataclass(frozen=True)
class ScanRequest(Request):
    """A scan to segment, which is read when its turn comes."""

    scan: Scan = field(kw_only=True)
    order: Order = field(kw_only=True)
    outcome: Outcome = field(kw_only=True)
    progress: Progress = field(kw_only=True)
    watch: Watch = field(kw_only=True)
    made_from: dict[str, Any] = field(kw_only=True)
    """The same mapping as the note in the header of the mask."""
    images: list[Volume] = field(kw_only=True)
    """Its first channel that is there, once it was read."""
    seen: list[Seen] = field(kw_only=True)
    """What was measured of it then."""
    known: list[Flag] = field(kw_only=True)
    """Whether the models know it already."""

    def read(self, card: ModelCard) -> tuple[Volume, Any]:
        """Read and check the scan, unless its mask is there already."""
        # that of all models, whose training cases are others
        card = self.order.chosen.card
        self.made_from["image"] = self.scan.sha256()
        self._look_for_mask()
        # where it cannot be written, the mask cannot either, which ends the work
        with suppress(OSError, SlicewiseError):
            write_text(self.order.output.begun(self.case), "")
        image, header = read_scan(self.scan, card)
        name = str(self.scan.name if self.scan.dicom else self.scan.sources[0])
        shown = checked(image.plus(self.offset), card, name, "give --offset -1024")
        self.images.append(first_channel(shown))
        self.seen.append(seen_of(shown, card))
        self.known.extend(self.order.chosen.trained_on.flags(shown))
        return image, header

    def _look_for_mask(self) -> None:
        """Raise where a mask is there: that of this very scan, or another one."""
        mask = self.order.output.mask(self.case)
        if not mask.is_file() or self.order.force:
            return
        output = self.order.output
        known = output.known(self.case)
        # it alone tells whether the mask was edited, unless that was never finished
        if known is None and not output.begun(self.case).is_file():
            raise self._refused(mask)
        note = read_note(mask)
        # earlier versions noted the weights alone, so nobody knows what their masks follow from
        earlier = {key: told for key, told in self.made_from.items() if key != SETTINGS}
        made_from = earlier if note == earlier else self.made_from
        record = known if known is not None and known.made_from == digest(made_from) else None
        # an editor may keep the header with its note
        edited = record is not None and record.mask_sha256 != sha256(mask)
        whole = all(path.is_file() for path in self.order.of_dicom(self.scan))
        # with another calibration the mask is the same, and what is said of it is not
        chosen = self.order.chosen
        told = (chosen.calibration_digest, chosen.trained_on.digest)
        stale = record is not None and (record.calibration, record.trained_on) != told
        if stale or note == earlier:
            record = None
        if record is not None and whole and not edited:
            raise _KeptError
        if self.order.renew and output.made(self.case):
            return
        if edited or note != made_from:
            raise self._refused(mask)

    def _refused(self, mask: Path) -> SlicewiseError:
        return SlicewiseError(
            f"{mask}: there is a mask already, of another scan, model or hand; {self.order.remedy}"
        )

    def is_given_up(self, error: Exception) -> bool:
        """Note why there is no mask; the others go on."""
        self.images.clear()
        self.seen.clear()
        self.known.clear()
        if isinstance(error, _KeptError):
            # a kill may have come just before the mark was taken away
            self.order.output.begun(self.case).unlink(missing_ok=True)
            self.outcome.kept.append(self.case)
        else:
            self.outcome.errors.append(told(self.scan, error))
        self.progress.done()
        return True

    @property
    def observed(self) -> bool:
        """All is told."""
        return True

    def observe(self, probabilities: np.ndarray, own: np.ndarray | None) -> None:
        """Watch how sure of it the models are."""
        self.watch.add(probabilities, own)
        if own is not None:
            self.progress.at(self.case, len(probabilities))


def told(scan: Scan, error: Exception) -> SlicewiseError:
    """Return what went wrong with a scan as an error that names it, and that keeps no volume.

    Another attempt of a job, with more memory, may do without one of `PassingError`.
    """
    # a new one: the traceback of that which was caught holds the scan in memory
    kind = PassingError if may_pass(error) else SlicewiseError
    return kind(_said(scan, error))


def _said(scan: Scan, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"{scan.name}: it does not fit into the memory of this machine; use a larger one"
    if not isinstance(error, SlicewiseError):
        # the text of another error may quote a header
        kind = type(error).__name__
        return f"{scan.name}: a fault of slicewise's own ({kind}) ended it; please report that"
    text = NEUTRAL.sub(r"\1", str(error))
    return text if scan.name in text else f"{scan.name}: {text}"


def read_scan(scan: Scan, card: ModelCard) -> tuple[Volume, Any]:
    """Read a scan as the workflow reads it: what is no NIfTI file, from one made of it.

    Parameters
    ----------
    scan : Scan
    card : ModelCard
        Of the models that are to be shown it.

    Returns
    -------
    volume : Volume
        As it is stored; of several channels with these along the fourth axis.
    header
        Of a NIfTI file on the same grid.

    Raises
    ------
    SlicewiseError
        When it cannot be read, or has lost the size of its voxels, which models go by.
    """
    image, header = _read(scan, card)
    if image.lost and card.measured:
        raise SlicewiseError(
            f"{scan.sources[0]}: its header has lost the size of its voxels (it has no place, and "
            "1 × 1 × 1 mm), and what this model sees follows from it; convert the original "
            "again"
        )
    return image, header


def _read(scan: Scan, card: ModelCard) -> tuple[Volume, Any]:
    if scan.is_nifti:
        return (read_channels_of if card.channels else read_nifti)(scan.sources[0])
    if card.channels:
        raise SlicewiseError(
            f"{scan.name}: the model takes the channels {', '.join(card.channels)}; give a 4-D "
            "NIfTI file with these along its fourth axis"
        )
    with scan.files() as paths, tempfile.TemporaryDirectory(prefix="slicewise-") as folder:
        path = Path(folder) / "image.nii"
        # places are rounded in NIfTI, and slices in millimetres follow from them
        write_nifti(path, read_sources(paths))
        return read_nifti(path)


def segment_scans(
    scans: list[Scan], order: Order, log: Log, progress: Progress | None = None
) -> Outcome:
    """Segment scans, and write what comes of each under its name; a bad one stops no other.

    Parameters
    ----------
    scans : list of Scan
    order : Order
    log : callable
        Called with a line for what was done to a scan, such as padding that became air.
    progress : Progress, optional
        By default on standard error, where that is a terminal.

    Returns
    -------
    Outcome

    Raises
    ------
    SlicewiseError
        When nothing can be written. What is finished stays, and the same call goes on.
    """
    progress = progress or Progress(len(scans), sys.stderr)
    outcome = Outcome()
    sweep_halves(order.output.folder)
    waiting: dict[str, ScanRequest] = {}

    def requests() -> Iterator[ScanRequest]:
        for scan in scans:
            waiting[scan.name] = _request(scan, order, outcome, progress)
            yield waiting[scan.name]

    with _warnings_said(log, progress):
        for name, mask in predict_cases(requests(), order.batch):
            request = waiting.pop(name)
            try:
                _finish(request, mask)
                _write_dicom(request, mask)
                outcome.made.append(name)
            except (SlicewiseError, MemoryError) as error:
                outcome.errors.append(told(request.scan, error))
            progress.done()
    progress.clear()
    return outcome


def _request(scan: Scan, order: Order, outcome: Outcome, progress: Progress) -> ScanRequest:
    made_from = {"scan": scan.name, "models": order.chosen.weights, "offset": order.offset}
    made_from[SETTINGS] = order.chosen.settings_digest
    if order.chosen.weighed is not None:
        made_from["ensemble"] = order.chosen.weighed.predicts_by
    if order.code:
        made_from["code"] = order.code
    return ScanRequest(
        scan.name,
        scan.sources[0],
        order.output.mask(scan.name),
        order.chosen.models,
        made_from,
        order.offset,
        ensemble=order.chosen.ensemble,
        scan=scan,
        order=order,
        outcome=outcome,
        progress=progress,
        watch=Watch(order.chosen.card),
        made_from=made_from,
        images=[],
        seen=[],
        known=[],
    )


def _finish(request: ScanRequest, mask: np.ndarray) -> None:
    """Write picture and record, by which the scan counts as finished."""
    card = request.order.chosen.card
    output = request.order.output
    # they are of the mask that was here before; without them the scan is not whole if this ends
    for earlier in (output.seg(request.case), output.structures(request.case)):
        earlier.unlink(missing_ok=True)
    image = request.images.pop()
    chosen = request.order.chosen
    seen = request.seen.pop()
    labels = found_in(Volume(mask, image.affine), card, request.watch)
    labels = with_expected(labels, seen, card, chosen.expectation)
    odd = all_flags(seen, labels, card)
    shown = drawn_scan(image, Volume(numbered(mask, card), image.affine), content_of(card))
    write_bytes(output.overlay(request.case), scan_overlay(shown))
    record = {
        "scan": request.case,
        "made_from": digest(request.made_from),
        "mask_sha256": sha256(request.mask),
        "origin": {
            **{name: request.made_from[name] for name in ("image", "offset")},
            **{"model": chosen.title, "run": run_of(chosen), "weights": chosen.weights},
            "values": {name: own[0] for name, own in card.values.items()},
        },
        "calibration": chosen.calibration_digest,
        "trained_on": chosen.trained_on.digest,
        "labels": [asdict(one) for one in labels],
        "flags": [asdict(flag) for flag in (*request.known, *odd)],
        # a scan that is known is no odd one
        "suspicion": suspicion(labels, odd),
        "views": scan_views(shown, contiguous=card.contiguous),
    }
    write_sealed(output.record(request.case), record)
    output.begun(request.case).unlink(missing_ok=True)


def _write_dicom(request: ScanRequest, mask: np.ndarray) -> None:
    """Write the mask of a DICOM series as DICOM, too; without it the scan is not whole."""
    order = request.order
    if request.scan.dicom:
        values = {name: own[0] for name, own in order.chosen.card.values.items()}
        with request.scan.files() as paths:
            write_seg(order.output.seg(request.case), paths, mask, values)
            if order.structures:
                write_rtstruct(order.output.structures(request.case), paths, mask, values)


def content_of(card: ModelCard) -> Content:
    """Return what images of the kind of a model hold."""
    return Content(
        intensity=card.intensity,
        contiguous=card.contiguous,
        labels=card.values,
        other_labels="refuse",
    )


@contextmanager
def _warnings_said(log: Log, progress: Progress) -> Iterator[None]:
    """Say what the library warns of, by the names of scans."""
    lock = threading.Lock()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with lock:
                progress.clear()
                log(NEUTRAL.sub(r"\1", record.getMessage()))

    handler = Handler(logging.WARNING)
    logger = logging.getLogger("slicewise")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def summary(outcome: Outcome, seconds: float, started: float) -> str:
    """Say in a line what was done, and how long it took."""
    done = plural(len(outcome.made), "scan")
    each = f", {seconds / len(outcome.made):.1f} s each" if outcome.made else ""
    before = f"; {len(outcome.kept)} had been segmented before" if outcome.kept else ""
    failed = f"; {len(outcome.failures)} failed" if outcome.failures else ""
    return f"{done} in {seconds:.1f} s{each}, after {started:.1f} s of start-up{before}{failed}"
