"""Build the site of the documentation, without network: build/docs/<version>/.

Pages are gathered from the repository, with their links led to where they lie in the site, then
made by Sphinx, to which a warning is an error. Run it by `make docs`, or
python docs/make_site.py [--output FOLDER] [--pictures results/phantom]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import make_commands
import make_errors
import make_files
import make_pictures
import make_python
from packaging.version import InvalidVersion, Version
from sphinx.cmd.build import build_main

from slicewise import __version__
from slicewise.errors import SlicewiseError

DOCS = Path(__file__).parent
ROOT = DOCS.parent
INDEX = Path("docs/README.md")
ELSEWHERE = {
    Path("README.md"): "index.md",  # begins with the same words
    Path("CHANGELOG.md"): "changelog.md",
    Path("CONTRIBUTING.md"): "contributing.md",
    Path("benchmarks/README.md"): "benchmarks.md",
    Path("benchmarks/study.md"): "study.md",
    Path("benchmarks/curves.md"): "curves.md",
    Path("config/README.md"): "configurations.md",
    Path("results/README.md"): "results.md",
}
"""Pages that lie beside what they tell of, and what they are called in the site."""

WRITTEN = {
    "commands": ("Commands", "what to type, with all arguments, and variables of the environment"),
    "files": ("Files and columns", "what each rule makes, columns of tables, keys of records"),
    "errors": ("Errors", "every sentence that slicewise stops with, and what to do"),
    "python": ("Python", "functions for a notebook or a program of your own"),
}
"""Pages of the site alone, with their titles: they are written from the code as it is now."""

PICTURES = "- [What it looks like](pictures.md): pages of synthetic patients"

LINK = re.compile(r"\[((?:[^\[\]]|!?\[[^\]]*\])*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.M | re.S)

LANDING = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>slicewise</title>
<meta http-equiv="refresh" content="0; url={newest}/index.html">
<p><a href="{newest}/index.html">slicewise {newest}</a></p>
<p><a href="versions.html">All versions</a></p>
</html>
"""
VERSIONS = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>slicewise: versions</title>
<meta name="viewport" content="width=device-width">
<style>:root {{ color-scheme: light dark; font-family: system-ui; margin: 2em; }}</style>
<h1>slicewise: versions</h1>
<ul>
{items}
</ul>
</html>
"""


def pages() -> dict[Path, str]:
    """Return the pages of the repository, and what each is called in the site."""
    own = {path.relative_to(ROOT): path.name for path in sorted(DOCS.glob("*.md"))}
    return {**own, INDEX: "index.md", **ELSEWHERE}


def led(text: str, page: Path, names: Mapping[Path, str]) -> tuple[str, set[Path]]:
    """Return a page with its links as they are in the site, and the files that they lead to.

    Parameters
    ----------
    text : str
        Of the page; what stands between fences is left as it is.
    page : Path
        Where it lies in the repository.
    names : mapping of Path to str
        What pages are called in the site; other files come to `files/`.
    """
    files: set[Path] = set()

    def lead(match: re.Match[str]) -> str:
        text, target = match[1], Path(os.path.normpath(page.parent / match[2]))
        if (ROOT / target).is_dir():
            return f"{text} (folder `{target}` of the repository)"
        if target not in names:
            files.add(target)
        name = names.get(target) or f"files/{target}"
        return f"[{text}]({name}{match[3] or ''})"

    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [LINK.sub(lead, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(lead, text[end:])]), files


def contents(index: str) -> str:
    """Return the trees of contents that Sphinx wants, from the lists of links of the index."""
    trees = []
    for section in re.split(r"^## ", index, flags=re.M)[1:]:
        caption, _, listed = section.partition("\n")
        items = re.findall(r"^- \[([^\]]+)\]\(([^)#:]+)\.md\)", listed, re.M)
        names = [f"{title} <{name}>" for title, name in items]
        lines = [":hidden:", f":caption: {caption}", "", *names]
        trees.append("\n".join(["```{toctree}", *lines, "```"]))
    return "\n\n".join(trees)


def with_written(index: str) -> str:
    """Return the index with the pages that are written from the code, among the reference."""
    lines = "".join(f"- [{title}]({name}.md): {what}\n" for name, (title, what) in WRITTEN.items())
    return index.replace("\n## Reference\n\n", f"\n## Reference\n\n{lines}", 1)


def gather(source: Path, results: Path | None = None) -> None:
    """Put all pages, and the files that they link to, into a folder for Sphinx.

    Parameters
    ----------
    source : Path
        The folder.
    results : Path, optional
        Of phantoms, whose pages are shown in pictures; without it there is no such page.
    """
    names = pages()
    texts = {}
    for page, name in names.items():
        if page == Path("README.md"):
            continue
        text, files = led((ROOT / page).read_text(encoding="utf-8"), page, names)
        if page == INDEX:
            text = with_written(text)
            if results is not None:
                text = text.replace("\n## Tutorial\n\n", f"\n## Tutorial\n\n{PICTURES}\n", 1)
            text = f"{text}\n{contents(text)}\n"
        texts[Path(name).stem] = text
        for file in files:
            target = source / "files" / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, target)
    texts["commands"] = make_commands.page(dict(texts))
    texts["files"] = make_files.page()
    texts["errors"] = make_errors.page()
    texts["python"] = make_python.page()
    if results is not None:
        texts["pictures"] = make_pictures.pictures(results, source)
    for name, text in texts.items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")


def by_age(name: str) -> tuple[bool, Version | str]:
    """Return what sorts names of versions, the newest last; what is no version comes first."""
    try:
        return True, Version(name)
    except InvalidVersion:
        return False, name


def name_versions(output: Path) -> None:
    """Write the page that leads to the newest version, and that which lists all."""
    there = sorted((path.parent.name for path in output.glob("*/index.html")), key=by_age)
    items = "\n".join(
        f'<li><a href="{name}/index.html">{name}</a></li>' for name in reversed(there)
    )
    (output / "versions.html").write_text(VERSIONS.format(items=items), encoding="utf-8")
    (output / "index.html").write_text(LANDING.format(newest=there[-1]), encoding="utf-8")


def build(output: Path, results: Path | None = None) -> int:
    """Build the site of this version below a folder; return the exit status."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".") as folder:
        source, made = Path(folder, "source"), Path(folder, "made")
        source.mkdir()
        gather(source, results)
        asked = ["--fail-on-warning", "--keep-going", "--quiet", "--conf-dir", str(DOCS)]
        status = build_main([*asked, "-d", f"{folder}/trees", str(source), str(made)])
        if status:
            return status
        place = output / __version__
        shutil.rmtree(place, ignore_errors=True)
        made.rename(place)
    name_versions(output)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "docs")
    parser.add_argument("--pictures", type=Path, metavar="RESULTS", help="results of phantoms")
    options = parser.parse_args(arguments)
    output = options.output
    try:
        status = build(output, options.pictures)
    except SlicewiseError as error:
        print(f"make_site: {error}", file=sys.stderr)
        return 1
    if status == 0:
        print(f"open {output / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
