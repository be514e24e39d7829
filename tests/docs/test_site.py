"""The site that `make docs` builds."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from slicewise import __version__
from slicewise.errors import SlicewiseError

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "make_site.py"
sys.path.append(str(SCRIPT.parent))  # as it is when it runs by itself


def load_script():
    spec = importlib.util.spec_from_file_location("make_site", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(output: Path, script: Path = SCRIPT) -> subprocess.CompletedProcess:
    """Run what `make docs` runs."""
    return subprocess.run(
        [sys.executable, str(script), "--output", str(output)],
        # the proxy is nobody: whoever asks the network fails
        env={**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("site")
    done = make(output)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"open {output / 'index.html'}"
    return output


class Asked(HTMLParser):
    """Notes what a page loads without a click."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        if tag == "link" and held.get("rel") not in ("index", "search", "next", "prev"):
            self.addresses.append(held["href"])
        if tag in ("script", "img", "iframe", "source") and held.get("src"):
            self.addresses.append(held["src"])


def test_every_page_is_listed():
    script = load_script()
    names = {Path(name).stem for name in script.pages().values()} - {"index"}
    index = (ROOT / script.INDEX).read_text(encoding="utf-8")
    index, _ = script.led(index, script.INDEX, script.pages())
    listed = set(re.findall(r"> *<|<([\w-]+)>$", script.contents(index), re.M))
    assert names <= listed, "docs/README.md lists each page of docs/, a line each"


def test_links_lead_to_where_pages_lie_in_the_site():
    script = load_script()
    names = script.pages()
    text = (
        "[a](data.md#x) [b](../results/README.md#y) [c](../config/config.yaml) [d](https://e.f/g.md)"
        "\n```\n[e](data.md)(../results/README.md)\n```\n[f](#here)\n"
    )
    led, files = script.led(text, Path("docs/look.md"), names)
    assert led == text.replace("../results/README.md#y", "results.md#y").replace(
        "../config/config.yaml", "files/config/config.yaml"
    )
    assert files == {Path("config/config.yaml")}
    led, files = script.led("see [these](../config)", Path("docs/look.md"), names)
    assert (led, files) == ("see these (folder `config` of the repository)", set())
    led, _ = script.led("[a](../docs/data.md#x)", Path("results/README.md"), names)
    assert led == "[a](data.md#x)"


def test_each_page_names_the_version_and_is_found_by_search(site):
    pages = sorted((site / __version__).glob("*.html"))
    assert len(pages) > 20
    for page in pages:
        assert f"slicewise {__version__}" in page.read_text(encoding="utf-8")
    index = (site / __version__ / "searchindex.js").read_text(encoding="utf-8")
    for name in load_script().pages().values():
        assert f'"{Path(name).stem}"' in index


def test_nothing_is_loaded_from_elsewhere(site):
    for page in site.rglob("*.html"):
        asked = Asked()
        asked.feed(page.read_text(encoding="utf-8"))
        assert not [a for a in asked.addresses if re.match(r"(\w+:)?//", a)], page
        for address in asked.addresses:
            assert (page.parent / address.split("?")[0]).is_file(), f"{page.name}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import) *[\"']?(https?:)?//", style.read_text())


def test_nothing_of_this_machine_is_in_it(site):
    for page in [*site.rglob("*.html"), *site.rglob("*.js")]:
        assert str(ROOT) not in page.read_text(encoding="utf-8"), page.name


