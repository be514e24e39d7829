"""Patterns of paths: which files are images, which are masks, and whose they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

PARTS = ("patient", "case", "frame")
"""What stands in braces, in the order in which a case is named by them."""

_TOKEN = re.compile(r"\*|\{[^{}]*\}|[{}]")


@dataclass(frozen=True)
class Pattern:
    """A pattern of paths below a folder, with ``/`` between its parts.

    ``{case}``, ``{patient}`` and ``{frame}`` stand for a part of a name, as long
    as can be, and for the same one wherever they are repeated. A ``*`` stands
    for any part of a name; where there are no braces, it is the case.

    Attributes
    ----------
    text : str
        As the settings have it.

    Examples
    --------
    >>> Pattern("{patient}/{patient}_frame{frame}.nii.gz").parts_of("p1/p1_frame01.nii.gz")
    {'patient': 'p1', 'frame': '01'}
    >>> Pattern("*_orig.nii.gz").parts_of("p1_orig.nii.gz")
    {'case': 'p1'}
    """

    text: str

    def __post_init__(self) -> None:
        if self.text != self.text.strip("/") or "//" in self.text:
            raise ValueError("must be a path below the folder, without / at its start or end")
        if any(part in (".", "..") for part in self.text.split("/")):
            raise ValueError("must be a path below the folder, without . or ..")
        for token in self._tokens():
            if token in ("{", "}"):
                raise ValueError("has a brace alone; write {case}, {patient} or {frame}")
            if token != "*" and token[1:-1] not in PARTS:
                raise ValueError(f"has {token}; in braces stand case, patient or frame")
        if not self.names() and self.text.count("*") != 1:
            raise ValueError(
                "must say where the case's name is, by one * or by {case} or {patient}, as in "
                "*_orig.nii.gz or {case}/imaging.nii.gz"
            )
        if self.names() == ("frame",):
            raise ValueError("must say whose the frames are, by {case} or {patient}")

    def _tokens(self) -> list[str]:
        return _TOKEN.findall(self.text)

    def _braced(self) -> list[str]:
        return [token[1:-1] for token in self._tokens() if token != "*"]

    def names(self) -> tuple[str, ...]:
        """Return what the pattern tells of a file, each once, in the order of `PARTS`.

        A pattern of a single star without braces tells the case.
        """
        braced = self._braced()
        if not braced and self.text.count("*") == 1:
            return ("case",)
        return tuple(part for part in PARTS if part in braced)

    @property
    def in_folders(self) -> bool:
        """Whether files lie in folders of their own."""
        return "/" in self.text

    @property
    def literal(self) -> int:
        """How many characters are given: of two patterns that fit a file, more tell more."""
        return len(_TOKEN.sub("", self.text))

    @property
    def glob(self) -> str:
        """What `pathlib.Path.glob` finds no less than the files with."""
        return _TOKEN.sub("*", re.sub(r"([?\[])", r"[\1]", self.text))

    def parts_of(self, path: str) -> dict[str, str] | None:
        """Return what a path tells by the pattern; None where it does not fit.

        Parameters
        ----------
        path : str
            Below the folder, with ``/`` between its parts.
        """
        match = self._regex.fullmatch(path)
        return None if match is None else {name: match[name] for name in self.names()}

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        """Compiled once: each start of `snakemake` asks of every file of a data set."""
        braced = self._braced()
        seen = set()
        pieces = []
        at = 0
        for token in _TOKEN.finditer(self.text):
            pieces.append(re.escape(self.text[at : token.start()]))
            at = token.end()
            if token[0] == "*" and braced:
                pieces.append("[^/]*")
                continue
            name = "case" if token[0] == "*" else token[0][1:-1]
            pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>[^/]*)")
            seen.add(name)
        return re.compile("".join([*pieces, re.escape(self.text[at:])]))
