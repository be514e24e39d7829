"""Reading with ITK in a child process, whose crash is a sentence here.

ITK is written in C++ and ends the process where a damaged file misleads it.
One child serves all reads of a process, so that its start (half a second) is
paid once a job. It is a program of its own and no fork, because TensorFlow's
threads do not survive a fork.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from slicewise.errors import SlicewiseError
from slicewise.volumes import itk_child

PATIENCE = 60
"""Seconds for any read, and one more for each `SLOW` bytes of voxels."""
SLOW = 1 << 20
LONGEST_ANSWER = 1 << 24
"""Bytes of what is told of an image beside its voxels."""


class _DeadError(Exception):
    """The child is gone, or does not answer; the message says which."""


class _Child:
    """The child process, and the process that it was started by."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # no module of this folder may be taken for one of Python's: -P
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(Path(itk_child.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        if self.owner != os.getpid():
            return  # of the process that this one was forked from
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


_lock = threading.Lock()
_children: list[_Child] = []


def read_image(path: Path, reader: str, promised: int) -> sitk.Image:
    """Read an image with one of ITK's readers.

    Parameters
    ----------
    path : Path
        The file.
    reader : str
        Such as ``NrrdImageIO``.
    promised : int
        Bytes that the voxels take by what the header says. Three times that,
        and 1 GB, is what the reader may take.

    Returns
    -------
    SimpleITK.Image
        With its metadata.

    Raises
    ------
    RuntimeError
        When the reader refuses the file.
    SlicewiseError
        When the reader crashes, or is not done in any sensible time.
    """
    request = {"path": str(path.absolute()), "reader": reader, "promised": promised}
    until = time.monotonic() + PATIENCE + promised / SLOW
    with _lock:
        try:
            return _ask(_child(), request, until)
        except _DeadError as error:
            how = str(error)
            _end()
        except RuntimeError:
            raise
        except BaseException:
            # an answer that was read by half, for one: whoever comes next begins anew
            _end()
            raise
    raise SlicewiseError(
        f"{path}: {how}; the file is damaged, so copy it again or convert it to NIfTI"
    )


def _child() -> _Child:
    if _children and (_children[0].owner != os.getpid() or _children[0].process.poll() is not None):
        _end()
    if not _children:
        _children.append(_Child())
    return _children[0]


@atexit.register
def _end() -> None:
    while _children:
        _children.pop().close()


def _ask(child: _Child, request: dict[str, Any], until: float) -> sitk.Image:
    assert child.process.stdin is not None
    assert child.process.stdout is not None
    try:
        child.process.stdin.write(json.dumps(request).encode() + b"\n")
        child.process.stdin.flush()
    except BrokenPipeError:
        raise _dead(child) from None
    heard = b""
    source = child.process.stdout.fileno()
    while b"\n" not in heard and len(heard) < LONGEST_ANSWER:
        _wait(source, until)
        part = os.read(source, 1 << 16)
        if not part:
            raise _dead(child)
        heard += part
    line, _, begun = heard.partition(b"\n")
    told = json.loads(line)
    if "error" in told:
        raise RuntimeError(told["error"])
    array = np.empty(told["shape"], told["dtype"])
    voxels = array.reshape(-1).view(np.uint8)
    voxels[: len(begun)] = np.frombuffer(begun, np.uint8)
    at = len(begun)
    while at < len(voxels):
        _wait(source, until)
        count = os.readv(source, [voxels.data[at:]])
        if not count:
            raise _dead(child)
        at += count
    image = sitk.GetImageFromArray(array, isVector=told["components"] > 1)
    image.SetDirection(told["direction"])
    image.SetSpacing(told["spacing"])
    image.SetOrigin(told["origin"])
    for key, value in told["metadata"].items():
        # bytes that are no text come as what Python has for them, which SimpleITK does not take
        image.SetMetaData(key, value.encode("utf-8", "replace").decode())
    return image


def _wait(source: int, until: float) -> None:
    if not select.select([source], [], [], max(0.0, until - time.monotonic()))[0]:
        raise _DeadError("the reader does not come to an end with it")


def _dead(child: _Child) -> _DeadError:
    code = child.process.wait()
    with contextlib.suppress(ValueError):
        return _DeadError(f"the reader crashed on it ({signal.Signals(-code).name})")
    return _DeadError(f"the reader ended on it (status {code})")
