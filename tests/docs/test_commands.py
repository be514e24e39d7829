"""Commands on all pages: programs of ours understand their words, and files of ours are there.

That they do what pages say, other tests see: tests/docs/test_readme.py and those of each page.
"""

import re
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

from slicewise.cli import command_parser
from tests.documents import PAGES, ROOT, commands

MADE = {"mydata", "livers", "ideas", "archive"}
"""Configurations that pages have their reader write."""


def of(*programs: str) -> list[tuple[str, list[str]]]:
    """Return the commands that start one of these programs, with their pages."""
    all_of_them = [(page.name, words) for page in PAGES for words in commands(page)]
    return [(name, words) for name, words in all_of_them if words[0] in programs]


def label(value: object) -> str | None:
    return " ".join(value) if isinstance(value, list) else None


@pytest.mark.parametrize(("page", "words"), of("slicewise"), ids=label)
def test_the_command_line_understands(page, words):
    arguments = words[1 : words.index(">")] if ">" in words else words[1:]
    command_parser().parse_args(arguments)


@pytest.mark.parametrize(("page", "words"), of("snakemake"), ids=label)
def test_snakemake_understands(page, words):
    options = get_argument_parser().parse_args(words[1:])
    for profile in filter(None, [options.workflow_profile]):
        assert (ROOT / profile / "config.yaml").is_file()
    for config in options.configfile or []:
        assert Path(config).stem in MADE or (ROOT / config).is_file()


@pytest.mark.parametrize(("page", "words"), of("make"), ids=label)
def test_make_has_the_target(page, words):
    rules = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(words[1:]) <= set(rules)


def test_scripts_that_pages_run_are_there():
    scripts = [word for _, words in of("python", "bash") for word in words if word.endswith(".py")]
    assert len(scripts) > 10
    for script in scripts:
        assert (ROOT / script).is_file(), script
