"""A command runs to its end, whatever this process is told meanwhile."""

import os
import signal
import subprocess
import sys

from slicewise.running import STOPPED, run_to_end

SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: None)
print("ready", flush=True)
time.sleep(1)
print("done", flush=True)
"""


def test_the_exit_status_is_that_of_the_command():
    assert run_to_end([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    told = "import os; raise SystemExit(os.environ['TOLD'] != 'so')"
    assert run_to_end([sys.executable, "-c", told], env={**os.environ, "TOLD": "so"}) == 0


def test_ctrl_c_waits_for_the_command_and_is_no_success():
    runs = f"""
import sys
from slicewise.running import run_to_end
print(run_to_end([sys.executable, "-c", {SLOW!r}]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", f"from tests.signals import heed_ctrl_c; heed_ctrl_c(){runs}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == f"done\n{STOPPED}\n"
