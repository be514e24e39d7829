"""The MLflow UI as a user meets it: `slicewise ui`, and a Chromium without a screen.

Run as a program it makes the picture of docs/mlflow.md, from the demo's runs:
python tests/workflow/mlflowui.py results docs/mlflow-compare.png
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PATIENCE = 60  # seconds for anything to appear: the machine may be busy
KNOWN = (
    "/mlflow/users/current",  # the UI asks who is logged in; without logins that is "not found"
    "ResizeObserver loop",  # the UI's own, harmless
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    path = shutil.which("chromium")
    if path is None:
        _missing("chromium")
    with sync_playwright() as drivers:
        started = drivers.chromium.launch(executable_path=path, args=list(SWITCHES))
        try:
            yield started
        finally:
            started.close()


@dataclass
class Ui:
    """A running `slicewise ui`.

    Parameters
    ----------
    address : str
        Of its server.
    said : str
        What it said when it was started.
    browser : Browser
        To look at it with.
    """

    address: str
    said: str
    browser: Browser

    def link(self, experiment: str) -> str:
        """The address that it gave for an experiment."""
        found = re.search(rf"^{re.escape(experiment)}: (http://\S+)$", self.said, re.M)
        assert found, f"no link to {experiment} in:\n{self.said}"
        return found[1]

    @contextmanager
    def page(
        self, folder: Path, width: int = 1500, height: int = 1000, colours: str = "light"
    ) -> Iterator[Page]:
        """A page of a browser that was never here; complains of all that went wrong in it.

        Where the block fails, a picture of what was to be seen is left in `folder`.
        """
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=colours, locale="en-GB"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        wrong: list[str] = []

        def said(message: ConsoleMessage) -> None:
            if message.type == "error":
                wrong.append(f"console: {message.text} {message.location.get('url', '')}")

        def asked(request: Request) -> None:
            if request.url.startswith("http") and not request.url.startswith(self.address):
                wrong.append(f"asked another server: {request.url}")

        def answered(response: Response) -> None:
            if response.status >= 400:
                wrong.append(f"{response.status}: {response.url}")

        page.on("console", said)
        page.on("request", asked)
        page.on("response", answered)
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        try:
            yield page
        except BaseException as error:
            folder.mkdir(parents=True, exist_ok=True)
            picture = folder / "page.png"
            with suppress(Exception):
                page.screenshot(path=picture)
                shown = " | ".join(page.locator("body").inner_text().split("\n"))
                error.add_note(f"The page {page.url}, see {picture}, showed: {shown[:2000]}")
            error.add_note("\n".join(["What went wrong in the page:", *wrong]))
            raise
        finally:
            context.close()
        wrong = [line for line in wrong if not any(known in line for known in KNOWN)]
        assert not wrong, "\n".join(wrong)


@contextmanager
def served(results: Path, environment: Mapping[str, str], browser: Browser) -> Iterator["Ui"]:
    """Start `slicewise ui` on a folder of results, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    # beside the interpreter: the environment need not be active
    slicewise = str(Path(sys.executable).parent / "slicewise")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "ui.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                [slicewise, "ui", "--results", str(results), "--port", str(port)],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_for(f"{address}/health", server, log)
            yield Ui(address, log.read_text(), browser)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)
            with suppress(ProcessLookupError):  # its workers
                os.killpg(server.pid, signal.SIGKILL)


def _missing(what: str) -> None:
    if os.environ.get("SLICEWISE_CI") == "1":
        pytest.fail(f"{what} is not installed: .ci/run has to install it")
    pytest.skip(f"{what} is not installed")


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 3 * PATIENCE
    while time.monotonic() < deadline:
        assert server.poll() is None, f"slicewise ui ended:\n{log.read_text()}"
        with suppress(OSError):  # not there yet
            urllib.request.urlopen(address, timeout=PATIENCE).close()
            return
        time.sleep(0.2)
    raise AssertionError(f"slicewise ui does not answer:\n{log.read_text()}")


# -- what is on the pages of MLflow 3.17 ----------------------------------------


def row_of(page: Page, run: str) -> Locator:
    """The row of a run in the table of runs."""
    name = page.get_by_role("link", name=run, exact=True)
    return page.locator(".ag-row").filter(has=name)


def show(page: Page, mode: str) -> None:
    """Show the runs of an experiment as TABLE, CHART or ARTIFACT (tables side by side)."""
    choice = page.locator(f"input[name=runs-view-mode][value={mode}]")
    page.locator("label").filter(has=choice).click()  # its icon is over it


def card_of(page: Page, metric: str) -> Locator:
    """The card of a metric among the charts, by looking for it as a user would."""
    page.get_by_placeholder("Search metric charts").fill(metric)
    card = page.get_by_test_id("experiment-view-compare-runs-card").filter(
        has=page.get_by_role("heading", name=metric, exact=True)
    )
    card.scroll_into_view_if_needed()
    return card


def artifact(page: Page, path: str) -> None:
    """Choose an artifact on the page of a run, opening its folders."""
    page.get_by_role("tab", name="Artifacts").click()
    for name in path.split("/"):
        page.get_by_test_id("artifact-tree-node").filter(
            has_text=re.compile(f"^{re.escape(name)}$")
        ).click()


def width_of(picture: Locator) -> int:
    """The width of a picture in pixels, once it is loaded; fails for one that is broken."""
    return picture.evaluate("image => image.decode().then(() => image.naturalWidth)")


def rows(table: Locator) -> dict[str, list[str]]:
    """The cells of a table by the heads of its rows."""
    cells = "rows => rows.map(row => Array.from(row.cells, cell => cell.innerText.trim()))"
    return {head: row for head, *row in table.locator("tr").evaluate_all(cells)}


def compared_metric(page: Page, metric: str) -> list[float]:
    """The values of a metric on the page that compares runs, in their order there."""
    beside = """(values, metric) => {
        const cells = Array.from(
            document.querySelectorAll('.ReactVirtualized__Grid__innerScrollContainer > *'));
        const name = cells.find(cell => cell.innerText.trim() === metric);
        return cells
            .filter(cell => name && cell.style.top === name.style.top && values.contains(cell))
            .sort((a, b) => parseFloat(a.style.left) - parseFloat(b.style.left))
            .map(cell => cell.innerText.trim());
    }"""
    values = page.locator(".ReactVirtualized__Grid").last
    # The list holds no more rows than fit into it.
    for down in range(0, 10_000, 100):
        values.evaluate("(grid, down) => { grid.scrollTop = down; }", down)
        page.wait_for_timeout(100)
        if found := values.evaluate(beside, metric):
            return [float(text) for text in found]
    raise AssertionError(f"no metric {metric} on the page")


def main(results: str, picture: str) -> None:
    """Make the picture of the docs: the experiments of the demo side by side."""
    with (
        chromium() as browser,
        served(Path(results), os.environ, browser) as ui,
        ui.page(Path(tempfile.gettempdir()), height=1180) as page,
    ):
        page.goto(ui.link("slicewise/phantom"))
        page.get_by_label("Close", exact=True).click()  # the assistant
        show(page, "CHART")
        card_of(page, "test/dice_mean")
        page.get_by_placeholder("Search metric charts").fill("test/dice")
        page.get_by_test_id("experiment-view-compare-runs-section-header").first.hover()
        expect(page.locator("img[src*=get-artifact]").first).to_be_visible()
        page.wait_for_timeout(3000)  # the last of them move
        page.screenshot(path=picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
