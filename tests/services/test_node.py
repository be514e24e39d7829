"""`slicewise listen`: a real node, to which DCMTK's programs send and from which they receive."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from pynetdicom import AE, evt

from slicewise.cli import main
from slicewise.errors import SlicewiseError
from slicewise.files import write_text
from slicewise.segmenting.export import export
from slicewise.segmenting.models import choose
from slicewise.services.node import BEGUN, OUT_OF_RESOURCES, Manner, Node, Peer
from slicewise.volumes.dicom.write_seg import write_seg
from tests.scans import PLANTED, SECRETS, UID
from tests.segmenting.made import experiment, hounsfield


@pytest.fixture(scope="module")
def dcmtk() -> None:
    if shutil.which("storescu") is None:
        if os.environ.get("SLICEWISE_CI") == "1":
            pytest.fail("dcmtk is not installed: .ci/run has to install it")
        pytest.skip("dcmtk is not installed")


@dataclass
class Running:
    """A node of its own process."""

    folder: Path
    process: subprocess.Popen[str]
    port: str = ""
    said: list[str] = field(default_factory=list)

    def files(self, pattern: str) -> list[Path]:
        return sorted(path for path in self.folder.glob(pattern) if path.is_file())

    def send(self, folder: Path, called: str = "SLICEWISE") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *("storescu", "-aet", "SCANNER", "-aec", called, "+sd", "+r"),
                *("127.0.0.1", self.port, str(folder)),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(120)


def listening(model: Path, folder: Path, *options: str) -> Running:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "slicewise.cli", "listen", "--model", str(model)),
            *("--output", str(folder), "--port", "0", "--quiet", "0.5", *options),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    node = Running(folder, process)
    for line in process.stderr:
        node.said.append(line.rstrip())
        if found := re.search(r" listens at \S+:(\d+) for", line):
            node.port = found[1]
            break
    assert node.port, node.said

    def read_on() -> None:
        for line in process.stderr:
            node.said.append(line.rstrip())

    threading.Thread(target=read_on, daemon=True).start()
    return node


def eventually(true: Callable[[], object], what: object) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError(what)


@pytest.fixture(scope="module")
def model(dcmtk, tmp_path_factory) -> Path:
    """An exported one, with which a process starts in a second."""
    folder = tmp_path_factory.mktemp("model")
    path = folder / "model.onnx"
    export(choose(str(experiment(folder / "tiny" / "baseline", seeds=(3,)))), path)
    return path


@pytest.fixture
def pacs(tmp_path) -> Iterator[tuple[str, Path]]:
    """DCMTK's receiver, as an archive that segmentations are sent to."""
    folder = tmp_path / "pacs"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    process = subprocess.Popen(["storescp", "-aet", "PACS", "-od", str(folder), port])
    yield f"PACS@127.0.0.1:{port}", folder
    process.terminate()
    process.wait(30)


@pytest.fixture
def study(tmp_path, write_series) -> Path:
    folder = tmp_path / "study"
    write_series(folder, stored=hounsfield())
    return folder


