"""What models say of training cases, kept for a network that learns from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slicewise.config import Content, Recipe
from slicewise.dataset.case_record import (
    CaseRecord,
    case_record_of,
    check_read,
    read_case_records,
)
from slicewise.files import digest, sweep
from slicewise.inference.predict import assembled
from slicewise.network.card import Predictor
from slicewise.slices.taught import Taught, TaughtFolder, cut_taught, kept_taught
from slicewise.sources import sources_digest
from slicewise.volumes.channels import read_channel_images, together
from slicewise.volumes.volume import Volume


@dataclass(frozen=True)
class Member:
    """Models whose slices are averaged, and how much they count among others.

    Attributes
    ----------
    models : sequence of Predictor
        Of one recipe, such as folds of an experiment.
    weight : float
        By which their probabilities count on the grid of the volume.
    """

    models: Sequence[Predictor]
    weight: float = 1.0


def probabilities_of(
    members: Sequence[Member], image: Volume, batch: int = 8
) -> dict[str, np.ndarray]:
    """Return the weighted mean of what models say, on the grid of a volume.

    Parameters
    ----------
    members : sequence of Member
        Of the same labels or regions, of any recipes.
    image : Volume
        As a model is shown it; several channels along the fourth axis.
    batch : int
        Slices at a time.

    Returns
    -------
    dict of str to ndarray of float32
        By label or region.
    """
    total = np.float32(sum(member.weight for member in members))
    mean: dict[str, np.ndarray] = {}
    for member in members:
        share = np.float32(member.weight) / total
        said = assembled(member.models, image, batch, keep=True).probabilities()
        for name, probability in said.items():
            part = probability if share == 1 else probability * share
            mean[name] = mean[name] + part if name in mean else part
    return mean


@dataclass(frozen=True)
class Lesson:
    """Who tells of cases, and how that is kept.

    Attributes
    ----------
    members : sequence of Member
        The teacher.
    says : str
        Digest of all that its probabilities follow from.
    content : Content
        What cases hold.
    recipe : Recipe
        How they are cut for the network that learns.
    place : Path
        Where it is kept, see `taught_place`.
    """

    members: Sequence[Member]
    says: str
    content: Content
    recipe: Recipe
    place: Path

    def read(self, path: Path) -> Volume:
        """Return an image as models are shown it, on the grid that its slices are cut from."""
        channels = read_channel_images(path, self.content)
        if self.content.channels is None:
            return channels[0]
        return replace(channels[0], array=together([each.array for each in channels]))


def teach_cases(
    cases: Sequence[str],
    lesson: Lesson,
    *,
    case_records: Sequence[str],
    images: Sequence[str],
    batch: int,
    log: Callable[[str], object],
) -> dict[str, str]:
    """Ask a teacher about cases, unless it was asked already, and keep what it says.

    Parameters
    ----------
    cases : sequence of str
        Names.
    lesson : Lesson
        Who tells of them, and how.
    case_records : sequence of str
        Files of case records, of these cases and of others.
    images : sequence of str
        NIfTI file of each case.
    batch : int
        Slices at a time.
    log : callable
        Is told a line for each case that the teacher was asked about.

    Returns
    -------
    dict of str to str
        By case, the digest of what was said.

    Raises
    ------
    SlicewiseError
        When an image is not what was ingested.
    """
    code = sources_digest(Path(__file__))
    known = read_case_records(case_records)
    said = {}
    for case, image in zip(cases, map(Path, images), strict=True):
        record = case_record_of(known, case, ", ".join(case_records))
        told = [lesson.says, lesson.content.model_dump(), lesson.recipe.model_dump()]
        made_from = digest([record.made_from, code, *told])
        folder = TaughtFolder.below(lesson.place, case)
        taught = kept_taught(folder, made_from)
        if taught is None:
            taught = _taught(lesson, record, image, folder, batch)
            taught.write(folder.record, made_from)
            log(f"{case}: {taught.shape[0]} slices")
        # whatever it was made from, only what is there makes a training different
        said[case] = taught.sha256
    return said


def _taught(
    lesson: Lesson, record: CaseRecord, image: Path, folder: TaughtFolder, batch: int
) -> Taught:
    # last in and first out: it vouches for the array
    folder.record.unlink(missing_ok=True)
    sweep(folder.array, folder.record)
    check_read(record, "image", image)
    volume = lesson.read(image)
    found = probabilities_of(lesson.members, volume, batch)
    volumes = [Volume(each, volume.affine) for each in found.values()]
    shape, sha256 = cut_taught(volumes, lesson.recipe, folder.array)
    return Taught(
        shape=shape, found=[*found], teacher=lesson.says, recipe=lesson.recipe, sha256=sha256
    )
