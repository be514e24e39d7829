"""A model behind HTTP: a scan goes in, its mask comes out."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.requests import ClientDisconnect

from slicewise.errors import PassingError, SlicewiseError
from slicewise.report.render import render
from slicewise.segmenting.described import TAKES, known_of
from slicewise.services.asked import ENDINGS, Asked, Wanted, answer, ending_of
from slicewise.services.private import keep_private
from slicewise.wording import plural

MEGABYTE = 1_000_000
ASKED = {
    "name": "say what the file is called, as in /segment?name=ct.nii.gz",
    "want": f"it is one of {', '.join(get_args(Wanted))}",
}
"""What a question holds, and what to say of it where that is wrong."""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Limits:
    """What a server takes.

    Attributes
    ----------
    megabytes : int
        Of a scan, as it is sent.
    waiting : int
        Scans at most that are being sent, waiting or segmented; others are told to come later.
    seconds : float
        That sending a scan may take.
    """

    megabytes: int = 1000
    waiting: int = 4
    seconds: float = 600


class Desk:
    """Takes scans, and hands them to the model one at a time.

    Parameters
    ----------
    asked : Asked
    folder : Path
        Where scans lie until they are answered; nobody else's.
    limits : Limits
    log : callable
        Called with a line for each scan, which says nothing of a patient.
    """

    def __init__(
        self, asked: Asked, folder: Path, limits: Limits, log: Callable[[str], None]
    ) -> None:
        self.asked = asked
        self.folder = folder
        self.limits = limits
        self.log = log
        self._numbers = itertools.count(1)
        self._here = 0
        self._turn = asyncio.Lock()

    async def segment(self, request: Request, name: str, wanted: Wanted) -> Response:
        """Answer a request for a mask."""
        _check_origin(request)
        _check_form(request)
        ending = _ending(name)
        with self._seat():
            number = next(self._numbers)
            folder = self.folder / str(number)
            try:
                keep_private(self.folder)
                folder.mkdir()
                path = folder / f"scan{ending}"
                await self._receive(request, path)
                return await self._answer(request, number, path, wanted)
            except ClientDisconnect:
                return self._gone(number)
            except OSError as error:
                said = os.strerror(error.errno) if error.errno else type(error).__name__
                raise HTTPException(
                    507,
                    f"the disk of this machine does not take the scan ({said}); tell whoever "
                    "runs this server",
                ) from None
            finally:
                await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)

    def _seat(self) -> _Seat:
        if self._here >= self.limits.waiting:
            raise HTTPException(
                503,
                f"{plural(self._here, 'scan is', 'scans are')} being segmented or waiting; send it "
                "again in a while",
                {"Retry-After": "30"},
            )
        return _Seat(self)

    def take(self, seats: int) -> None:
        """Count scans that are here."""
        self._here += seats

    async def _receive(self, request: Request, path: Path) -> None:
        """Write what is sent, and give up when it is too much or takes too long."""
        most = self.limits.megabytes * MEGABYTE
        too_large = HTTPException(
            413, f"the scan is larger than {self.limits.megabytes} MB, which this server takes"
        )
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > most:
            raise too_large
        size = 0
        try:
            async with asyncio.timeout(self.limits.seconds):
                with path.open("wb") as stream:
                    async for chunk in request.stream():
                        size += len(chunk)
                        if size > most:
                            raise too_large
                        await run_in_threadpool(stream.write, chunk)
        except TimeoutError:
            raise HTTPException(408, "the scan was sent too slowly; send it again") from None
        if not size:
            raise HTTPException(422, "nothing was sent; the body of the request is the file itself")

    async def _answer(self, request: Request, number: int, path: Path, wanted: Wanted) -> Response:
        async with self._turn:
            if await request.is_disconnected():
                return self._gone(number)
            begun = time.monotonic()

            def say(line: str) -> None:
                self.log(f"scan {number}: {line}")

            try:
                content, name, kind = await run_in_threadpool(answer, path, self.asked, wanted, say)
            except PassingError as error:
                raise HTTPException(507, str(error)) from None
            except SlicewiseError as error:
                raise HTTPException(422, str(error)) from None
            self.log(f"scan {number}: segmented in {time.monotonic() - begun:.1f} s")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=kind, headers=headers)

    def _gone(self, number: int) -> Response:
        self.log(f"scan {number}: whoever sent it has gone")
        return Response(status_code=499)


class _Seat:
    """A place at the desk, for as long as a scan is there."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def __enter__(self) -> None:
        self.desk.take(1)

    def __exit__(self, *error: object) -> None:
        self.desk.take(-1)


def _ending(name: str) -> str:
    try:
        return ending_of(name)
    except SlicewiseError as error:
        raise HTTPException(415, str(error)) from None


def _check_origin(request: Request) -> None:
    """Refuse what a page of another site sends through somebody's browser."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, f"pages of {origin} may not send scans to this server")


def _check_form(request: Request) -> None:
    """Refuse what would be read otherwise than it was meant."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise HTTPException(
            415,
            "a form was sent (curl -F); the body of the request has to be the file itself "
            "(curl --data-binary @ct.nii.gz)",
        )
    unknown = ", ".join(sorted(request.query_params.keys() - ASKED.keys()))
    if unknown:
        known = " and ".join(ASKED)
        raise HTTPException(422, f"{unknown}: nothing of this name can be asked for; {known} can")


def _told(request: Request, error: Exception) -> JSONResponse:
    """Say in a sentence what is wrong with a question."""
    assert isinstance(error, RequestValidationError)
    wrong = dict.fromkeys(str(one["loc"][-1]) for one in error.errors())
    told = [f"{name}: {ASKED[name]}" for name in wrong if name in ASKED]
    return JSONResponse({"detail": "; ".join(told)}, 422)


def application(asked: Asked, folder: Path, limits: Limits, log: Callable[[str], None]) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    asked : Asked
    folder : Path
        Where scans lie until they are answered; nobody else's.
    limits : Limits
    log : callable
        Called with a line for each scan.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.desk = Desk(asked, folder, limits, log)
        yield

    # the pages of documentation that FastAPI makes fetch their scripts from elsewhere
    app = FastAPI(title="slicewise", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_exception_handler(RequestValidationError, _told)
    card = asked.chosen.card

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def page() -> HTMLResponse:
        text = render(
            "service.html.j2",
            model=asked.chosen.title,
            takes=TAKES[card.intensity],
            labels=list(card.labels),
            endings=ENDINGS,
            megabytes=limits.megabytes,
        )
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/model")
    def model() -> dict[str, object]:
        return {
            "model": asked.chosen.title,
            "takes": TAKES[card.intensity],
            "channels": list(card.channels or []),
            "labels": {name: values[0] for name, values in card.values.items()},
            "weights": asked.chosen.weights,
            "known": known_of(asked.chosen),
        }

    @app.post("/segment")
    async def segment(request: Request, name: str, want: Wanted = "mask") -> Response:
        desk: Desk = request.app.state.desk
        return await desk.segment(request, name, want)

    return app
