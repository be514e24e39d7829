"""New scans of which nobody has drawn anything: what `snakemake segment` makes masks of."""

from __future__ import annotations

from pydantic import Field

from slicewise.config.block import Block, Name


class Segment(Block):
    """New scans, without ground truth, that `snakemake segment` makes masks of."""

    scans: str = Field(
        min_length=1,
        description="A folder (searched to any depth), a file, a zip of DICOM, or a table with the "
        "column `image` and, if wanted, `scan`; relative to the folder that `snakemake` runs in.",
    )
    experiment: Name = Field(description="Whose models segment: all folds together.")
    offset: int = Field(
        0, description="Added to all voxels of these scans: -1024 for CT stored with 1024 added."
    )
