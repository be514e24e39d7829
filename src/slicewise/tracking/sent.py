"""What the stores were sent of a run: ``sent.json`` in its folder, a record a store."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import Field

from slicewise.errors import SlicewiseError
from slicewise.files import write_json
from slicewise.stored import Form, read_stored
from slicewise.tracking.run_record import Stored

NAME = "sent.json"
_log = logging.getLogger(__name__)


class SentModel(Stored):
    """A model that a store has.

    Attributes
    ----------
    digest : str
        Of what it was made of.
    id : str
        The store's.
    scores : str, optional
        Digest of the scores that it has there.
    """

    digest: str
    id: str
    scores: str | None = None


class SentRecord(Stored):
    """What one store has taken of a run.

    Attributes
    ----------
    run_id : str
        The store's id of the run; empty where it has none.
    files : dict of str to str
        SHA-256 of each file that it holds, by the name of the artifact.
    state : str, optional
        `Run.state` of the run when all of it was sent.
    model : SentModel, optional
    registered : str, optional
        Id of the model that was registered.
    checkpoints : dict of str to SentModel
        Models that were kept on the way, by their epoch.
    """

    run_id: str = ""
    files: dict[str, str] = Field({})
    state: str | None = None
    model: SentModel | None = None
    registered: str | None = None
    # what was sent before there were any stays as it is
    checkpoints: dict[str, SentModel] = Field({}, exclude_if=lambda sent: not sent)


SENT_FORM = Form(dict[str, SentRecord])


class SentRecords:
    """Reads and keeps what one store was sent.

    Parameters
    ----------
    store : str
        Name of the store, without what logs in.
    """

    def __init__(self, store: str) -> None:
        self.store = store
        self._damaged: set[Path] = set()

    def of(self, folder: Path) -> SentRecord:
        """Return what the store was sent of the run of a folder."""
        return self._everywhere(folder).get(self.store, SentRecord())

    def keep(self, folder: Path, sent: SentRecord) -> None:
        """Note what the store was sent of the run of a folder, beside what others were."""
        everywhere = self._everywhere(folder) | {self.store: sent}
        write_json(
            folder / NAME,
            {store: each.model_dump(exclude_none=True) for store, each in everywhere.items()},
        )

    def _everywhere(self, folder: Path) -> dict[str, SentRecord]:
        """Return what each store was sent; nothing is known where that is damaged.

        Each run is then found again by its mark, and compared.
        """
        path = folder / NAME
        if not path.is_file():
            return {}
        try:
            stored = read_stored(path, SENT_FORM, "it is made anew, by what MLflow holds")
        except SlicewiseError as error:
            if path not in self._damaged:
                self._damaged.add(path)
                _log.warning("%s", error)
            return {}
        return {store: SentRecord.model_validate(sent) for store, sent in stored.items()}
