"""Time that `slicewise init` takes for a folder of many cases.

python benchmarks/init.py [--cases 2000] [--layout pairs nnunet bids folders]

All cases are hard links to one CT of 512 x 512 x 129 and its mask, as large as real ones, with the
names of several layouts. Seconds are those of the clock and of processors: of a busy machine only
the latter are to be trusted; reading voxels ends after 30 s of the clock, whatever was read.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from extract import synthetic
from scale import measured

NAMES = {
    "pairs": ("images/case_{:05d}.nii.gz", "masks/case_{:05d}.nii.gz"),
    "nnunet": ("imagesTr/case_{:05d}_0000.nii.gz", "labelsTr/case_{:05d}.nii.gz"),
    "bids": (
        "sub-{0:05d}/anat/sub-{0:05d}_ct.nii.gz",
        "derivatives/manual/sub-{0:05d}/anat/sub-{0:05d}_dseg.nii.gz",
    ),
    "folders": ("p{:05d}/ct.nii.gz", "p{:05d}/liver.nii.gz"),
}


def link(root: Path, names: tuple[str, str], files: tuple[Path, Path], cases: int) -> None:
    """Lay out so many cases of the same two files."""
    for number in range(cases):
        for name, file in zip(names, files, strict=True):
            place = root / name.format(number)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.hardlink_to(file)


def main() -> None:
    """Time each layout and print a line of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--layout", nargs="+", choices=list(NAMES), default=list(NAMES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        files = synthetic(top)
        for layout in options.layout:
            root = top / layout
            link(root, NAMES[layout], files, options.cases)
            program = str(Path(sys.executable).parent / "slicewise")
            command = [program, "init", str(root), "--yes"]
            said, took = measured(command, top)
            found = next(line for line in said.splitlines() if "layout" in line)
            print(
                layout, f"{took['s']} s, {took['cpu_s']} s of processors", found.strip(), sep="; "
            )


if __name__ == "__main__":
    main()
