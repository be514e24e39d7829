"""What is read of Python files: by what they do, and kept under the digest of what they hold."""

import ast
import json
from pathlib import Path

import pytest

from slicewise import syntax
from slicewise.syntax import FORM, Kept, Syntax, keep, syntax_of

CODE = '''"""Halves."""

from os import path as p


def half(size: int, *, down=True):
    """Half of it."""
    # rounded
    return size // 2 if down else -(-size // 2), f"{size!r:>{3}}", b"\\x00", 1.5e3, ...
'''
DIGEST = "d7359167963f9b5f9440f223972a778e2d84f26d5f5cf7a2278c870f3547a45b"


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """A folder of caches of its own, as the next process would meet it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    another_process()
    yield tmp_path / "caches" / "slicewise" / f"syntax-{FORM}.json"
    another_process()


def another_process():
    syntax._kept.cache_clear()
    syntax._read.cache_clear()


def written(folder: Path, code: str = CODE) -> Path:
    path = folder / "module.py"
    path.write_text(code)
    return path


def test_what_is_read_of_a_file_stays_the_same_from_version_to_version(caches, tmp_path):
    """Another digest makes all results anew, and what was kept must not be read: raise `FORM`."""
    assert FORM == 2
    assert syntax_of(written(tmp_path)) == Syntax(("os", "os.path"), DIGEST)


def test_what_python_3_12_puts_into_texts_makes_no_difference(tmp_path):
    """It ends a format that ends with a value by an empty text, as no other version does."""
    trees = [ast.parse(CODE), ast.parse(CODE)]
    (format_,) = (
        node.format_spec
        for node in ast.walk(trees[1])
        if isinstance(node, ast.FormattedValue)
        if node.format_spec
    )
    format_.values.append(ast.Constant(""))
    described: list[list[str]] = [[], []]
    for tree, parts in zip(trees, described, strict=True):
        syntax._describe(tree, parts)
    assert described[0] == described[1]


def test_the_next_process_parses_nothing_and_reads_the_same(caches, tmp_path, monkeypatch):
    first = syntax_of(written(tmp_path))
    keep()
    another_process()
    monkeypatch.setattr(syntax, "_parsed", None)
    assert syntax_of(written(tmp_path)) == first


def test_what_is_kept_is_of_a_content_and_not_of_a_path(caches, tmp_path):
    first = syntax_of(written(tmp_path))
    keep()
    another_process()
    edited = syntax_of(written(tmp_path, CODE.replace("// 2", "// 3")))
    assert edited.digest != first.digest
    assert syntax_of(written(tmp_path, CODE + "# more\n")).digest == first.digest


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": ["d"]}', "\udcff"])
def test_a_damaged_file_is_made_again(caches, tmp_path, content):
    first = syntax_of(written(tmp_path))
    another_process()
    caches.parent.mkdir(parents=True, exist_ok=True)
    caches.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert syntax_of(written(tmp_path)) == first
    keep()
    assert list(json.loads(caches.read_text()).values())[-1][0] == first.digest


def test_a_folder_that_nobody_can_write_costs_no_more_than_time(caches, tmp_path):
    caches.parent.parent.write_text("a file where the folder should be")
    first = syntax_of(written(tmp_path))
    keep()
    another_process()
    assert syntax_of(written(tmp_path)) == first


def test_old_versions_of_files_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(syntax, "MOST", 3)
    kept = Kept(tmp_path / "kept.json")
    for number in range(5):
        kept.add(str(number), Syntax((), "d"))
    kept.write()
    assert Kept(kept.path).entries.keys() == {"2", "3", "4"}
