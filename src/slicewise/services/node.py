"""A DICOM node: studies are sent to it, and segmentations of their series come back.

What was received lies on the disk until its segmentations are sent, so nothing is lost when the
process ends: the next one goes on. Folders and files are called by digests of UIDs.

``incoming/<study>`` is being received, ``work/<study>`` is being segmented, ``outgoing/*.dcm`` is
to be sent, or stays where there is nobody to send to, and ``failed/<study>-<images>`` is a study of
which no series could be segmented, with the reason beside it.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    MRImageStorage,
    SegmentationStorage,
    Verification,
)

from slicewise.errors import SlicewiseError
from slicewise.files import write_bytes, write_text
from slicewise.segmenting.pages import Output
from slicewise.segmenting.progress import Progress
from slicewise.segmenting.run import Order, segment_scans
from slicewise.segmenting.scans import are_localizers, find_scans, forget
from slicewise.services.asked import Asked
from slicewise.wording import plural, some

TAKEN = (CTImageStorage, EnhancedCTImageStorage, MRImageStorage, EnhancedMRImageStorage)
PLAIN = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
"""Transfer syntaxes (DICOM PS3.5): explicit and implicit little endian."""
SYNTAXES = [
    *PLAIN,
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.70",  # JPEG, lossless
    "1.2.840.10008.1.2.4.80",  # JPEG-LS, lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000, lossless
]
SUCCESS = 0x0000
DUPLICATE = 0x0111
"""The peer has it already: UIDs of segmentations follow from what they hold."""
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
WARNING = 0xB
"""First digit of a status that says what was changed, and that it was taken."""
SHOWN = 3
"""Files that are named at once."""
ROOM = 1_000_000_000
"""Bytes of the disk that stay free."""
LONGEST = 300.0
"""Seconds at most between two attempts to send."""
FOLDERS = ("incoming", "work", "outgoing", "failed")
BEGUN = ".begun"
"""Of a study: how often it was begun to be segmented and the process ended meanwhile."""
MOST_BEGUN = 3


@dataclass(frozen=True)
class Peer:
    """A node that segmentations are sent to.

    Attributes
    ----------
    title, host : str
    port : int
    """

    title: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Peer:
        """Read ``TITLE@HOST:PORT``.

        Raises
        ------
        SlicewiseError
            When it is not that.
        """
        title, _, place = text.partition("@")
        host, _, port = place.rpartition(":")
        named = title and title.isascii() and len(title) <= 16
        if not (named and host and port.isdigit() and 0 < int(port) < 65536):
            raise SlicewiseError(
                f"--send-to {text}: write TITLE@HOST:PORT, with a title of 16 plain characters at "
                "most, such as PACS@pacs.example.org:104"
            )
        return cls(title, host, int(port))


@dataclass(frozen=True)
class Manner:
    """How a node behaves.

    Attributes
    ----------
    title : str
        Its own title (AE title), by which it must be called.
    callers : tuple of str
        Titles of those who may send; all, where there are none.
    peer : Peer or None
        Who gets the segmentations; None: they stay in ``outgoing``.
    quiet : float
        Seconds without a further image after which a study counts as complete.
    gigabytes : float
        Of studies that are received or waiting at most.
    """

    title: str = "SLICEWISE"
    callers: tuple[str, ...] = ()
    peer: Peer | None = None
    quiet: float = 10.0
    gigabytes: float = 50.0


@dataclass
class _Arriving:
    """Who is sending which study, and when the last image of each came."""

    last: dict[str, float] = field(default_factory=dict)
    senders: dict[int, set[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Node:
    """Receives, segments and sends.

    Parameters
    ----------
    asked : Asked
    folder : Path
        Where everything lies; of this node alone.
    manner : Manner
    log : callable
        Called with a line for each study, which says nothing of a patient.
    """

    def __init__(
        self, asked: Asked, folder: Path, manner: Manner, log: Callable[[str], None]
    ) -> None:
        self.asked = asked
        self.folder = folder
        self.manner = manner
        self.log = log
        self._arriving = _Arriving()
        self._stop = threading.Event()
        self._next_try = 0.0
        self._pause = 0.0
        self._room = True
        self._look_again = 0.0
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)

    # --- receiving -------------------------------------------------------------------------

    def entity(self) -> AE:
        """Return the application entity that others send to."""
        try:
            entity = AE(ae_title=self.manner.title)
            entity.require_calling_aet = list(self.manner.callers)
        except (TypeError, ValueError) as error:
            raise SlicewiseError(
                f"--title {self.manner.title}, --from {' '.join(self.manner.callers)}: AE titles "
                "have 1 to 16 plain characters; choose others"
            ) from error
        entity.require_called_aet = True
        entity.add_supported_context(Verification)
        for kind in TAKEN:
            entity.add_supported_context(kind, SYNTAXES)
        return entity

    def handlers(self) -> list[tuple[evt.EventType, Callable[[evt.Event], object]]]:
        """Return what is done about the events of associations."""
        return [
            (evt.EVT_C_STORE, self.receive),
            (evt.EVT_CONN_CLOSE, self._gone),
        ]

    def receive(self, event: evt.Event) -> int:
        """Keep an image; return the status that its sender is told."""
        try:
            image = _digest(str(event.file_meta.MediaStorageSOPInstanceUID))
            study = _digest(str(event.dataset.StudyInstanceUID))
        except Exception:  # parsers raise anything
            return CANNOT_UNDERSTAND
        if not self._has_room():
            self.log("an image was refused, as there is no room for more studies")
            return OUT_OF_RESOURCES
        self._note(study, event)  # from now on nobody takes the study for complete
        try:
            write_bytes(
                self.folder / "incoming" / study / f"{image}.dcm",
                event.encoded_dataset(include_meta=True),
            )
        except (OSError, SlicewiseError):  # a full disk, too
            return OUT_OF_RESOURCES
        self._note(study, event)
        return SUCCESS

    def _note(self, study: str, event: evt.Event) -> None:
        with self._arriving.lock:
            self._arriving.last[study] = time.monotonic()
            self._arriving.senders.setdefault(id(event.assoc), set()).add(study)

    def _gone(self, event: evt.Event) -> None:
        with self._arriving.lock:
            self._arriving.senders.pop(id(event.assoc), None)

    def _has_room(self) -> bool:
        now = time.monotonic()
        if now >= self._look_again:
            self._look_again = now + 1.0
            held = sum(path.stat().st_size for path in _files(self.folder, ("incoming", "work")))
            free = shutil.disk_usage(self.folder).free
            self._room = held < self.manner.gigabytes * 1e9 and free > ROOM
        return self._room

    # --- segmenting ------------------------------------------------------------------------

    def run(self) -> None:
        """Segment what is complete and send what is made, until `stop` is called."""
        while not self._stop.is_set():
            self.step()
            self._stop.wait(0.2)

    def stop(self) -> None:
        """Let `run` end when the study that is being segmented is finished."""
        self._stop.set()

    def step(self) -> None:
        """Segment all studies that are complete, and send what is made."""
        self._take_complete()
        # one that ends the process each time, as where memory is too small, holds up no other
        for place in sorted((self.folder / "work").iterdir(), key=lambda one: (_begun(one), one)):
            if not self._stop.is_set():
                self._segment(place)
        self._send_all()

    def _work(self, study: str) -> Path:
        """Return a place for a study; images that come late make a study of their own."""
        place = self.folder / "work" / study
        number = 2
        while place.exists():
            place = self.folder / "work" / f"{study}-{number}"
            number += 1
        return place

    def _take_complete(self) -> None:
        """Move studies of which all images have come to where they are segmented."""
        now = time.monotonic()
        with self._arriving.lock:
            busy = set().union(*self._arriving.senders.values())
            for place in sorted((self.folder / "incoming").iterdir()):
                # of a study of an earlier process nobody knows when its last image came
                last = self._arriving.last.setdefault(place.name, now)
                if place.name not in busy and now - last >= self.manner.quiet:
                    place.rename(self._work(place.name))
                    del self._arriving.last[place.name]

    def _segment(self, place: Path) -> None:
        begun = time.monotonic()
        made = self.folder / "work" / f"{place.name}.made"
        shutil.rmtree(made, ignore_errors=True)
        if place.suffix == ".made":
            return
        if are_localizers(images := sorted(place.glob("*.dcm"))):
            # as beside a scan, where they are left aside: they come late, or were sent alone
            said = plural(len(images), "localizer")
            self.log(f"study {place.name}: {said} and nothing else, which is left aside")
            shutil.rmtree(place, ignore_errors=True)
            return
        names, reasons = self._made(place, Output(made))
        for number, name in enumerate(names, start=1):
            seg = f"{_batch(place)}-{number}.dcm"
            Output(made).seg(name).rename(self.folder / "outgoing" / seg)
        seconds = time.monotonic() - begun
        shown = [reason.replace(f"{place}/", "").replace(str(place), "study") for reason in reasons]
        if not names:
            self._give_up(place, shown)
        for reason in shown:
            self.log(f"study {place.name}: {reason}")
        self.log(f"study {place.name}: {plural(len(names), 'series', 'series')} in {seconds:.1f} s")
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(made, ignore_errors=True)
        forget(place)

    def _made(self, place: Path, output: Output) -> tuple[list[str], list[str]]:
        """Segment the series of a study; return those that have a mask, and why others have none.

        Whatever is wrong with a study, the node goes on with others.
        """
        begun = _begun(place)
        if begun >= MOST_BEGUN:
            return [], [
                f"{place.name}: segmenting it has ended this node {begun} times, as where a scan "
                "does not fit into the memory; segment it on a larger machine, or move it back to "
                "work/"
            ]
        try:
            write_text(place / BEGUN, str(begun + 1))
            found = find_scans([place])
            for line in found.aside:
                self._say(place)(line)
            order = Order(self.asked.chosen, output, self.asked.offset, self.asked.batch)
            quiet = Progress(len(found.scans), io.StringIO())
            outcome = segment_scans(found.scans, order, self._say(place), quiet)
        except SlicewiseError as error:
            return [], [str(error)]
        except Exception as error:  # its text may quote a header
            kind = type(error).__name__
            return [], [
                f"{place.name}: a fault of slicewise's own ({kind}) ended it; please report that"
            ]
        return outcome.made, [*found.failures, *outcome.failures]

    def _say(self, place: Path) -> Callable[[str], None]:
        return lambda line: self.log(f"study {place.name}: {line.replace(f'{place}/', '')}")

    def _give_up(self, place: Path, reasons: Iterable[str]) -> None:
        kept = self.folder / "failed" / _batch(place)
        shutil.rmtree(kept, ignore_errors=True)
        # whoever moves it back wants it tried anew
        (place / BEGUN).unlink(missing_ok=True)
        place.rename(kept)
        write_text(kept / "reason.txt", "\n".join(reasons) + "\n")

    # --- sending ---------------------------------------------------------------------------

    def _send_all(self) -> None:
        """Send what is made; what cannot be sent is tried again after a while."""
        waiting = sorted((self.folder / "outgoing").glob("*.dcm"))
        if self.manner.peer is None or not waiting or time.monotonic() < self._next_try:
            return
        problem = _sent(waiting, self.manner)
        if problem is None:
            self._pause = 0.0
            self.log(f"{plural(len(waiting), 'segmentation')} sent to {self.manner.peer.title}")
            return
        self._pause = min(max(5.0, 2 * self._pause), LONGEST)
        self._next_try = time.monotonic() + self._pause
        self.log(
            f"{self.manner.peer.title}: {problem}; it is tried again in {self._pause:.0f} seconds"
        )


def _files(folder: Path, names: Iterable[str]) -> list[Path]:
    return [path for name in names for path in (folder / name).rglob("*.dcm")]


def _begun(place: Path) -> int:
    """Return how often a study was begun before."""
    try:
        return int((place / BEGUN).read_text())
    except (OSError, ValueError):
        return 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _batch(place: Path) -> str:
    """Return a name for what was received of a study: the same where the same images come again."""
    images = sorted(path.name for path in place.glob("*.dcm"))
    return f"{place.name}-{_digest(' '.join(images))[:8]}"


def _sent(paths: Sequence[Path], manner: Manner) -> str | None:
    """Send files, and delete each that was taken; return what went wrong.

    One that is refused, perhaps for ever, holds up no other.
    """
    assert manner.peer is not None
    peer = manner.peer
    entity = AE(ae_title=manner.title)
    entity.add_requested_context(SegmentationStorage, PLAIN)
    try:
        association = entity.associate(peer.host, peer.port, ae_title=peer.title)
    except (OSError, UnicodeError):  # of a name server, before it connects
        return f"nothing tells the address of {peer.host}"
    if not association.is_established:
        return "it does not answer, or does not take segmentations from this node"
    refused = []
    try:
        for path in paths:
            status = association.send_c_store(path).get("Status")
            if status is None:
                return "the connection broke"
            if status in (SUCCESS, DUPLICATE) or status >> 12 == WARNING:
                path.unlink()
            else:
                refused.append(f"{path.name}, status {status:04X}")
    except (ValueError, RuntimeError):  # pynetdicom's, where the peer takes no such object
        return "it does not take segmentations"
    finally:
        association.release()
    if not refused:
        return None
    return (
        f"{len(refused)} of {plural(len(paths), 'segmentation')} refused ({some(refused, SHOWN)})"
    )
