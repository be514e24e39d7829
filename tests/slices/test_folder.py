"""Where the slices of a case lie."""

from pathlib import Path

from slicewise.slices.folder import SliceFolder


def test_the_files_of_a_case_lie_in_a_folder_of_its_name():
    folder = SliceFolder.below(Path("slices/r"), "p1")
    assert folder == SliceFolder(
        "p1",
        Path("slices/r/p1/image.npy"),
        Path("slices/r/p1/mask.npy"),
        Path("slices/r/p1/geometry.json"),
    )


def test_a_folder_is_there_with_all_of_its_files(tmp_path):
    folder = SliceFolder.below(tmp_path, "p1")
    folder.image.parent.mkdir()
    for path in (folder.image, folder.mask, folder.geometry):
        assert not folder.is_there
        path.touch()
    assert folder.is_there
