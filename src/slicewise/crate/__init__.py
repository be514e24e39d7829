"""A published result as one file: an RO-Crate, by which anybody can make it again."""

from slicewise.crate.archive import CRATE, Archive, open_crate
from slicewise.crate.contents import Contents, read_contents
from slicewise.crate.writing import Wanted, gather_crate, questions_of, write_crate

__all__ = [
    "CRATE",
    "Archive",
    "Contents",
    "Wanted",
    "gather_crate",
    "open_crate",
    "questions_of",
    "read_contents",
    "write_crate",
]
