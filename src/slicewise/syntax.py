"""What a Python file imports and what it does, by its syntax tree; kept for the next process."""

from __future__ import annotations

import ast
import functools
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError
from slicewise.files import keep_json, read_json

FORM = 2
"""To be raised whenever what is kept of a file changes: what was kept before is then not read."""
MOST = 4000
"""How many files are kept: some versions of the library."""


@dataclass(frozen=True)
class Syntax:
    """What a Python file imports, by dotted names, and the digest of its syntax tree."""

    imports: tuple[str, ...]
    digest: str


def syntax_of(path: Path) -> Syntax:
    """Return what a Python file imports and the digest of what it does.

    Comments, docstrings, blank lines and how lines are broken change nothing of
    either. Each content is parsed once: what was read of it is kept in the
    user's folder of caches under the SHA-256 of the content, as parsing the
    library takes a good part of the time in which `snakemake` starts.

    Parameters
    ----------
    path : Path
        A Python file.

    Raises
    ------
    SlicewiseError
        When the file is no Python, or has a relative import.
    """
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=MOST)
def _read(path: Path, changed_ns: int, size: int) -> Syntax:
    content = path.read_bytes()
    key = hashlib.sha256(content).hexdigest()
    kept = _kept()
    if key not in kept.entries:
        kept.add(key, _parsed(path, content))
    return kept.entries[key]


class Kept:
    """What is known of files by the SHA-256 of their contents, in one file of a user.

    Parameters
    ----------
    path : Path
        That file. Where it cannot be read, or cannot be written, files are parsed again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, Syntax] = {}
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            for key, (digest, imports) in read_json(path).items():
                self.entries[key] = Syntax(tuple(map(str, imports)), str(digest))
        self._unwritten = 0

    def add(self, key: str, syntax: Syntax) -> None:
        """Keep what was read of a file; `write` stores it."""
        self.entries[key] = syntax
        self._unwritten += 1

    def write(self) -> None:
        """Store what is new, if anything is; of others' news, the last to write wins."""
        if not self._unwritten:
            return
        self._unwritten = 0
        latest = list(self.entries.items())[-MOST:]
        keep_json(self.path, {key: [one.digest, one.imports] for key, one in latest})


@functools.cache
def _kept() -> Kept:
    caches = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
    return Kept(Path(caches) / "slicewise" / f"syntax-{FORM}.json")


def keep() -> None:
    """Store what was parsed since for the next process."""
    _kept().write()


def _parsed(path: Path, content: bytes) -> Syntax:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        raise SlicewiseError(f"{path}: not valid Python ({error}); mend it") from error
    parts: list[str] = []
    _describe(tree, parts)
    text = "".join(f"{part}\0" for part in parts)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Syntax(tuple(dict.fromkeys(_imports(tree, path))), digest)


def _imports(tree: ast.Module, path: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise SlicewiseError(
                    f"{path}: line {node.lineno} is a relative import, which nobody follows; "
                    "write the whole name of the module"
                )
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _describe(node: ast.AST, parts: list[str]) -> None:
    """Append the parts of a syntax tree, without texts that stand alone: they only explain.

    Empty fields are left out, as each version of Python adds some, so that a
    digest does not depend on it.
    """
    parts.append(type(node).__name__)
    for name in node._fields:
        value = getattr(node, name, None)
        if value is None:
            continue
        for part in value if isinstance(value, list) else [value]:
            if _explains(part) or _is_filler(node, part):
                continue
            parts.append(name)
            if isinstance(part, ast.AST):
                _describe(part, parts)
            else:
                parts.append(f"{type(part).__name__} {part!r}")
    parts.append(".")


def _explains(node: Any) -> bool:
    """Tell whether a node is a text that stands alone, such as a docstring."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)


def _is_filler(node: ast.AST, part: Any) -> bool:
    """Tell whether a part is the empty text that Python 3.12 puts into some f-strings."""
    return isinstance(node, ast.JoinedStr) and isinstance(part, ast.Constant) and not part.value
