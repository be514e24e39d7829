"""How long a tracking server that is gone keeps the jobs of an experiment waiting.

python benchmarks/tracking_delay.py [--epochs 8] [--work 1.0]

Three jobs, each a process of its own as in the workflow (training, evaluation, report), do their
work by sleeping and tell MLflow of it as the scripts do. The delay is what they take beyond their
work. The server is: there; not there; one that accepts and never answers; killed or frozen in the
middle of the training; killed before its end. Prints one line of JSON last, in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slicewise.tracking import Tracker

sys.path.insert(0, str(Path(__file__).parents[1]))  # the server of the tests
from tests.tracking.outage import Server, free_port, silent

FACTS = {"device": "CPU", "weights_sha256": "0", "steps": 1}


def stage(name: str, folder: Path, epochs: int, work: float) -> float:
    """Run one job; return the seconds that it took beyond its work."""
    slept = 0.0

    def sleep() -> None:
        nonlocal slept
        begun = time.monotonic()
        time.sleep(work)
        slept += time.monotonic() - begun

    results = folder.parents[2]
    report = results / "report.html"
    begun = time.monotonic()
    with Tracker(folder, print) as tracker:
        if name == "train":
            run = tracker.begin(
                "fold-0", "baseline", "key", params={"a": 1}, tags={"fold": "0"}, contents={}
            )
            with run.ending_with_errors():
                for epoch in range(1, epochs + 1):
                    sleep()
                    stamp = int(time.time() * 1000)
                    run.epoch({"epoch": epoch, "timestamp": stamp, "train/loss": 1 / epoch})
                model = results / "model.keras"
                model.write_bytes(bytes(30_000_000))
                run.trained(FACTS, {}, model, ["liver"])
        elif name == "evaluate":
            for _ in range(3):
                sleep()
            given = {"files": {}, "contents": {}, "tags": {}, "note": "", "test": "0"}
            tracker.evaluated("baseline", 1, metrics={"test/dice_mean": 0.9}, **given)
        else:
            for _ in range(3):
                sleep()
            report.write_text("report")
            tracker.reported(1, {"report.html": report}, {})
    return time.monotonic() - begun - slept


def jobs(port: int, epochs: int, work: float, after: float = -1, do: object = None) -> float:
    """Run the three jobs one after the other; return their delay."""
    total = 0.0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "results" / "tiny" / "baseline" / "tracking"
        for name in ("train", "evaluate", "report"):
            command = [sys.executable, __file__, "--stage", name, "--folder", str(folder)]
            process = subprocess.Popen(
                [*command, "--epochs", str(epochs), "--work", str(work)],
                env={**os.environ, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"},
                stdout=subprocess.PIPE,
                text=True,
            )
            if name == "train" and callable(do):
                wanted = max(1, round(after * epochs))
                history = folder / "fold-0" / "001" / "history.csv"
                while not (history.is_file() and len(history.read_text().splitlines()) > wanted):
                    time.sleep(0.02)
                do()
            out, _ = process.communicate()
            total += float(out.splitlines()[-1])
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--work", type=float, default=1.0, help="seconds of an epoch")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    epochs, work = options.epochs, options.work
    if options.stage:
        print(stage(options.stage, options.folder, epochs, work))
        return
    delays: dict[str, float] = {}
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
        delays["not there"] = jobs(closed.getsockname()[1], epochs, work)
    port = free_port()
    with silent(port):
        delays["never answers"] = jobs(port, epochs, work)
    for name, after, number in (
        ("there", -1, None),
        ("killed in the middle", 0.5, signal.SIGKILL),
        ("frozen in the middle", 0.5, signal.SIGSTOP),
        ("killed before the end", 1, signal.SIGKILL),
        ("frozen before the end", 1, signal.SIGSTOP),
    ):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder))
            try:
                server.start()
                do = None if number is None else lambda s=server, n=number: s.send(n)
                delays[name] = jobs(server.port, epochs, work, after, do)
            finally:
                server.kill()
        print(f"{name}: {delays[name]:.2f} s", flush=True)
    print(json.dumps({"delay_s": {name: round(delay, 2) for name, delay in delays.items()}}))


if __name__ == "__main__":
    main()
