"""Running the DICOM node until it is stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from pynetdicom.transport import ThreadedAssociationServer

from slicewise.services.asked import Asked
from slicewise.services.node import Manner, Node
from slicewise.services.places import nobody_listens, warn_of_others
from slicewise.services.private import alone_in


def listen(
    asked: Asked, folder: Path, manner: Manner, place: tuple[str, int], say: Callable[[str], None]
) -> None:
    """Receive studies and send segmentations until the process is told to stop.

    A study that is being segmented is finished first; others wait on the disk for the next process.

    Parameters
    ----------
    asked : Asked
    folder : Path
        Where studies lie until their segmentations are sent.
    manner : Manner
    place : tuple of str and int
        Name or address to listen at, and the port; 0: one that is free.
    say : callable
        Called with each line for people.

    Raises
    ------
    SlicewiseError
        When nobody can listen there, or another process does with this folder.
    """
    host, port = place
    node = Node(asked, folder, manner, say)
    with alone_in(folder):
        server = _started(node, host, port)
        address, own_port = server.server_address[:2]
        warn_of_others(str(address), say)
        say(f"{manner.title} listens at {address}:{own_port} for {asked.chosen.title}")
        before = {
            number: signal.signal(number, lambda *_: node.stop())
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            node.run()
        finally:
            server.shutdown()
            for number, handler in before.items():
                signal.signal(number, handler)


def _started(node: Node, host: str, port: int) -> ThreadedAssociationServer:
    entity = node.entity()
    try:
        server = entity.start_server((host, port), block=False, evt_handlers=[*node.handlers()])
    except (OSError, OverflowError) as error:
        raise nobody_listens(host, port, error) from error
    assert server is not None  # as it does not block
    return server
