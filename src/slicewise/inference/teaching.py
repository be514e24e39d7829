"""What models say of training cases, kept for a network that learns from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slicewise.config import Content, Recipe
from slicewise.dataset.case_record import (
    CaseRecord,
    case_record_of,
    check_read,
    read_case_records,
)
from slicewise.files import digest, sweep
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.predict import mixed
from slicewise.slices.suits import check_sized
from slicewise.slices.taught import Taught, TaughtFolder, cut_taught, kept_taught
from slicewise.sources import sources_digest
from slicewise.volumes.channels import read_channel_images, together
from slicewise.volumes.volume import Volume


@dataclass(frozen=True)
class Lesson:
    """Who tells of cases, and how that is kept.

    Attributes
    ----------
    teacher : Ensemble
        Models and how much they count, maybe a single one.
    says : str
        Digest of all that its probabilities follow from.
    content : Content
        What cases hold.
    recipe : Recipe
        How they are cut for the network that learns.
    place : Path
        Where it is kept, see `taught_place`.
    """

    teacher: Ensemble
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
        When an image is not what was ingested, or has lost the size of its voxels, which the
        teacher goes by.
    """
    code = sources_digest(Path(__file__))
    known = read_case_records(case_records)
    said = {}
    for case, image in zip(cases, map(Path, images), strict=True):
        record = case_record_of(known, case, ", ".join(case_records))
        if lesson.teacher.card.measured:
            plain = "a teacher that counts pixels, without input.context and inference.tilt"
            check_sized(record, lesson.content, "what its teacher sees follows from it", plain)
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
    found = mixed(lesson.teacher, volume, batch, str(image)).probabilities()
    volumes = [Volume(each, volume.affine) for each in found.values()]
    shape, sha256 = cut_taught(volumes, lesson.recipe, folder.array)
    return Taught(
        shape=shape, found=[*found], teacher=lesson.says, recipe=lesson.recipe, sha256=sha256
    )
