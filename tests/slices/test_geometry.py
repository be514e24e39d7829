"""What is known of the slices of a case, as it is stored."""

import json

import numpy as np
import pytest

from slicewise.config import Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.geometry import SliceGeometry, kept_geometry, read_geometry
from slicewise.volumes.volume import Volume


@pytest.fixture
def geometry(tmp_path) -> SliceGeometry:
    labels = np.zeros((40, 20, 5), np.uint8)
    labels[10:20, 5:15, 1:4] = 1
    image = Volume(np.where(labels, 100, -20).astype(np.int16), np.diag([-1.5, 1, 2.5, 1]))
    folder = SliceFolder.below(tmp_path, "anna")
    return extract(image, labels, ["liver"], Recipe(size=20), folder, intensity="hu")


def test_what_is_stored_is_read_again(geometry, tmp_path):
    path = tmp_path / "geometry.json"
    geometry.write(path, "these files")
    assert read_geometry(path) == geometry
    assert read_geometry(path).digest == geometry.digest
    assert kept_geometry(path, "these files") == geometry
    assert kept_geometry(path, "others") is None


def test_what_it_was_made_from_is_no_part_of_it(geometry, tmp_path):
    geometry.write(tmp_path / "a.json", "a")
    geometry.write(tmp_path / "b.json", "b")
    assert read_geometry(tmp_path / "a.json") == read_geometry(tmp_path / "b.json")


def test_it_tells_of_padding_pixels_and_the_image(geometry):
    assert geometry.padding == -1024
    assert geometry.model_copy(update={"pad": 30.0, "shift": 10.0, "scale": 4.0}).padding == 5
    assert geometry.aspect == pytest.approx(1.5)
    assert geometry.covered == (slice(0, 20), slice(5, 15))
    assert geometry.voxels("liver") == 300
    assert geometry.voxels("spleen") == 0
    assert geometry.frame.array.shape == (40, 20, 5)
    np.testing.assert_array_equal(geometry.frame.affine, np.diag([-1.5, 1, 2.5, 1]))


@pytest.mark.parametrize(
    "change", [{"counts": [[1]]}, {"counts": [[1, 2]] * 5}, {"scale": 0.0}, {"labels": []}]
)
def test_what_does_not_fit_itself_is_refused(geometry, tmp_path, change):
    path = tmp_path / "case" / "geometry.json"
    path.parent.mkdir()
    path.write_text(json.dumps(geometry.model_dump() | change))
    with pytest.raises(SlicewiseError, match=r"geometry\.json: the file is damaged"):
        read_geometry(path)


def test_what_is_undrawn_is_counted_only_where_it_can_be(geometry, tmp_path):
    assert geometry.undrawn is None
    assert "undrawn" not in geometry.dump()
    assert geometry.drawn == [True] * 5
    counted = geometry.model_copy(update={"undrawn": [0, 10, 200, 199, 0]})
    # the volume covers 20 rows of 10 pixels
    assert counted.drawn == [True, True, False, True, True]
    assert counted.digest != geometry.digest
    counted.write(tmp_path / "geometry.json")
    assert read_geometry(tmp_path / "geometry.json") == counted
    short = counted.model_copy(update={"undrawn": [0]})
    place = tmp_path / "case" / "geometry.json"
    place.parent.mkdir()
    short.write(place)
    with pytest.raises(SlicewiseError, match="does not count what is undrawn in each slice"):
        read_geometry(place)
