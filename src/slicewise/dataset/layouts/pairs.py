"""The layout `pairs`: images and masks that patterns of their paths tell apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from slicewise.config import Dataset, Pairs
from slicewise.config.patterns import PARTS, Pattern
from slicewise.dataset.case import Subset
from slicewise.dataset.layouts.channels import with_channels
from slicewise.dataset.layouts.found import (
    FoundCase,
    candidates_alone,
    files_of_series,
    is_left_aside,
    listed,
    named_below,
    of_frame,
    paired,
)
from slicewise.dataset.looks import looks_like
from slicewise.errors import SlicewiseError
from slicewise.volumes.companions import whole_volume

Files = dict[str, list[Path]]
"""Files by the name of the case that they are of."""


@dataclass(frozen=True)
class _Fitting:
    """A file that fits a pattern, and what its path tells by it."""

    path: Path
    parts: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the case is called: what its path tells, where each part adds to the one before."""
        name = ""
        for value in (self.parts[part] for part in PARTS if part in self.parts):
            # patient001 and patient001_frame01 are called by the latter
            name = value if value.startswith(name) else f"{name}_{value}"
        return name


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the cases of one folder, or of a training and a test folder."""
    pairs = dataset.pairs or Pairs()
    folders: list[tuple[str | None, Subset]] = [(pairs.train, "train")]
    if pairs.test is None:
        folders = [(pairs.train, None)]
    else:
        folders.append((pairs.test, "test"))
    cases = []
    for folder, subset in folders:
        place = root / (folder or "")
        if not place.is_dir():
            raise SlicewiseError(
                f"{place}: this folder is missing; make it, or set dataset.pairs.train and "
                f"dataset.pairs.test; {looks_like(root)}"
            )
        found = _cases_of(place, pairs, subset, dataset)
        if subset == "test" and not found:
            raise SlicewiseError(
                f"{place}: no case found in the test folder, so nobody would be tested on; correct "
                "the names of its files or dataset.pairs, or set dataset.pairs.test to null, and "
                "the split is drawn"
            )
        cases += found
    return cases


def _cases_of(place: Path, pairs: Pairs, subset: Subset, dataset: Dataset) -> list[FoundCase]:
    """Pair the images of a folder with their masks."""
    exclude = dataset.exclude
    of_masks = [(label, p) for label, several in pairs.mask_patterns.items() for p in several]
    of_images = pairs.image_patterns(dataset.channels)
    fitting = _fitting(place, [*of_images.values(), *(pattern for _, pattern in of_masks)])
    images = fitting[of_images[None]] if None in of_images else []
    by_channel: dict[str, dict[str, list[Path]]] = {}
    if None not in of_images:
        by_channel, images = _of_channels(fitting, of_images)
    if pairs.takes_frames:
        images = _frames(images, [mask for _, pattern in of_masks for mask in fitting[pattern]])
    by_name: Files = defaultdict(list)
    of_image = {}
    for image in images:
        by_name[image.name].append(image.path)
        of_image[image.name] = image
    structures = [
        (str(label), pattern, _of_cases(images, fitting[pattern], pattern))
        for label, pattern in of_masks
    ]
    if pairs.masks is None:
        ((_, _, masks),) = structures
        cases = paired(by_name, masks, subset, exclude)
    else:
        cases = _of_structures(by_name, structures, subset, exclude)
    cases = [_whole(case, place, of_image[case.name], pairs) for case in cases]
    if by_channel:
        return [with_channels(case, by_channel[case.name], dataset) for case in cases]
    return cases


def _of_channels(
    fitting: Mapping[Pattern, list[_Fitting]], patterns: Mapping[str | None, Pattern]
) -> tuple[dict[str, dict[str, list[Path]]], list[_Fitting]]:
    """Return the files of each channel by case, and one that stands for each case."""
    by_channel: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    images: dict[str, _Fitting] = {}
    for channel, pattern in patterns.items():
        for image in fitting[pattern]:
            by_channel[image.name][str(channel)].append(image.path)
            images.setdefault(image.name, image)
    return by_channel, list(images.values())


def _frames(images: list[_Fitting], masks: list[_Fitting]) -> list[_Fitting]:
    """Return each 4-D image once for each frame that a mask was drawn on."""
    several = []
    for image in images:
        own = [mask.parts for mask in masks if image.parts.items() >= _others(mask).items()]
        drawn = sorted({parts["frame"] for parts in own})
        frames = [_Fitting(image.path, {**image.parts, "frame": frame}) for frame in drawn]
        # one without any is refused as an image without a mask
        several += frames or [image]
    return several


def _others(file: _Fitting) -> dict[str, str]:
    return {part: value for part, value in file.parts.items() if part != "frame"}


def _frame(image: _Fitting, pairs: Pairs) -> int | None:
    """Return which frame of a 4-D image is meant, from 0."""
    if not pairs.takes_frames or "frame" not in image.parts:
        return None
    written = image.parts["frame"]
    first = pairs.first_frame or 0
    if not (written.isascii() and written.isdecimal()) or int(written) < first:
        raise SlicewiseError(
            f"case {image.name}: its frame is {written!r} by dataset.pairs.mask, where a number "
            f"from {first} (dataset.pairs.first_frame) is needed; correct the pattern or the "
            "setting, or name the frames in a table (layout: table)"
        )
    return int(written) - first


def _whole(case: FoundCase, place: Path, image: _Fitting, pairs: Pairs) -> FoundCase:
    """Add what belongs to a pair: the files of a series, their paths, frame and patient."""
    frame = _frame(image, pairs)
    mask = case.mask
    if mask and not case.structures:
        mask = files_of_series(mask[0])
    shown = {"image": case.image[0]}
    if case.mask:
        shown["mask"] = case.mask[0]
    return replace(
        case,
        image=files_of_series(case.image[0]),
        mask=mask,
        patient=image.parts.get("patient"),
        named=of_frame(named_below(place, shown), shown, frame),
        frame=frame,
        without_frame=_Fitting(image.path, _others(image)).name,
    )


def _fitting(place: Path, patterns: list[Pattern]) -> dict[Pattern, list[_Fitting]]:
    """Return the files that fit each pattern, and no other that says more of them.

    `*.mhd` fits the masks `*_segmentation.mhd`, too.
    """
    fitting: dict[Pattern, list[_Fitting]] = {pattern: [] for pattern in patterns}
    taken = set()
    for pattern in sorted(fitting, key=lambda pattern: -pattern.literal):
        for path in sorted(place.glob(pattern.glob)):
            parts = pattern.parts_of(path.relative_to(place).as_posix())
            if parts is not None and path not in taken and not is_left_aside(path):
                fitting[pattern].append(_Fitting(path, parts))
        taken |= {one.path for one in fitting[pattern]}
    return fitting


def _of_cases(images: list[_Fitting], masks: list[_Fitting], pattern: Pattern) -> Files:
    """Say of which case each mask is, by what both paths tell; of those of no case, by its path."""
    told = pattern.names()
    by_told: dict[tuple[str, ...], list[str]] = defaultdict(list)
    # of a 4-D image without any mask no frame is known
    for image in (image for image in images if all(part in image.parts for part in told)):
        by_told[tuple(image.parts[part] for part in told)].append(image.name)
    of_cases: Files = defaultdict(list)
    for mask in masks:
        names = sorted(set(by_told.get(tuple(mask.parts[part] for part in told), [])))
        if len(names) > 1:
            raise SlicewiseError(
                f"{mask.path}: by the pattern {pattern.text} this would be the mask of the cases "
                f"{listed(names)}; let the pattern tell them apart as the image's does, or name "
                "the files in a table (layout: table)"
            )
        of_cases[names[0] if names else str(mask.path)].append(mask.path)
    return of_cases


def _of_structures(
    images: Files,
    structures: list[tuple[str, Pattern, Files]],
    subset: Subset,
    exclude: Collection[str],
) -> list[FoundCase]:
    """Give each image the files of all labels."""
    masks: Files = {}
    for _, _, files in structures:
        candidates_alone(files)
        masks |= files
    cases = []
    for case in paired(images, masks, subset, exclude):
        if case.name in exclude or case.lacks:
            cases.append(case)
            continue
        of_labels = []
        paths: tuple[Path, ...] = ()
        for label, pattern, files in structures:
            if case.name not in files:
                lacks = (
                    f"case {case.name}: it has no mask of the label {label} (pattern "
                    f"{pattern.text}); add the file, an empty mask if there is none of it, or "
                    "exclude the case"
                )
                case = replace(case, mask=(), lacks=lacks)
                break
            volume = _volume(files[case.name][0])
            of_labels.append((label, len(volume)))
            paths += volume
        else:
            case = replace(case, mask=paths, structures=tuple(of_labels))
        cases.append(case)
    return cases


def _volume(path: Path) -> tuple[Path, ...]:
    """Return the files of a mask: those of a series, or a file and what belongs to it."""
    return files_of_series(path) if path.is_dir() else whole_volume(path)
