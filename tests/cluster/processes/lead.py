"""Leads a job, ends all of it when it is over, notes how it ended: lead.py SCRIPT MB MINUTES."""

import os
import signal
import subprocess
import sys
import time

import jobs

PATIENCE = 10  # seconds between SIGTERM and SIGKILL


class Lead:
    """One job, from its start to the note of its end."""

    def __init__(self, script: str, mb: float, minutes: float) -> None:
        self.job = jobs.name_of(os.getpid())
        self.mb = mb
        self.end = time.monotonic() + 60 * minutes
        self.told = False
        signal.signal(signal.SIGTERM, self.warn)
        self.process = subprocess.Popen([script], env={**os.environ, jobs.NAME: self.job})

    def warn(self, *_: object) -> None:
        """Give it a while to end by itself."""
        if not self.told:
            self.told = True
            self.end = time.monotonic() + PATIENCE
            jobs.signal_to(jobs.members(self.job), signal.SIGTERM)

    def look(self) -> None:
        """Do what is due: warn what is over its time, kill what is over its memory."""
        members = jobs.members(self.job)
        if jobs.memory_of(members) > self.mb:
            self.kill(f"exceeded memory limit of {self.mb:.0f} MB")
        elif time.monotonic() > self.end:
            if self.told:
                self.kill("did not end by itself")
            else:
                print("job: DUE TO TIME LIMIT", flush=True)
                self.warn()

    def kill(self, why: str) -> None:
        self.told = True
        print(f"job: killed, as it {why}", flush=True)
        jobs.signal_to(jobs.members(self.job), signal.SIGKILL)

    def run(self) -> None:
        while self.process.poll() is None:
            self.look()
            # it looks at each process of the machine
            time.sleep(0.5)
        # nothing that it started outlives it
        while left := jobs.members(self.job):
            jobs.signal_to(left, signal.SIGKILL)
            time.sleep(0.05)
        note = jobs.FOLDER / self.job
        part = note.with_suffix(".part")
        part.write_text(str(self.process.returncode))
        part.rename(note)


if __name__ == "__main__":
    Lead(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])).run()