def test_versions_lie_side_by_side_and_the_newest_is_opened(tmp_path):
    script = load_script()
    for name in ("0.9.0", "0.10.0", "draft"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").touch()
    (tmp_path / "half").mkdir()
    script.name_versions(tmp_path)
    listed = re.findall(r'href="([^"]+)/index.html"', (tmp_path / "versions.html").read_text())
    assert listed == ["0.10.0", "0.9.0", "draft"]
    assert "url=0.10.0/index.html" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(("heading", "is_made"), [("data", True), ("no-such-heading", False)])
def test_a_warning_is_an_error_and_leaves_what_was_there(tmp_path, monkeypatch, heading, is_made):
    script = load_script()
    monkeypatch.setattr(script, "gather", lambda source, _: two_pages(source, heading))
    before = tmp_path / __version__ / "index.html"
    before.parent.mkdir()
    before.write_text("of before")
    assert (script.main(["--output", str(tmp_path)]) == 0) == is_made
    assert (before.read_text() == "of before") != is_made
    assert is_made or [path.name for path in tmp_path.iterdir()] == [__version__]


def two_pages(source: Path, heading: str) -> None:
    """Write pages of which one leads to a heading of the other, which may not be there."""
    tree = "```{toctree}\n:hidden:\n\ndata\n```"
    (source / "index.md").write_text(f"# Index\n\n[there](data.md#{heading})\n\n{tree}\n")
    (source / "data.md").write_text("# Data\n\nThese.\n")


def finished(folder: Path) -> Path:
    """Stand-ins for the pages that a finished demo leaves."""
    for name in ("data.html", "comparison.html", "index.html", "baseline/report.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"<h1>{name}</h1>", encoding="utf-8")
    (folder / "logs" / "phantom").mkdir(parents=True)
    return folder


@pytest.mark.slow
def test_pictures_are_taken_where_they_are_asked_for(tmp_path):
    if shutil.which("chromium") is None:
        if os.environ.get("SLICEWISE_CI") == "1":
            pytest.fail("chromium is not installed: .ci/run has to install it")
        pytest.skip("chromium is not installed")
    script = load_script()
    source = tmp_path / "source"
    source.mkdir()
    script.gather(source, finished(tmp_path / "phantom"))
    shown = re.findall(r"!\[.*?\]\((.*?)\)", (source / "pictures.md").read_text(encoding="utf-8"))
    assert len(shown) == 4
    for name in shown:
        assert (source / name).read_bytes().startswith(b"\x89PNG")
    index = (source / "index.md").read_text(encoding="utf-8")
    assert index.count("pictures") == 2  # the list, and the tree of contents


def test_nobody_but_phantoms_is_shown(tmp_path, capsys, monkeypatch):
    script = load_script()
    results = finished(tmp_path / "phantom")
    (results / "comparison.html").unlink()
    assert script.main(["--output", str(tmp_path / "a"), "--pictures", str(results)]) == 1
    assert "comparison.html: there is no such page; run make demo" in capsys.readouterr().err
    (results / "comparison.html").touch()
    monkeypatch.setattr(script.make_pictures.shutil, "which", lambda name: None)
    assert script.main(["--output", str(tmp_path / "a"), "--pictures", str(results)]) == 1
    assert "chromium: it is not installed; install it" in capsys.readouterr().err
    (results / "logs" / "phantom").rmdir()
    assert script.main(["--output", str(tmp_path / "a"), "--pictures", str(results)]) == 1
    assert "these are no results of phantoms" in capsys.readouterr().err
    assert not list((tmp_path / "a").iterdir())


DEMO = """\
58/60  report baseline  15 s
59/60  report <tutorial>  12 s
60/60  index  2 s

Mean Dice per patient in 3-D, phantom:
  all of it, to begin with: results/phantom/index.html
Complete log(s): /elsewhere/log
"""


def test_a_terminal_shows_the_end_of_a_run_and_nothing_of_its_machine():
    told = load_script().make_pictures.told
    assert told(DEMO).startswith("$ make demo\n…\n58/60  report baseline")
    assert told(DEMO).endswith("results/phantom/index.html")
    for half in (DEMO.partition("  all of it")[0], "nothing"):
        with pytest.raises(SlicewiseError, match="no lines of a finished run"):
            told(half)


@pytest.mark.slow
def test_pictures_of_the_readme_are_taken_again(tmp_path, capsys):
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    make_pictures = load_script().make_pictures
    results = finished(tmp_path / "phantom")
    gallery, run = tmp_path / "gallery.html", tmp_path / "demo.txt"
    gallery.write_text("<h2>Slices</h2>", encoding="utf-8")
    run.write_text(DEMO, encoding="utf-8")
    given = [*map(str, (results, gallery, run)), "--output", str(tmp_path)]
    assert make_pictures.main(given) == 0
    for name in ("report", "gallery", "terminal"):
        assert (tmp_path / f"{name}.webp").read_bytes()[8:12] == b"WEBP"
    (results / "logs" / "phantom").rmdir()
    assert make_pictures.main(given) == 1
    assert "these are no results of phantoms" in capsys.readouterr().err
