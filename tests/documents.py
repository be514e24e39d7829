"""The pages of the repository, for tests of what stands on them."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSIGNED = re.compile(r"^\w+=")
PAGES = sorted(
    [
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / name for name in ("config/README.md", "results/README.md")),
    ]
)


def prose(path: Path) -> str:
    """Return a page without what stands between fences."""
    return re.sub(r"^( *)```.*?^\1```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub and MyST make them."""
    found = set()
    for heading in re.findall(r"^#+ (.*?) *$", prose(path), re.M):
        bare = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(bare.replace(" ", "-"))
    return found


def commands(page: Path) -> list[list[str]]:
    """Return the commands of a page, in words, without variables that are set before them."""
    text = page.read_text(encoding="utf-8")
    found = []
    for indent, block in re.findall(r"^( *)```(?:console|sh|bash)\n(.*?)^\1```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix(indent), comments=True)
            while words and ASSIGNED.match(words[0]):
                words.pop(0)
            if words:
                found.append(words)
    return found
