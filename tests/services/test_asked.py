"""What a scan that somebody sent becomes."""

from __future__ import annotations

import errno

import pytest

from slicewise.errors import PassingError, SlicewiseError
from slicewise.segmenting.models import choose
from slicewise.services import asked as module
from slicewise.services.asked import ENDINGS, Asked, answer, ending_of
from tests.segmenting.made import ct, stored
from tests.services.test_http import light, model

__all__ = ["light", "model"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_kind_of_a_file_is_its_ending(ending):
    assert ending_of(f"Muster^Maria{ending.upper()}") == ending


@pytest.mark.parametrize(
    "name", ["", "ct", "ct.dcm", "ct.mhd", "ct.nhdr", "ct.hdr", "../x", "ct.nii.gz/"]
)
def test_other_names_are_refused(name):
    with pytest.raises(SlicewiseError, match="a DICOM series is sent as one zip"):
        ending_of(name)


def test_too_little_memory_is_told_as_what_may_pass(light, tmp_path, monkeypatch):
    path = stored(tmp_path / "scan.nii.gz", ct(3, 1))

    def without_memory(*given: object) -> None:
        raise PassingError(f"{path}: it does not fit")

    monkeypatch.setattr(module, "segment_scans", without_memory)
    with pytest.raises(PassingError, match=r"^scan\.nii\.gz: it does not fit"):
        answer(path, Asked(choose(str(light))), "mask", print)


def test_a_full_disk_is_no_fault_of_the_scan(light, tmp_path, monkeypatch):
    path = stored(tmp_path / "scan.nii.gz", ct(3, 1))

    def without_room(*given: object) -> None:
        raise SlicewiseError(f"{path}: no space left") from OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(module, "segment_scans", without_room)
    with pytest.raises(PassingError, match="no space left"):
        answer(path, Asked(choose(str(light))), "mask", print)
