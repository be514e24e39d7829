"""Take pictures of the pages of finished results, in Chromium. Used by docs/make_site.py.

Pictures age, so none is kept: they are taken when the site is built with --pictures, and of
phantoms alone, as a site may be published.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from slicewise.errors import SlicewiseError

SHOWN = {
    "data.html": "Every case before any training",
    "comparison.html": "All experiments side by side",
    "{experiment}/report.html": "The report of an experiment",
    "index.html": "The page that leads to all others",
}
"""Pages of results, and what stands over their pictures."""
WIDTH, HEIGHT = 1200, 900
HEAD = """\
# What it looks like

Pages of synthetic patients, as they were when this site was built. Those of your data look alike.
"""


def chosen(results: Path) -> dict[Path, str]:
    """Return the pages to take pictures of, with their titles.

    Raises
    ------
    SlicewiseError
        Where results are not of phantoms, or a page is missing.
    """
    if not (results / "logs" / "phantom").is_dir():
        raise SlicewiseError(
            f"{results}: these are no results of phantoms, which alone may be shown; "
            "run make demo, and name results/phantom"
        )
    reports = sorted(results.glob("*/report.html"))
    experiment = reports[0].parent.name if reports else "baseline"
    pages = {results / name.format(experiment=experiment): SHOWN[name] for name in SHOWN}
    for path in pages:
        if not path.is_file():
            raise SlicewiseError(f"{path}: there is no such page; run make demo to its end first")
    return pages


def pictures(results: Path, source: Path) -> str:
    """Take the pictures into a folder of Sphinx' sources; return the page that shows them."""
    parts, pages = [HEAD], chosen(results)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SlicewiseError(
            "chromium: it is not installed; install it, or build without --pictures"
        )
    with sync_playwright() as drivers:
        browser = drivers.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for path, title in pages.items():
            name = f"picture-{path.stem}.png"
            page.goto(path.resolve().as_uri())
            page.screenshot(path=source / name)
            parts.append(f"## {title}\n\n![The page {path.name}]({name})\n")
        browser.close()
    return "\n".join(parts)
