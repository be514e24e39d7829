"""Take pictures of the pages of finished results, in Chromium. Used by docs/make_site.py.

Pictures age, so those of the site are kept nowhere: they are taken when it is built with
--pictures, and of phantoms alone, as a site may be published. The three of README.md are in the
repository, as small files; make them again, after the demo, by

    make demo | tee demo.txt
    slicewise segment SCANS --model results/phantom/baseline --output masks
    python docs/make_pictures.py results/phantom masks/gallery.html demo.txt
"""

from __future__ import annotations

import argparse
import html
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from slicewise.errors import SlicewiseError

SHOWN = {
    "data.html": "Every case before any training",
    "comparison.html": "All experiments side by side",
    "{experiment}/report.html": "The report of an experiment",
    "index.html": "The page that leads to all others",
}
"""Pages of results, and what stands over their pictures."""
WIDTH, HEIGHT = 1200, 900
NARROW, LOW = 1000, 760
"""What README.md has room for."""
HEAD = """\
# What it looks like

Pages of synthetic patients, as they were when this site was built. Those of your data look alike.
"""
QUALITY = 45
"""Of WebP, with letters that can be read in a file of some 30 kB."""
LAST_JOBS = 8
"""Lines on jobs that the picture of a terminal shows."""
TERMINAL = """\
<meta charset="utf-8"><style>body { margin: 0; background: #1e1e2e; color: #cdd6f4 }
pre { margin: 0; padding: 20px 24px; width: fit-content }
pre { font: 17px/1.4 "DejaVu Sans Mono", monospace }
</style>
<pre>{lines}</pre>
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


@contextmanager
def opened(width: int = WIDTH, height: int = HEIGHT) -> Iterator[Page]:
    """Give an empty page of Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SlicewiseError(
            "chromium: it is not installed; install it, or build without --pictures"
        )
    with sync_playwright() as drivers:
        browser = drivers.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser.new_page(viewport={"width": width, "height": height})
        browser.close()


def pictures(results: Path, source: Path) -> str:
    """Take the pictures into a folder of Sphinx' sources; return the page that shows them."""
    parts, pages = [HEAD], chosen(results)
    with opened() as page:
        for path, title in pages.items():
            name = f"picture-{path.stem}.png"
            page.goto(path.resolve().as_uri())
            page.screenshot(path=source / name)
            parts.append(f"## {title}\n\n![The page {path.name}]({name})\n")
    return "\n".join(parts)


def told(text: str) -> str:
    """Return what a terminal showed of a run: the last jobs, and what came out.

    Raises
    ------
    SlicewiseError
        When the text is of no run that was finished.
    """
    lines = text.splitlines()
    jobs = [k for k, line in enumerate(lines) if re.match(r" *\d+/\d+  ", line)]
    ends = [k for k, line in enumerate(lines) if line.startswith("  all of it")]
    if not jobs or not ends:
        raise SlicewiseError("no lines of a finished run: save what make demo prints, to its end")
    first = jobs[-LAST_JOBS:][0]
    return "\n".join(["$ make demo", "…", *lines[first : ends[-1] + 1]])


def small(picture: bytes) -> bytes:
    """Return a picture as WebP."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(stream, "webp", quality=QUALITY, method=6)
    return stream.getvalue()


def of_readme(results: Path, gallery: Path, run: Path, output: Path) -> None:
    """Take the pictures of README.md: report, gallery and terminal."""
    report = next(path for path in chosen(results) if path.name == "report.html")
    with tempfile.TemporaryDirectory() as folder, opened(NARROW, LOW) as page:
        terminal = Path(folder, "terminal.html")
        lines = html.escape(told(run.read_text(encoding="utf-8")))
        terminal.write_text(TERMINAL.replace("{lines}", lines), encoding="utf-8")
        for path, name in ((report, "report"), (gallery, "gallery"), (terminal, "terminal")):
            page.goto(path.resolve().as_uri())
            if path == gallery:  # the table of scans comes first
                page.locator("h2", has_text="Slices").evaluate("each => each.scrollIntoView()")
            taken = page.locator("pre").screenshot() if path == terminal else page.screenshot()
            (output / f"{name}.webp").write_bytes(small(taken))


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures of README.md."""
    parser = argparse.ArgumentParser(description="The pictures of README.md, into docs/.")
    parser.add_argument("results", type=Path, help="of phantoms")
    parser.add_argument("gallery", type=Path, help="gallery.html of segmented phantoms")
    parser.add_argument("run", type=Path, help="what make demo printed")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args(arguments)
    try:
        of_readme(options.results, options.gallery, options.run, options.output)
    except SlicewiseError as error:
        print(f"make_pictures: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
