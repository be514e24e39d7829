"""Running the HTTP server until it is stopped."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from slicewise.services.asked import Asked
from slicewise.services.http import Limits, application
from slicewise.services.places import nobody_listens, warn_of_others
from slicewise.services.private import private_folder


def serve(asked: Asked, limits: Limits, host: str, port: int, say: Callable[[str], None]) -> None:
    """Answer until the process is told to stop; a scan that is being segmented is answered first.

    Parameters
    ----------
    asked : Asked
    limits : Limits
    host : str
        Name or address to listen at.
    port : int
        0: one that is free.
    say : callable
        Called with each line for people.

    Raises
    ------
    SlicewiseError
        When nobody can listen there.
    """
    listening = _listen(host, port)
    address, own_port = listening.getsockname()[:2]
    warn_of_others(address, say)
    shown = f"[{address}]" if ":" in address else address
    say(f"http://{shown}:{own_port} answers with masks of {asked.chosen.title}; Ctrl-C stops it")
    # uvicorn sends itself the signal again when it has stopped, and the folder is still to go
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with listening, private_folder("serve") as folder:
            app = application(asked, folder, limits, say)
            # its log of requests would name files, and those may name patients
            config = uvicorn.Config(app, access_log=False, log_level="warning")
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, OverflowError) as error:
        raise nobody_listens(host, port, error) from error
