"""`slicewise serve`: a real server, asked over HTTP."""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe

from slicewise.segmenting.export import export
from slicewise.segmenting.models import choose
from slicewise.volumes.nifti import read_nifti
from tests.report.test_browser import browser
from tests.scans import PLANTED, SECRETS, UID
from tests.segmenting.made import ct, experiment, hounsfield, segmented, stored

__all__ = ["browser"]


@dataclass
class Server:
    """A server of its own process.

    Attributes
    ----------
    address : str
    process : Popen
    temporary : Path
        Its folder of temporary files.
    said : list of str
        What it wrote on standard error.
    """

    address: str
    process: subprocess.Popen[str]
    temporary: Path
    said: list[str] = field(default_factory=list)

    def send(self, data: bytes, name: str = "ct.nii.gz", **query: str) -> requests.Response:
        query = {"name": name, **query}
        return requests.post(f"{self.address}/segment", data=data, params=query, timeout=300)


def started(model: Path, temporary: Path, *options: str) -> Server:
    temporary.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "slicewise.cli", "serve", "--model", str(model)),
            *("--port", "0", *options),
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    server = Server("", process, temporary)
    for line in process.stderr:
        server.said.append(line.rstrip())
        if found := re.match(r"(http://\S+) answers", line):
            server.address = found[1]
            break
    assert server.address, server.said

    def read_on() -> None:
        for line in process.stderr:
            server.said.append(line.rstrip())

    threading.Thread(target=read_on, daemon=True).start()
    for _ in range(200):
        try:
            requests.get(f"{server.address}/health", timeout=5)
            return server
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(server.said)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return experiment(tmp_path_factory.mktemp("model") / "tiny" / "baseline")


@pytest.fixture(scope="module")
def light(model, tmp_path_factory) -> Path:
    """The first fold, exported: a process starts with it in a second."""
    path = tmp_path_factory.mktemp("light") / "model.onnx"
    export(choose(str(model / "fold-0")), path)
    return path


@pytest.fixture(scope="module")
def server(model, tmp_path_factory) -> Iterator[Server]:
    """One for all, which takes 1 MB."""
    made = started(model, tmp_path_factory.mktemp("temporary"), "--megabytes", "1")
    yield made
    made.process.terminate()
    assert made.process.wait(60) == 0
    assert not list(made.temporary.iterdir())


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    return stored(tmp_path_factory.mktemp("scan") / "ct.nii.gz", ct(3, 1))


def test_the_mask_is_that_of_the_command(server, model, scan, tmp_path):
    answer = server.send(scan.read_bytes(), "Muster^Maria.nii.gz")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="mask.nii.gz"'
    (tmp_path / "mask.nii.gz").write_bytes(answer.content)
    got, _ = read_nifti(tmp_path / "mask.nii.gz")
    _, output = segmented([scan], model, tmp_path / "other")
    expected, _ = read_nifti(output.mask("ct"))
    np.testing.assert_array_equal(got.array, expected.array)
    np.testing.assert_allclose(got.affine, nib.load(scan).affine, atol=1e-5)
    assert not any("Muster" in line for line in server.said)


def test_everything_comes_as_a_zip_and_the_table_alone(server, scan):
    answer = server.send(scan.read_bytes(), want="all")
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert names == ["gallery.html", "masks/scan.nii.gz", "overlays/scan.jpg", "volumes.tsv"]
    table = server.send(scan.read_bytes(), want="table")
    assert table.text.splitlines()[0].split("\t")[:2] == ["scan", "label"]


@pytest.mark.parametrize(
    ("data", "query", "status", "sentence"),
    [
        (b"x" * 1_000_001, {}, 413, "larger than 1 MB"),
        (b"", {}, 422, "nothing was sent"),
        (b"no scan", {}, 422, "scan.nii.gz"),
        (b"no scan", {"name": "../../etc/passwd"}, 415, "must end in one of .nii, .nii.gz"),
        (b"no scan", {"name": "ct.mhd"}, 415, "must end in one of"),
        (b"no zip", {"name": "ct.zip"}, 422, "scan.zip"),
        (b"x", {"want": "model"}, 422, '"want: it is one of mask, seg, table, all"'),
        (b"x", {"offset": "-1024"}, 422, "offset: nothing of this name can be asked for; name and"),
    ],
)
def test_bad_input_is_a_sentence_without_a_path(server, data, query, status, sentence):
    answer = server.send(data, **query)
    assert answer.status_code == status
    assert sentence in answer.text
    assert str(server.temporary) not in answer.text
    assert "Traceback" not in answer.text
    assert len(list(next(server.temporary.iterdir()).iterdir())) == 1  # but for its lock


def test_a_question_without_a_name_and_a_form_are_sentences(server, scan):
    place = f"{server.address}/segment"
    nameless = requests.post(place, data=b"x", timeout=30)
    assert nameless.status_code == 422
    assert nameless.json()["detail"].startswith("name: say what the file is called")
    form = requests.post(
        place, files={"file": scan.read_bytes()}, params={"name": "ct.nii.gz"}, timeout=30
    )
    assert form.status_code == 415
    assert "the body of the request has to be the file itself" in form.json()["detail"]


def test_whoever_goes_while_sending_leaves_one_line(server):
    host, port = server.address.split("//")[1].split(":")
    before = len(server.said)
    with socket.create_connection((host, int(port))) as sender:
        head = b"POST /segment?name=ct.nii.gz HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"
        sender.sendall(head + b"a")
    for _ in range(200):
        if len(server.said) > before:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    (line,) = server.said[before:]
    assert re.fullmatch(r"scan \d+: whoever sent it has gone", line)


