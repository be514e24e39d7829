"""What the tests of pages share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from matplotlib.figure import Figure

from slicewise.report import comparison, data, experiment
from slicewise.report.formats import Themed, themed
from slicewise.report.undrawn import Undrawn


@pytest.fixture(scope="module")
def each_figure_drawn_once() -> Iterator[None]:
    """Show the first figure of a name on all later pages, too: tests of words need no other."""
    kept: dict[str, Themed | Undrawn] = {}

    def first(what: str, draw: Callable[[], Figure]) -> Themed | Undrawn:
        if what not in kept:
            kept[what] = themed(what, draw)
        return kept[what]

    with pytest.MonkeyPatch.context() as patch:
        for page in (comparison, data, experiment):
            patch.setattr(page, "themed", first)
        yield
