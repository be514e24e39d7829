"""Zip files of DICOM: opened, never extracted, and refused where no honest archiver made them."""

from __future__ import annotations

import errno
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import most_unpacked

LARGEST_ZIP = 20 * 1000**3
"""Bytes that a zip may declare to hold: more is no CT but a mistake or an attack."""


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip.

    Raises
    ------
    SlicewiseError
        When it is damaged, may not be read, or is of a kind that Python does not know.
    """
    try:
        archive = zipfile.ZipFile(path)
    except NotImplementedError as error:
        raise SlicewiseError(
            f"{path}: the zip is of a kind that Python does not know; unpack it and name the "
            "folder instead"
        ) from error
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EACCES:
            raise SlicewiseError(
                f"{path}: the zip cannot be opened ({error.strerror}); check its permissions"
            ) from error
        raise SlicewiseError(
            f"{path}: the zip is cut short or damaged; copy or download it again"
        ) from error
    with archive:
        yield archive


def safe_members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the members of a zip, or refuse one that no honest archiver makes.

    Nothing is ever extracted, but such a zip is not what the user believes it to be.

    Raises
    ------
    SlicewiseError
        When a member points outside of its folder, is a link or unpacks to
        more than a slice has, all together to more than `LARGEST_ZIP`, or the
        zip has a password.
    """
    members = archive.infolist()
    for member in members:
        name = member.filename.replace("\\", "/")
        escapes = name.startswith("/") or ".." in name.split("/") or re.match("[A-Za-z]:", name)
        if escapes or stat.S_ISLNK(member.external_attr >> 16):
            raise SlicewiseError(
                f"{path}: the zip has a member that points outside its own folder; "
                "do not trust it, get it again from its source or zip the folder anew"
            )
        if member.flag_bits & 1:
            raise SlicewiseError(
                f"{path}: the zip is protected by a password; unpack it and name the folder instead"
            )
        if member.file_size > most_unpacked(member.compress_size):
            raise SlicewiseError(
                f"{path}: the zip has a member that would unpack to {member.file_size} bytes, "
                "which no slice has; do not trust it, get it again from its source"
            )
    if sum(member.file_size for member in members) > LARGEST_ZIP:
        raise SlicewiseError(
            f"{path}: the zip would unpack to more than {LARGEST_ZIP // 1000**3} GB; "
            "unpack what is needed of it and name the folder instead"
        )
    return members
