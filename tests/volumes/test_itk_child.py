"""The child answers each request in a line of JSON and the voxels, and ends with its input."""

import json
import subprocess
import sys

import numpy as np
import SimpleITK as sitk

from slicewise.volumes import itk_child


def asked(*requests) -> tuple[bytes, int]:
    """What the child answers, and how it ends."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(
        [sys.executable, "-P", itk_child.__file__],
        input=lines.encode(),
        capture_output=True,
        timeout=60,
    )
    return done.stdout, done.returncode


def test_an_image_and_a_refusal_are_answered_in_turn(tmp_path):
    voxels = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((1, 2, 3))
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    (tmp_path / "b.nrrd").write_bytes(b"NRRD0004\ngarbage\n\n")
    requests = [
        {"path": str(tmp_path / name), "reader": "NrrdImageIO", "promised": 1 << 20}
        for name in ("a.nrrd", "b.nrrd", "a.nrrd")
    ]
    answer, code = asked(*requests)
    assert code == 0
    for refused in (False, True, False):
        line, _, answer = answer.partition(b"\n")
        told = json.loads(line)
        if refused:
            # the name of the fault alone: its text may quote the file
            assert told == {"error": "RuntimeError"}
            continue
        assert told["shape"] == [4, 3, 2]
        assert told["spacing"] == [0.7, 0.8, 2.5]
        assert told["origin"] == [1, 2, 3]
        assert told["components"] == 1
        assert answer[: voxels.nbytes] == voxels.tobytes()
        answer = answer[voxels.nbytes :]
    assert answer == b""


def test_a_reader_may_not_fill_the_memory(tmp_path):
    # a header that promises far more than the request allows
    (tmp_path / "a.mha").write_bytes(
        b"NDims = 3\nDimSize = 2000 2000 1000\nElementType = MET_USHORT\nElementDataFile = LOCAL\n"
    )
    answer, code = asked(
        {"path": str(tmp_path / "a.mha"), "reader": "MetaImageIO", "promised": 1 << 10}
    )
    assert code == 0
    assert "error" in json.loads(answer)


def test_it_ends_with_its_input():
    assert asked() == (b"", 0)
