"""Where a training reads from."""

from __future__ import annotations

from pydantic import Field

from slicewise.config.block import Block


class Staging(Block):
    """Where a training reads from; changes no result and retrains nothing."""

    slices: bool = Field(
        False,
        description="Copy the slices to $TMPDIR of the training's node first, and delete them "
        "there at its end: for network file systems that are slow with many small reads.",
    )
