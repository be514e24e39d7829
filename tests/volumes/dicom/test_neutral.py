"""While files are read they are called by numbers."""

from __future__ import annotations

import pytest

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.neutral import neutral_names
from slicewise.volumes.read import read_sources
from tests.volumes.dicom.archived import write_study


def test_messages_name_the_case_and_a_number(tmp_path, write_series):
    uid = write_study(tmp_path / "Grete", write_series, "ID-A")
    images = sorted((tmp_path / "Grete" / f"{uid}.images").iterdir())
    images[2].write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 9)
    masks = [tmp_path / "Grete" / "1M"]
    with neutral_names("p7", images, masks) as (linked, linked_masks):
        assert [path.read_bytes() for path in linked] == [path.read_bytes() for path in images]
        assert [path.name for path in linked_masks] == ["00001.dcm"]
        with pytest.raises(SlicewiseError) as caught:
            read_sources(linked)
    message = str(caught.value)
    assert "p7/image: 00003.dcm is cut short or damaged" in message
    assert "Grete" not in message
    assert not linked[0].exists()
    assert images[0].exists()


def test_files_of_no_case_keep_their_names(tmp_path):
    with neutral_names("", [tmp_path / "a"], [tmp_path / "b"]) as given:
        assert given == ([tmp_path / "a"], [tmp_path / "b"])