def test_a_study_comes_back_as_a_segmentation(model, study, pacs, tmp_path):
    place, archive = pacs
    node = listening(model, tmp_path / "node", "--send-to", place)
    assert node.send(study).returncode == 0
    eventually(lambda: any("sent to PACS" in line for line in node.said), node.said)
    (file,) = archive.iterdir()
    header = pydicom.dcmread(file)
    assert header.SOPClassUID == pydicom.uid.SegmentationStorage
    assert header.StudyInstanceUID == PLANTED["StudyInstanceUID"]
    assert header.PatientID == PLANTED["PatientID"]
    assert header.ReferencedSeriesSequence[0].SeriesInstanceUID == f"{UID}.2"
    referred = {
        str(each.ReferencedSOPInstanceUID)
        for each in header.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referred <= {f"{UID}.3.{k}" for k in range(5)}
    assert node.stop() == 0
    assert not node.files("*/**/*")  # nothing of the patient is left
    assert not [secret for secret in SECRETS if any(secret in line for line in node.said)]


def test_the_mask_is_that_of_the_command(model, study, tmp_path):
    node = listening(model, tmp_path / "node")
    assert node.send(study).returncode == 0
    eventually(lambda: node.files("outgoing/*.dcm"), node.said)
    assert node.stop() == 0
    (sent,) = node.files("outgoing/*.dcm")
    output = tmp_path / "out"
    assert main(["segment", str(study), "--model", str(model), "--output", str(output)]) == 0
    (own,) = (output / "dicom").iterdir()
    masks = [pydicom.dcmread(path).pixel_array for path in (sent, own)]
    np.testing.assert_array_equal(*masks)


def test_what_cannot_be_sent_waits(model, study, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    node = listening(model, tmp_path / "node", "--send-to", f"PACS@127.0.0.1:{port}")
    assert node.send(study).returncode == 0
    eventually(
        lambda: any("it is tried again in 5 seconds" in line for line in node.said), node.said
    )
    archive = tmp_path / "late"
    archive.mkdir()
    receiver = subprocess.Popen(["storescp", "-aet", "PACS", "-od", str(archive), str(port)])
    try:
        eventually(lambda: list(archive.iterdir()), node.said)
        eventually(lambda: not node.files("outgoing/*"), node.said)
    finally:
        receiver.terminate()
        receiver.wait(30)
    assert node.stop() == 0


def test_what_an_archive_refuses_holds_up_nobody_else(tmp_path, write_series):
    """An archive that does not know a patient never takes his, and one may have some already."""
    answers = {"p1": 0xA900, "p2": 0x0111}
    taken = []

    def store(event):
        taken.append(str(event.dataset.PatientID))
        return answers.get(taken[-1], 0)

    archive = AE("PACS")
    archive.add_supported_context(pydicom.uid.SegmentationStorage)
    served = archive.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    said = []
    peer = Peer("PACS", "127.0.0.1", served.server_address[1])
    node = Node(None, tmp_path / "node", Manner(peer=peer), said.append)
    mask = np.zeros((12, 16, 5), np.uint8)
    mask[3:6, 3:6, 2] = 1
    for patient in ("p0", "p1", "p2", "p3"):

        def of_patient(header: pydicom.Dataset, k: int, patient=patient) -> None:
            header.PatientID = patient

        write_series(tmp_path / patient, edit=of_patient)
        images = sorted((tmp_path / patient).iterdir())
        write_seg(tmp_path / "node" / "outgoing" / f"{patient}.dcm", images, mask, {"liver": 1})
    try:
        node.step()
    finally:
        served.shutdown()
    assert taken == ["p0", "p1", "p2", "p3"]
    assert [path.name for path in (tmp_path / "node" / "outgoing").iterdir()] == ["p1.dcm"]
    (line,) = said
    assert "PACS: 1 of 4 segmentations refused (p1.dcm, status A900); it is tried again" in line


def test_a_name_server_that_is_down_ends_nothing(tmp_path, monkeypatch):
    def nobody(*address: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    said = []
    peer = Peer("PACS", "pacs.example.org", 104)
    node = Node(None, tmp_path / "node", Manner(peer=peer), said.append)
    write_text(tmp_path / "node" / "outgoing" / "s.dcm", "SEG")
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    node.step()
    (line,) = said
    assert "PACS: nothing tells the address of pacs.example.org; it is tried again" in line
    assert (tmp_path / "node" / "outgoing" / "s.dcm").is_file()


def test_a_full_disk_is_told_to_the_sender(tmp_path, monkeypatch):
    def full(path: Path, data: bytes) -> None:
        raise SlicewiseError(f"{path}: no space left on the disk while writing it")

    monkeypatch.setattr("slicewise.services.node.write_bytes", full)
    node = Node(None, tmp_path, Manner(), print)
    event = SimpleNamespace(
        file_meta=SimpleNamespace(MediaStorageSOPInstanceUID="1.2"),
        dataset=SimpleNamespace(StudyInstanceUID="1.3"),
        encoded_dataset=lambda include_meta: b"",
        assoc=None,
    )
    assert node.receive(event) == OUT_OF_RESOURCES


def test_a_study_that_cannot_be_segmented_is_kept_with_the_reason(model, write_series, tmp_path):
    def as_mr(header: pydicom.Dataset, k: int) -> None:
        header.Modality = "MR"
        header.SOPClassUID = pydicom.uid.MRImageStorage
        header.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        header.RescaleIntercept = 0

    write_series(tmp_path / "mr", edit=as_mr)
    node = listening(model, tmp_path / "node")
    assert node.send(tmp_path / "mr").returncode == 0
    eventually(lambda: node.files("failed/*/reason.txt"), node.said)
    assert node.stop() == 0
    (reason,) = node.files("failed/*/reason.txt")
    assert len(list(reason.parent.glob("*.dcm"))) == 5
    assert str(tmp_path) not in reason.read_text()
    assert not node.files("work/**/*")


def imitate(monkeypatch, makes: bool) -> None:
    """Let a study have one scan, of which a segmentation can be made or not."""

    def found(places):
        (image,) = places[0].glob("*.dcm")
        return SimpleNamespace(scans=[image.stem], failures=[], aside=[])

    def segmented(scans, order, say, quiet):
        if not makes:
            return SimpleNamespace(made=[], failures=["no"])
        write_text(order.output.seg("s"), f"SEG of {scans[0]}")
        return SimpleNamespace(made=["s"], failures=[])

    monkeypatch.setattr("slicewise.services.node.find_scans", found)
    monkeypatch.setattr("slicewise.services.node.segment_scans", segmented)


@pytest.mark.parametrize("makes", [True, False])
def test_a_study_that_comes_in_parts_is_kept_whole(monkeypatch, tmp_path, makes):
    imitate(monkeypatch, makes)
    asked = SimpleNamespace(chosen=None, offset=0, batch=1)
    node = Node(asked, tmp_path, Manner(quiet=0), lambda line: None)
    for series in ("a", "b", "a"):
        write_text(tmp_path / "incoming" / "study" / f"{series}.dcm", series)
        node.step()
    kept = sorted(path.read_text() for path in tmp_path.rglob("*.dcm"))
    # what comes again takes the place of its own
    assert kept == (["SEG of a", "SEG of b"] if makes else ["a", "b"])
    assert len(list(tmp_path.glob("failed/*/reason.txt"))) == (0 if makes else 2)
    assert not list((tmp_path / "work").iterdir())


def test_a_study_that_ends_the_process_holds_up_no_other(monkeypatch, tmp_path):
    """Memory may be too small for one: the system kills the process, and another one starts."""
    imitate(monkeypatch, makes=True)
    asked = SimpleNamespace(chosen=None, offset=0, batch=1)
    for study in ("huge", "small"):
        write_text(tmp_path / "work" / study / f"{study}.dcm", study)
    made = sys.modules["slicewise.services.node"].segment_scans

    def killed(scans, *others):
        if scans == ["huge"]:
            raise SystemExit("killed")
        return made(scans, *others)

    monkeypatch.setattr("slicewise.services.node.segment_scans", killed)
    said = []
    for _ in range(3):
        with pytest.raises(SystemExit):
            Node(asked, tmp_path, Manner(), said.append).step()
    assert [path.read_text() for path in tmp_path.glob("outgoing/*.dcm")] == ["SEG of small"]
    Node(asked, tmp_path, Manner(), said.append).step()
    (reason,) = tmp_path.glob("failed/*/reason.txt")
    assert reason.read_text().startswith("huge: segmenting it has ended this node 3 times")
    assert not list((tmp_path / "work").iterdir()) and not list(tmp_path.rglob(BEGUN))


def test_a_fault_of_our_own_ends_no_node(monkeypatch, tmp_path):
    def faulty(*arguments: object) -> None:
        raise RuntimeError("Muster^Hans")

    imitate(monkeypatch, makes=True)
    monkeypatch.setattr("slicewise.services.node.segment_scans", faulty)
    said = []
    asked = SimpleNamespace(chosen=None, offset=0, batch=1)
    write_text(tmp_path / "work" / "study" / "a.dcm", "a")
    Node(asked, tmp_path, Manner(), said.append).step()
    (reason,) = tmp_path.glob("failed/*/reason.txt")
    assert "a fault of slicewise's own (RuntimeError) ended it" in reason.read_text()
    assert "Muster" not in " ".join([*said, reason.read_text()])


def test_nothing_is_kept_of_a_study_that_is_done(monkeypatch, tmp_path, write_series):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    write_series(tmp_path / "node" / "work" / "study")
    outcome = SimpleNamespace(made=[], failures=["no"])
    monkeypatch.setattr("slicewise.services.node.segment_scans", lambda *arguments: outcome)
    asked = SimpleNamespace(chosen=None, offset=0, batch=1)
    Node(asked, tmp_path / "node", Manner(), print).step()
    assert list((tmp_path / "node").glob("failed/*/reason.txt"))
    assert not list(tmp_path.rglob("caches/slicewise/*"))


@pytest.mark.parametrize("words", [["ORIGINAL", "PRIMARY", "LOCALIZER"], ["ORIGINAL", "PRIMARY"]])
def test_localizers_that_come_late_are_left_aside_as_those_in_time(
    monkeypatch, tmp_path, write_series, words
):
    def called(header, k):
        header.ImageType = words

    said = []
    imitate(monkeypatch, makes=True)
    asked = SimpleNamespace(chosen=None, offset=0, batch=1)
    node = Node(asked, tmp_path, Manner(quiet=0), said.append)
    write_series(tmp_path / "sent", 1, edit=called)
    (image,) = (tmp_path / "sent").iterdir()
    (tmp_path / "incoming" / "study").mkdir()
    image.rename(tmp_path / "incoming" / "study" / "a.dcm")
    node.step()
    aside = words[-1] == "LOCALIZER"
    assert (said == ["study study: 1 localizer and nothing else, which is left aside"]) == aside
    assert len(list(tmp_path.rglob("*.dcm"))) == (0 if aside else 1)
    assert not list(tmp_path.glob("failed/*")) and not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize(
    "text", ["PACS", "PACS@host", "@host:104", "PACS@host:0", "P@h:x", "PÄCS@h:1"]
)
def test_a_peer_that_is_none_is_refused(text):
    with pytest.raises(SlicewiseError, match="write TITLE@HOST:PORT"):
        Peer.parse(text)
