"""A proxy before a real MLflow server, which answers oddly where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

Answer = tuple[int, dict[str, str], bytes]
Odd = Callable[[str, str], Answer | str | None]
"""Takes method and path; gives another answer, ``lost`` (the server gets the request and its answer
gets lost), ``cut`` (half of the answer), or None."""

KEPT = ("content-type", "accept", "authorization", "user-agent", "range")


class Proxy:
    """Forwards to a server.

    Attributes
    ----------
    odd : callable
        See `Odd`.
    seen : list of (method, path)
        Requests, those answered oddly included.
    bodies : list of bytes
        What clients sent.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.odd: Odd = lambda method, path: None
        self.seen: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.port = 0

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def proxied(target: str) -> Iterator[Proxy]:
    """Start a proxy."""
    proxy = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *message: Any) -> None:
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.seen.append((self.command, self.path))
            proxy.bodies.append(body)
            other = proxy.odd(self.command, self.path)
            if isinstance(other, tuple):
                self.give(*other)
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() in KEPT}
            found = requests.request(
                self.command,
                f"{proxy.target}{self.path}",
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=60,
            )
            if other == "lost":
                self.close_connection = True
                return
            kind = {"Content-Type": found.headers.get("Content-Type", "text/plain")}
            if other == "cut":
                self.give(found.status_code, kind, found.content, len(found.content) // 2)
            else:
                self.give(found.status_code, kind, found.content)

        def give(
            self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None
        ) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if cut is None else body[:cut])
            self.close_connection = cut is not None

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
