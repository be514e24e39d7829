"""Telling formats by name, without the libraries that read them: they load slowly."""

from __future__ import annotations

from pathlib import Path

NIFTI_SUFFIXES = (".nii", ".nii.gz")


def is_nifti(path: str | Path) -> bool:
    """Tell by its name whether a file is NIfTI."""
    return Path(path).name.lower().endswith(NIFTI_SUFFIXES)