def test_a_body_that_says_no_length_is_counted(server):
    answer = requests.post(
        f"{server.address}/segment",
        params={"name": "ct.nii"},
        data=iter([b"x" * 600_000, b"x" * 600_000]),
        timeout=60,
    )
    assert answer.status_code == 413


def test_a_seg_of_what_is_no_dicom_is_refused(server, scan):
    answer = server.send(scan.read_bytes(), want="seg")
    assert answer.status_code == 422
    assert "a DICOM SEG is made of a DICOM series only" in answer.json()["detail"]


def test_a_dicom_series_goes_in_and_a_seg_comes_out(server, write_series, tmp_path):
    write_series(tmp_path / "PLANTED", 5, stored=hounsfield())
    packed = Path(shutil.make_archive(str(tmp_path / "sent"), "zip", tmp_path / "PLANTED"))
    answer = server.send(packed.read_bytes(), "Plantedname.zip", want="seg")
    assert answer.status_code == 200, answer.text
    header = pydicom.dcmread(io.BytesIO(answer.content))
    assert header.SOPClassUID == pydicom.uid.SegmentationStorage
    assert header.ReferencedSeriesSequence[0].SeriesInstanceUID == f"{UID}.2"
    assert header.PatientID == PLANTED["PatientID"]  # as the standard asks
    mask = server.send(packed.read_bytes(), "Plantedname.zip")
    assert nib.Nifti1Image.from_bytes(gzip.decompress(mask.content)).shape == (12, 16, 5)
    assert not any(secret in line for line in server.said for secret in SECRETS)


def test_several_series_have_no_one_mask(server, write_series, tmp_path):
    for number in (4, 5):

        def of_its_own(header: pydicom.Dataset, k: int, number: int = number) -> None:
            header.SOPInstanceUID = f"{UID}.{number}.{k}"

        place = tmp_path / "sent" / str(number)
        write_series(place, stored=hounsfield(), edit=of_its_own, series=f"{UID}.{number}")
    packed = Path(shutil.make_archive(str(tmp_path / "sent"), "zip", tmp_path / "sent"))
    answer = server.send(packed.read_bytes(), "a.zip")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("2 series were sent; ask for all")
    names = zipfile.ZipFile(
        io.BytesIO(server.send(packed.read_bytes(), "a.zip", want="all").content)
    )
    assert sum(name.startswith("dicom/") for name in names.namelist()) == 2


def test_pages_of_others_may_not_send(server, scan):
    for origin, status in (("http://elsewhere.example", 403), (server.address, 200)):
        answer = requests.post(
            f"{server.address}/segment",
            params={"name": "ct.nii.gz"},
            data=scan.read_bytes(),
            headers={"Origin": origin},
            timeout=60,
        )
        assert answer.status_code == status


def test_it_says_what_the_model_is(server):
    told = requests.get(f"{server.address}/model", timeout=30).json()
    assert told["model"] == "tiny/baseline"
    assert told["takes"] == "CT in Hounsfield units"
    assert len(told["weights"]) == 2
    page = requests.get(server.address, timeout=30)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "tiny/baseline" in page.text
    assert requests.get(f"{server.address}/docs", timeout=30).status_code == 404


def test_too_many_at_once_are_told_to_come_later(server, scan):
    head = (
        f"POST /segment?name=ct.nii.gz HTTP/1.1\r\nHost: {server.address.split('//')[1]}\r\n"
        f"Content-Length: {scan.stat().st_size}\r\n\r\n"
    )
    host, port = server.address.split("//")[1].split(":")
    waiting = [socket.create_connection((host, int(port))) for _ in range(4)]
    for each in waiting:
        each.sendall(head.encode() + scan.read_bytes()[:10])
    try:
        for _ in range(100):
            answer = server.send(scan.read_bytes())
            if answer.status_code == 503:
                break
            time.sleep(0.05)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    finally:
        for each in waiting:
            each.close()
    for _ in range(200):  # those who have gone free their places
        if server.send(scan.read_bytes()).status_code == 200:
            break
        time.sleep(0.05)
    else:
        raise AssertionError(server.said)


def test_many_at_once_are_answered_one_after_the_other(server, scan):
    answers: list[requests.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.send(scan.read_bytes())))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 4
    masks = [
        nib.Nifti1Image.from_bytes(_unpacked(answer.content)).get_fdata() for answer in answers
    ]
    assert all(np.array_equal(masks[0], mask) for mask in masks)


def _unpacked(data: bytes) -> bytes:
    import gzip

    return gzip.decompress(data)


@pytest.mark.slow
def test_the_page_sends_a_scan_and_gives_its_mask(server, scan, tmp_path, browser):
    with browser.new_page() as page:
        page.goto(server.address)
        assert Axe().run(page).violations_count == 0
        page.get_by_text("Segment", exact=True).click()
        assert page.locator("#said").inner_text() == "Choose a scan first."
        page.set_input_files("#scan", scan)
        with page.expect_download() as download:
            page.get_by_text("Segment", exact=True).click()
        download.value.save_as(tmp_path / "mask.nii.gz")
        assert download.value.suggested_filename == "mask.nii.gz"
        bad = tmp_path / "bad.nii"
        bad.write_bytes(b"no scan")
        page.set_input_files("#scan", bad)
        page.get_by_text("Segment", exact=True).click()
        page.get_by_text("scan.nii").wait_for()
    assert read_nifti(tmp_path / "mask.nii.gz")[0].array.shape == ct(3, 1).array.shape
