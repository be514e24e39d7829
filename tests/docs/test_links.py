"""Links of the repository's pages: each leads to a file, and to a heading that is there."""

import re

import pytest

from tests.documents import PAGES, ROOT, anchors, prose


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", prose(page)):
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(place), f"{page.name}: {target}#{anchor}"


def test_pages_that_code_and_settings_name_are_there():
    places = [ROOT / name for name in ("src", "rules", "scripts", "config", "profiles", "deploy")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    named = set()
    for path in [*files, ROOT / "pyproject.toml", ROOT / "Dockerfile"]:
        if path.suffix != ".pyc":
            named |= set(re.findall(r"\bdocs/[\w-]+\.md\b", path.read_text(encoding="utf-8")))
    assert len(named) > 5
    for name in named:
        assert (ROOT / name).is_file(), name
