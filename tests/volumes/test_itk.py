"""ITK reads in a child; what becomes of that never becomes of us."""

import os
import signal

import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.errors import SlicewiseError
from slicewise.volumes import itk, itk_child


@pytest.fixture
def stored(tmp_path):
    array = np.random.default_rng(1).normal(size=(3, 4, 5)).astype(np.float32)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1, 2, 3))
    image.SetOrigin((-5, 0, 7.5))
    image.SetMetaData("note", "ä value")
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    return tmp_path / "a.nrrd", image


def test_an_image_is_what_itk_reads_here(stored):
    path, image = stored
    for _ in range(2):
        found = itk.read_image(path, "NrrdImageIO", 240)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(image))
        for what in ("GetSpacing", "GetOrigin", "GetDirection", "GetPixelID"):
            assert getattr(found, what)() == getattr(image, what)()
        assert found.GetMetaData("note") == image.GetMetaData("note")


def test_one_with_several_numbers_a_voxel_stays_so(tmp_path):
    array = np.arange(3 * 4 * 5 * 2, dtype=np.uint8).reshape(3, 4, 5, 2)
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=True), str(tmp_path / "a.mha"))
    found = itk.read_image(tmp_path / "a.mha", "MetaImageIO", array.size)
    assert found.GetNumberOfComponentsPerPixel() == 2
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), array)


def test_what_the_reader_refuses_is_an_error_and_the_child_goes_on(tmp_path, stored):
    (tmp_path / "b.nrrd").write_bytes(b"no")
    with pytest.raises(RuntimeError):
        itk.read_image(tmp_path / "b.nrrd", "NrrdImageIO", 1)
    before = itk._children[0].process.pid
    itk.read_image(stored[0], "NrrdImageIO", 240)
    assert itk._children[0].process.pid == before


def test_a_crash_is_a_sentence_and_the_next_file_is_read(monkeypatch, tmp_path, stored):
    lethal = tmp_path / "child.py"
    lethal.write_text("import os, sys\nsys.stdin.readline()\nos.kill(os.getpid(), 11)\n")
    itk._end()
    with monkeypatch.context() as changed:
        changed.setattr(itk_child, "__file__", str(lethal))
        with pytest.raises(SlicewiseError, match=r"a\.nrrd: the reader crashed on it \(SIGSEGV\)"):
            itk.read_image(stored[0], "NrrdImageIO", 240)
    assert itk.read_image(stored[0], "NrrdImageIO", 240).GetSize() == (5, 4, 3)


def test_a_hang_is_a_sentence(monkeypatch, tmp_path, stored):
    slow = tmp_path / "child.py"
    slow.write_text("import time\ntime.sleep(600)\n")
    itk._end()
    with monkeypatch.context() as changed:
        changed.setattr(itk_child, "__file__", str(slow))
        changed.setattr(itk, "PATIENCE", 0.2)
        with pytest.raises(SlicewiseError, match=r"a\.nrrd: the reader does not come to an end"):
            itk.read_image(stored[0], "NrrdImageIO", 240)
    assert itk._children == []


def test_a_fork_has_a_child_of_its_own(stored):
    itk.read_image(stored[0], "NrrdImageIO", 240)
    ours = itk._children[0].process.pid
    fork = os.fork()
    if fork == 0:
        try:
            itk.read_image(stored[0], "NrrdImageIO", 240)
            theirs = itk._children[0].process
            theirs.send_signal(signal.SIGKILL)
            os._exit(0 if theirs.pid != ours else 2)
        finally:
            os._exit(1)
    assert os.waitpid(fork, 0)[1] == 0
    assert itk.read_image(stored[0], "NrrdImageIO", 240).GetSize() == (5, 4, 3)
    assert itk._children[0].process.pid == ours
