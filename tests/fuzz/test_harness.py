"""The harness of the fuzzers tells the four faults from sentences."""

import os
import signal
import time

import numpy as np

from slicewise.errors import SlicewiseError
from tests.fuzz import harness


def write(folder):
    (folder / "a.txt").write_text("size = 3\n" * 20)
    return [folder / "a.txt"]


def kinds(read, monkeypatch, tmp_path, inputs=3, seconds=10):
    monkeypatch.setattr(harness, "SECONDS", seconds)

    def not_the_valid(folder):
        return None if folder.name == "valid" else read(folder)

    report = harness.fuzz(harness.Target("t", write, not_the_valid), tmp_path / "t", inputs)
    assert report.inputs == inputs
    assert len(report.faults) == sum(report.counts[kind] for kind in harness.FAULTS)
    return dict(report.counts)


def test_each_fault_is_told_from_a_sentence(monkeypatch, tmp_path):
    def refused(folder):
        raise SlicewiseError(f"{folder}: no")

    def failed(folder):
        raise KeyError(folder)

    def crashed(folder):
        os.kill(os.getpid(), signal.SIGSEGV)

    def grown(folder):
        return np.ones(400 << 20, np.uint8).sum()

    def asked_for_all(folder):
        return np.ones(1 << 40)

    cases = {"read": str, "sentence": refused, "traceback": failed, "crash": crashed}
    for number, (kind, read) in enumerate(cases.items()):
        assert kinds(read, monkeypatch, tmp_path / str(number)) == {kind: 3}
    assert kinds(lambda folder: time.sleep(9), monkeypatch, tmp_path / "h", 1, 1) == {"hang": 1}
    assert kinds(grown, monkeypatch, tmp_path / "g", 1) == {"blow-up": 1}
    assert kinds(asked_for_all, monkeypatch, tmp_path / "a", 1) == {"blow-up": 1}


def test_inputs_are_damaged_and_come_again(tmp_path):
    target = harness.Target("t", write, str)
    (tmp_path / "v").mkdir()
    written = [path.relative_to(tmp_path / "v") for path in write(tmp_path / "v")]
    seen = []
    for seed in [*range(40), *range(40)]:
        harness.make_input(target, tmp_path / "v", written, seed, tmp_path / "in")
        seen.append((tmp_path / "in" / "a.txt").read_bytes())
    assert seen[:40] == seen[40:]
    assert len(set(seen)) > 30
