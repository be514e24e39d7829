"""Telling formats by name, without the libraries that read them: they load slowly."""

from __future__ import annotations

from pathlib import Path, PurePath

NIFTI_SUFFIXES = (".nii", ".nii.gz")


def is_nifti(path: str | Path) -> bool:
    """Tell by its name whether a file is NIfTI."""
    return Path(path).name.lower().endswith(NIFTI_SUFFIXES)


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
