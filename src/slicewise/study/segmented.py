"""New scans, which nobody has drawn anything of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from slicewise.dataset.shards import predicted_shards
from slicewise.study.part import Part


class Segmented(Part):
    """The masks of new scans."""

    @property
    def experiment(self) -> str:
        """The experiment whose models segment new scans."""
        named = self.settings.segment
        return self.settings.wanted[0] if named is None else named.experiment

    @cached_property
    def shards(self) -> dict[str, list[str]]:
        """The new scans that each job segments, by the name of their shard."""
        size = self.settings.prediction_of(self.experiment).chunk
        return predicted_shards(self.study.scans, size, alone=self.study.in_bucket)

    def masks_of(self, experiment: str, scans: Iterable[str]) -> list[str]:
        """Return the masks of new scans."""
        return [self.study.result(f"segmented/{experiment}/masks/{scan}.nii.gz") for scan in scans]

    def records(self) -> list[str]:
        """Return the files that stand for the masks of all new scans."""
        folder = self.study.result(f"segmented/{self.experiment}/_shards")
        return [f"{folder}/{shard}.json" for shard in self.shards]
