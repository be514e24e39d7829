"""Telling formats by name, without the libraries that read them: they load slowly."""

from __future__ import annotations

from pathlib import Path, PurePath

NIFTI_SUFFIXES = (".nii", ".nii.gz")
DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}


def is_nifti(path: str | Path) -> bool:
    """Tell by its name whether a file is NIfTI."""
    return Path(path).name.lower().endswith(NIFTI_SUFFIXES)


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM, or a folder or zip that may hold such.

    By its name, or, as scanners give files none that says so, by its start.
    """
    if path.is_dir() or path.suffix.lower() in {".zip", *DICOM_SUFFIXES}:
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


LITTER = {
    ".ds_store",
    "._.ds_store",
    ".trashes",
    ".spotlight-v100",
    ".fseventsd",
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
    "@eadir",
    "#recycle",
    "#snapshot",
    ".directory",
    "lost+found",
}
"""What file managers, servers and archivers leave in folders, in lower case."""


def is_litter(name: str | PurePath) -> bool:
    """Tell by its relative path whether a file was put there by nobody.

    Such as macOS' ``._p01_orig.nii.gz``, which matches whatever the image's
    name matches and holds what a file system without forks has no room for.
    """
    return any(part.startswith("._") or part.lower() in LITTER for part in PurePath(name).parts)
