"""What MLflow is given beyond the runs."""

from __future__ import annotations

import warnings

from pydantic import Field

from slicewise.config.block import Block

with warnings.catch_warnings():
    # pydantic warns that a model class has a method `register` (of abstract classes)
    warnings.simplefilter("ignore", UserWarning)

    class Tracking(Block):
        """What MLflow is given beyond the runs."""

        register: bool = Field(
            False,
            description="Register each scored model as slicewise-<dataset>; the best by a paired "
            "comparison on validation or out-of-fold patients is its champion.",
        )
        checkpoints: int | None = Field(
            None,
            # what was made before there was a choice stays valid
            exclude_if=lambda every: every is None,
            ge=1,
            description="Keep the model of each so many epochs in MLflow too; null: only the "
            "finished one. Each is as large as that, once below tracking/ and once in MLflow.",
        )
