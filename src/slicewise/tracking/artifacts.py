"""The files of a run in the store: an answer alone proves nothing, so they are looked for there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from slicewise.files import sha256
from slicewise.tracking.answers import NotTakenError, held_files, lacking
from slicewise.tracking.connection import ANSWER, SPEED, Connection
from slicewise.tracking.journal import Run
from slicewise.tracking.names import TABLE, shareable
from slicewise.tracking.run_record import NotedFile
from slicewise.tracking.sent import SentRecord, SentRecords


class Artifacts:
    """Sends the files of runs.

    Parameters
    ----------
    connection : Connection
    sent : SentRecords
        Where it is kept what the store holds.
    """

    def __init__(self, connection: Connection, sent: SentRecords) -> None:
        self.connection = connection
        self.sent = sent

    def send(self, run: Run, sent: SentRecord, *, verify: bool) -> SentRecord:
        """Send files, and note those that the store holds then.

        Parameters
        ----------
        run : Run
        sent : SentRecord
            What the store was sent of it.
        verify : bool
            Compare with what the store really holds.

        Raises
        ------
        NotTakenError
            When the store does not hold what it was sent.
        """
        held = self._held(sent.run_id) if verify else None
        fresh: dict[str, int] = {}
        for name, noted in run.record.files.items():
            known = held if sent.files.get(name) == noted.sha256 else {}
            size = self._send_one(run, sent.run_id, name, noted, known)
            if size is not None:
                fresh[name] = size
        if not fresh:
            return sent
        missing = lacking(fresh, self._held(sent.run_id))
        files = {name: mark for name, mark in sent.files.items() if name not in missing}
        taken = {name: run.record.files[name].sha256 for name in fresh if name not in missing}
        sent = sent.updated(files=files | taken)
        self.sent.keep(run.folder, sent)
        if missing:
            raise NotTakenError(missing)
        return sent

    def _send_one(
        self,
        run: Run,
        run_id: str,
        name: str,
        noted: NotedFile,
        held: dict[str, int | None] | None,
    ) -> int | None:
        """Send a file; return its size, or None where nothing was to be sent.

        `held` has what the store holds of the files that it was sent; None where
        it was sent this one, and that is not to be verified.
        """
        path = run.results / noted.path
        # A file that was made anew since belongs to another run.
        if held is None or not path.is_file() or sha256(path) != noted.sha256:
            return None
        with tempfile.TemporaryDirectory() as folder:
            named = Path(folder) / Path(name).name
            if name == TABLE:
                named.write_bytes(shareable(path))
            else:
                named.symlink_to(path.resolve())
            size = named.stat().st_size
            if held and not lacking({name: size}, held):
                return None
            place = str(Path(name).parent)
            self.connection.client.log_artifact(
                run_id,
                str(named),
                None if place == "." else place,
                seconds=ANSWER + size / SPEED,
            )
        return size

    def _held(self, run_id: str) -> dict[str, int | None]:
        """Return the size of every artifact that the store holds."""
        client = self.connection.client
        return held_files(lambda folder: client.list_artifacts(run_id, folder))
