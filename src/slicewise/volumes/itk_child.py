"""Reads images with ITK, in a process of its own: a program that `slicewise.volumes.itk` starts.

Requests come as lines of JSON on standard input; an answer is a line of JSON
and then the voxels. It ends with its input.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

import SimpleITK as sitk

ROOM = 1 << 30
"""Bytes that a library may take beside the voxels."""


def main() -> None:
    """Answer requests until there are no more."""
    # Ctrl-C reaches all processes of a terminal; who asks decides what becomes of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between
    for line in sys.stdin.buffer:
        _answer(json.loads(line), answers)


def _answer(request: dict[str, Any], answers: BinaryIO) -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM + 3 * request["promised"]
    if limits[1] != resource.RLIM_INFINITY:
        most = min(most, limits[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    try:
        image = sitk.ReadImage(request["path"], imageIO=request["reader"])
        told = _told(image)
        voxels = sitk.GetArrayViewFromImage(image)
        told |= {"shape": voxels.shape, "dtype": voxels.dtype.str}
    except Exception as error:
        # its text may quote the file, and is for nobody
        told = {"error": type(error).__name__}
        voxels = None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    answers.write(json.dumps(told).encode() + b"\n")
    if voxels is not None:
        answers.write(memoryview(voxels).cast("B"))
    answers.flush()


def _told(image: sitk.Image) -> dict[str, Any]:
    metadata = {}
    for key in image.GetMetaDataKeys():
        try:
            metadata[key] = image.GetMetaData(key)
        except UnicodeError:
            continue
    return {
        "components": image.GetNumberOfComponentsPerPixel(),
        "direction": image.GetDirection(),
        "spacing": image.GetSpacing(),
        "origin": image.GetOrigin(),
        "metadata": metadata,
    }


if __name__ == "__main__":
    main()
