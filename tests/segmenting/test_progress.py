"""The line on a terminal."""

from __future__ import annotations

import io

from slicewise.segmenting.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_says_what_is_done_and_how_long_it_takes() -> None:
    seconds = iter([0.0, 5.0, 5.0, 30.0, 40.0, 40.0, 70.0, 70.0])
    stream = Terminal()
    progress = Progress(4, stream, lambda: next(seconds))
    progress.at("p01", 8)
    assert stream.getvalue().endswith("0 of 4: p01, slice 8")
    progress.done()
    assert stream.getvalue().endswith("1 of 4, 1:30 left")
    progress.at("p02", 8)
    assert stream.getvalue().endswith("1 of 4, 1:50 left: p02, slice 8") or "p02" in (
        stream.getvalue()
    )
    progress.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_files_and_pipes_get_nothing() -> None:
    stream = io.StringIO()
    progress = Progress(1, stream)
    progress.at("p01", 8)
    progress.done()
    progress.clear()
    assert stream.getvalue() == ""
