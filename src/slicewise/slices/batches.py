"""Reading slices of many cases from their files, in an order keyed by seed and epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.config import Context, MissingLabels, Recipe
from slicewise.errors import SlicewiseError
from slicewise.files import digest
from slicewise.slices.bound import cut_words, keeps_more
from slicewise.slices.context import Stack, empty, fill, fill_blocks, tell
from slicewise.slices.crops import Crop, Part, drawn, drawn_pixel, middle, pixel_of
from slicewise.slices.folder import SliceFolder
from slicewise.slices.geometry import SliceGeometry, read_geometry
from slicewise.slices.grid import Grid
from slicewise.slices.npy import StoredSlices, damaged
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)


ALONE = Context()
"""A slice without its neighbours."""


@dataclass(frozen=True)
class _Case:
    """What a set keeps of a folder."""

    image: StoredSlices
    mask: StoredSlices
    spacing: float
    padding: float
    across: int | None
    covered: tuple[slice, slice]
    crop: int | None
    content: list[Any]
    taught: StoredSlices | None = None

    @classmethod
    def of(
        cls, folder: SliceFolder, geometry: SliceGeometry, context: Context, whole: bool
    ) -> _Case:
        crop = None if whole else geometry.recipe.crop
        return cls(
            StoredSlices(folder.image, geometry.image_shape),
            StoredSlices(folder.mask, geometry.shape),
            geometry.slice_spacing,
            geometry.padding,
            geometry.grid.order[0] if context.plane else None,
            geometry.covered,
            crop,
            [
                geometry.image_sha256,
                geometry.mask_sha256,
                geometry.slice_spacing,
                geometry.pixel_spacing,
                *([] if crop is None else [crop]),
            ],
        )

    @property
    def arrays(self) -> list[StoredSlices]:
        """All that is read of it."""
        return [each for each in (self.image, self.mask, self.taught) if each is not None]

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in self.arrays)

    def fill(
        self,
        out: Sequence[np.ndarray],
        crops: Sequence[Crop],
        numbers: np.ndarray,
        context: Context,
    ) -> None:
        """Write crops of its slices with their context, see `context.fill`."""
        if self.crop is None:
            places = [one[crop.target] for one, crop in zip(out, crops, strict=True)]
            fill(places, self.stack, numbers, context)
            return
        depth = out[0].shape[-1]
        whole = np.empty((len(out), *self.mask.shape[1:], depth), np.float32)
        fill(list(whole), self.stack, numbers, context)
        for one, crop, image in zip(out, crops, whole, strict=True):
            one[crop.target] = image[crop.source]

    def fill_masks(
        self, out: Sequence[np.ndarray], crops: Sequence[Crop], numbers: np.ndarray, slices: int
    ) -> None:
        """Write crops of the masks of its slices, or of the blocks of so many that they are in."""
        if slices > 1:
            whole = np.empty((len(out), *self.mask.shape[1:], slices), np.uint8)
            fill_blocks(list(whole), self.masks, numbers, slices)
        else:
            whole = self.mask.read(numbers)
        for one, crop, mask in zip(out, crops, whole, strict=True):
            one[crop.target] = mask[crop.source]

    def fill_taught(
        self, out: Sequence[np.ndarray], crops: Sequence[Crop], numbers: np.ndarray, slices: int
    ) -> None:
        """Write crops of what a teacher says of its slices, or of their blocks of so many."""
        if self.taught is None:
            raise ValueError("no teacher said anything of these slices")
        whole = np.empty((len(out), *self.mask.shape[1:], out[0].shape[-1]), np.uint8)
        if slices > 1:
            stack = Stack(self.taught.read, self.taught.shape[0], self.spacing)
            fill_blocks(list(whole), stack, numbers, slices)
        else:
            whole[...] = np.moveaxis(self.taught.read(numbers), 1, -1)
        for one, crop, share in zip(out, crops, whole, strict=True):
            one[crop.target] = share[crop.source]

    @property
    def stack(self) -> Stack:
        """Its images, one above the other."""
        return Stack(self.image.read, self.image.shape[0], self.spacing, self.padding)

    @property
    def masks(self) -> Stack:
        """Its masks, likewise, with no label beyond them."""
        return Stack(self.mask.read, self.mask.shape[0], self.spacing)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns that are read of its slices: all, or those of a crop."""
        _, rows, columns = self.mask.shape
        return (rows, columns) if self.crop is None else (self.crop, self.crop)

    @property
    def span(self) -> Part:
        """Rows and columns that go to the middle of what is read, or that crops are cut from."""
        _, rows, columns = self.mask.shape
        return (slice(0, rows), slice(0, columns)) if self.crop is None else self.covered

    def cropped(self, size: tuple[int, int]) -> bool:
        """Whether its crops of a size leave out some of what the volume covers."""
        covered = [part.stop - part.start for part in self.covered]
        return self.crop is not None and bool(np.any(np.greater(covered, size)))

    def crops(
        self, size: tuple[int, int], corners: Iterable[Any] | None, number: int
    ) -> list[Crop]:
        """Return what is read of so many slices: crops that were drawn, or those in the middle."""
        if self.crop is None or corners is None:
            corners = [middle(self.span, size)] * number
        return [Crop.at(corner, size, self.mask.shape[1:]) for corner in corners]


class SliceSet:
    """Slices of several cases, read when asked for.

    Memory does not grow with the pixels of the slices, and no file stays open.

    Parameters
    ----------
    folders : sequence of SliceFolder
        The cases, each as often as there are recipes that it was cut by. Their
        slices may differ in size: smaller ones are padded in the middle of the
        largest. Of slices in millimetres a crop is read where their recipe has
        a size.
    context : Context
        Slices that the network sees at once (2.5-D).
    memory : int
        Bytes; if all slices together need no more, they are kept in memory
        after their first use.
    whole : bool
        Whether to read slices in millimetres whole, too, as they are predicted.

    Attributes
    ----------
    cases : list of str
        Name of the case of each folder; not unique with several recipes.
    case_of : ndarray of int, shape (n,)
        Position in `cases` of each slice.
    labels : list of str
        Names of the labels.
    channels : list of str
        Names of the channels of images; none where they have one.
    recipes : list of Recipe
        By which recipe each folder was cut.
    counts : ndarray of int, shape (n, labels)
        Pixels of each label in each slice.
    drawn : ndarray of bool, shape (n,)
        Whether any pixel of a slice was drawn.
    partial : bool
        Whether masks may hold pixels that nobody drew (`UNDRAWN`).
    aspect : ndarray of float32, shape (n,)
        Distance of the rows of each slice divided by that of its columns.
    step : float
        Distance of neighbouring slices divided by that of pixels, the median over the folders.
    size : tuple of int
        Rows and columns of what `read` returns.
    in_memory : bool
        Whether slices are kept in memory.
    cropped : bool
        Whether of some slices not all is read at once.
    taught : int
        Labels or regions that a teacher says something of; 0 where there is none, see `learn_from`.

    Raises
    ------
    SlicewiseError
        When a file is missing or damaged.
    """

    def __init__(
        self,
        folders: Sequence[SliceFolder],
        *,
        context: Context = ALONE,
        memory: int = 0,
        whole: bool = False,
    ) -> None:
        self.context = context
        self._folders = list(folders)
        self.cases = [folder.case for folder in folders]
        self.labels: list[str] = []
        self.channels: list[str] = []
        self.recipes: list[Recipe] = []
        self._cases: list[_Case] = []
        counts: list[np.ndarray] = []
        aspects: list[float] = []
        steps: list[float] = []
        some_drawn: list[bool] = []
        self.partial = False
        for folder in folders:
            geometry = read_geometry(folder.geometry)
            if self.labels not in ([], geometry.labels):
                raise damaged(
                    folder.geometry,
                    f"its labels are {', '.join(geometry.labels)}, those of other cases "
                    f"{', '.join(self.labels)}",
                )
            if self.labels and self.channels != (geometry.channels or []):
                raise damaged(
                    folder.geometry, "its channels are others than those of the cases before it"
                )
            self.labels = geometry.labels
            self.channels = geometry.channels or []
            self.recipes.append(geometry.recipe)
            counts.append(np.asarray(geometry.counts, np.int64).reshape(-1, len(self.labels)))
            aspects.append(geometry.aspect)
            steps.append(geometry.slice_spacing / math.sqrt(math.prod(geometry.pixel_spacing)))
            some_drawn += geometry.drawn
            self.partial |= geometry.undrawn is not None
            self._cases.append(_Case.of(folder, geometry, context, whole))
        lengths = [len(count) for count in counts]
        self.counts = np.concatenate(counts or [np.zeros((0, 1), np.int64)])
        self.drawn = np.asarray(some_drawn, bool)
        self.case_of = np.repeat(np.arange(len(lengths)), lengths)
        self.aspect = np.repeat(np.asarray(aspects, np.float32), lengths)
        self.step = float(np.median(steps or [1.0]))
        self._first = np.cumsum([0, *lengths])
        sizes = [case.size for case in self._cases]
        self.size: tuple[int, int] = (
            max((rows for rows, _ in sizes), default=0),
            max((columns for _, columns in sizes), default=0),
        )
        self.cropped = any(case.cropped(self.size) for case in self._cases)
        self.taught = 0
        self._memory = memory
        self.in_memory = False
        self._keep_what_fits()

    def _keep_what_fits(self) -> None:
        self.in_memory = sum(case.nbytes for case in self._cases) <= self._memory
        for array in (array for case in self._cases for array in case.arrays):
            array.keep = self.in_memory

    def learn_from(self, taught: Sequence[StoredSlices], digests: Sequence[str]) -> None:
        """Read beside each slice what a teacher says of it, also where nobody drew.

        Parameters
        ----------
        taught : sequence of StoredSlices
            Of each folder the probabilities, shape (slices, labels or regions, rows, columns).
        digests : sequence of str
            SHA-256 of each of them.
        """
        self._cases = [
            replace(case, taught=array, content=[*case.content, sha256])
            for case, array, sha256 in zip(self._cases, taught, digests, strict=True)
        ]
        self.taught = taught[0].shape[1]
        # a slice without any mask teaches something now
        self.drawn = np.ones_like(self.drawn)
        self._keep_what_fits()

    @classmethod
    def from_recipes(
        cls, cases: Sequence[str], recipes: Sequence[str | Path], **options: Any
    ) -> SliceSet:
        """Make a set of cases, each cut by each recipe: the folders ``<recipe>/<case>``."""
        return cls(
            [SliceFolder.below(Path(recipe), case) for recipe in recipes for case in cases],
            **options,
        )

    @property
    def folders(self) -> list[Path]:
        """The folder of each case as it was cut by each recipe."""
        return [one.geometry.parent for one in self._folders]

    @property
    def files(self) -> list[Path]:
        """The files that slices are read from."""
        return [array.path for case in self._cases for array in case.arrays]

    def geometries(self) -> list[SliceGeometry]:
        """Return what is known of each folder, read again."""
        return [read_geometry(folder.geometry) for folder in self._folders]

    @cached_property
    def grids(self) -> list[Grid]:
        """How the volume of each folder became slices."""
        return [geometry.grid for geometry in self.geometries()]

    def frames(self) -> list[Volume]:
        """Return the grid of each folder's image."""
        return [geometry.frame for geometry in self.geometries()]

    def read_from(self, places: Mapping[Path, Path]) -> None:
        """Read slices from copies of their files; those that have none stay where they are."""
        for position, (folder, case) in enumerate(zip(self._folders, self._cases, strict=True)):
            image, mask = (places.get(path, path) for path in (folder.image, folder.mask))
            self._folders[position] = replace(folder, image=image, mask=mask)
            for array in case.arrays:
                array.path = places.get(array.path, array.path)

    def each(self) -> list[SliceSet]:
        """Return a set of each folder alone, whose slices are whole and have its own size."""
        return [
            SliceSet(
                [folder],
                context=self.context,
                memory=case.nbytes if self.in_memory else 0,
                whole=True,
            )
            for folder, case in zip(self._folders, self._cases, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.case_of)

    @property
    def digest(self) -> str:
        """SHA-256 over names, contents and spacings of all slices."""
        return digest(
            [[name, *case.content] for name, case in zip(self.cases, self._cases, strict=True)]
        )

    def read(
        self, indices: Sequence[int] | np.ndarray, corners: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read slices by their numbers.

        Parameters
        ----------
        indices : sequence of int
            Their numbers.
        corners : ndarray of int, shape (n, 2), optional
            First row and column of each crop, from `corners`; by default crops
            are taken from the middle.

        Returns
        -------
        images : ndarray of float32, shape (n, rows, columns, channels)
            As extracted: Hounsfield units, or z-scores. The slice itself is
            the middle channel, the others are interpolated between slices of
            its case (see `neighbours`). Of images of several channels, each has
            its slice and the context of it, one after the other. Of blocks the
            channels are all slices of the block that the slice is in. Behind them
            is what tells the plane, if the context says so (see `tell`).
        masks : ndarray of uint8, shape (n, rows, columns), of blocks (n, rows, columns, slices)
            Label indices, `UNDRAWN` where nobody drew, 0 beyond the case.
        """
        slices = self.context.slices if self.context.block else 1
        return self.images(indices, corners), self._masks(indices, corners, slices)

    def corners(
        self, indices: Sequence[int] | np.ndarray, random: np.random.Generator, least: int = 0
    ) -> np.ndarray:
        """Draw where the crops of slices begin.

        Parameters
        ----------
        indices : sequence of int
            Numbers of the slices.
        random : Generator
            What the places depend on, beside the slices.
        least : int
            So many crops show a label, if so many slices do: about a pixel of
            a label that is drawn. All others lie anywhere.

        Returns
        -------
        ndarray of int, shape (n, 2)
            Row and column in the stored slices.
        """
        corners = np.zeros((len(indices), 2), np.int64)
        for position, index in enumerate(indices):
            owner = self.case_of[index]
            case = self._cases[owner]
            shown = None
            if least > 0 and self.counts[index].any():
                mask = case.mask.read([index - self._first[owner]])[0]
                shown = pixel_of(mask, random)
                least -= 1
            elif self.partial:
                mask = case.mask.read([index - self._first[owner]])[0]
                shown = drawn_pixel(mask, case.covered, random)
            corners[position] = drawn(case.covered, self.size, random, shown)
        return corners

    def images(
        self, indices: Sequence[int] | np.ndarray, corners: np.ndarray | None = None
    ) -> np.ndarray:
        """Read the images of `read` alone."""
        depth = (len(self.channels) or 1) * self.context.slices
        images = empty(len(indices), self.size, depth, self.context)
        for case, numbers, positions in self._by_case(indices):
            if case.crop is not None or case.size != self.size:
                images[positions] = case.padding
            out = [images[position] for position in positions]
            crops = self._crops(case, positions, corners)
            case.fill(out, crops, numbers, self.context)
            if case.across is not None:
                for one in out:
                    tell(one, case.across)
        return images

    def masks(
        self, indices: Sequence[int] | np.ndarray, corners: np.ndarray | None = None
    ) -> np.ndarray:
        """Read the masks of slices alone, also where blocks are read: (n, rows, columns)."""
        return self._masks(indices, corners, 1)

    def _masks(
        self, indices: Sequence[int] | np.ndarray, corners: np.ndarray | None, slices: int
    ) -> np.ndarray:
        block = (slices,) if slices > 1 else ()
        masks = np.zeros((len(indices), *self.size, *block), np.uint8)
        for case, numbers, positions in self._by_case(indices):
            out = [masks[position] for position in positions]
            case.fill_masks(out, self._crops(case, positions, corners), numbers, slices)
        return masks

    def probabilities(
        self, indices: Sequence[int] | np.ndarray, corners: np.ndarray | None = None
    ) -> np.ndarray:
        """Read what a teacher says of slices, see `learn_from`.

        Returns
        -------
        ndarray of uint8, shape (n, rows, columns, taught), of blocks (…, taught × slices)
            255 for a probability of 1; 0 beyond the case. Of blocks all slices of the first label
            or region come first.
        """
        slices = self.context.slices if self.context.block else 1
        said = np.zeros((len(indices), *self.size, self.taught * slices), np.uint8)
        for case, numbers, positions in self._by_case(indices):
            out = [said[position] for position in positions]
            case.fill_taught(out, self._crops(case, positions, corners), numbers, slices)
        return said

    def _crops(self, case: _Case, positions: np.ndarray, corners: np.ndarray | None) -> list[Crop]:
        chosen = None if corners is None else corners[positions]
        return case.crops(self.size, chosen, len(positions))

    def _by_case(
        self, indices: Sequence[int] | np.ndarray
    ) -> Iterator[tuple[_Case, np.ndarray, np.ndarray]]:
        """Sort slices by case, so that those that share neighbours read them once.

        Yields the case, the numbers of its slices within it, and their positions
        in `indices`.
        """
        chosen = np.asarray(indices, np.int64)
        owners = self.case_of[chosen]
        for owner in np.unique(owners):
            positions = np.flatnonzero(owners == owner)
            yield self._cases[owner], chosen[positions] - self._first[owner], positions

    def padding_of(self, index: int) -> float:
        """Return the value of padding, and of missing channels, in the case of a slice."""
        return self._cases[self.case_of[index]].padding

    def unpadded(self, index: int, channel: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return image and mask of one slice, no padding or context, shape (rows, columns)."""
        owner = self.case_of[index]
        case = self._cases[owner]
        number = index - self._first[owner]
        image = case.image.read([number])[0]
        if self.channels:
            image = image[channel]
        mask = case.mask.read([number])[0]
        return image[case.covered], mask[case.covered]


def digests(sets: Mapping[str, SliceSet]) -> dict[str, str]:
    """Return the digest of each named set that is not empty."""
    return {name: slices.digest for name, slices in sets.items() if len(slices)}


def usable(slices: SliceSet, empty: float) -> np.ndarray:
    """Return the numbers of all slices that some epoch may take.

    Parameters
    ----------
    slices : SliceSet
        What there is.
    empty : float
        Share of the slices without any label that an epoch takes; 0: none.

    Returns
    -------
    ndarray of int, ascending
        None of which no pixel was drawn; none at all where `empty` is 0 and no
        slice shows a label, as of a healthy patient.
    """
    shows = slices.counts.sum(axis=1) > 0
    return np.flatnonzero(slices.drawn if empty else shows)


def check_labels(
    slices: SliceSet,
    missing_labels: MissingLabels = "refuse",
    regions: Mapping[str, Sequence[int]] | None = None,
) -> list[str]:
    """Return the labels that never occur in a training set, or refuse it.

    Parameters
    ----------
    slices : SliceSet
        What is trained on.
    missing_labels : {"refuse", "allow"}
        Whether it may lack some label, though never all of them.
    regions : mapping of str to sequence of int, optional
        By region the numbers of its labels: then these are looked for, and a
        label may be missing where others of its regions are there.

    Returns
    -------
    list of str
        Labels, or regions, without any pixel; empty unless they are allowed.

    Raises
    ------
    SlicewiseError
        Names the labels.
    """
    _shows(slices)
    pixels = slices.counts.sum(axis=0)
    wanted = regions or {name: [k] for k, name in enumerate(slices.labels, start=1)}
    missing = [name for name, own in wanted.items() if not any(pixels[k - 1] for k in own)]
    labels = dict.fromkeys(slices.labels[k - 1] for name in missing for k in wanted[name])
    lost = _lost(slices, [*labels])
    if lost and missing_labels == "refuse":
        raise SlicewiseError(lost)
    if lost:
        logger.warning("%s", lost)
    kind = "region" if regions else "label"
    if missing and missing_labels == "refuse":
        raise SlicewiseError(
            f"{kind} {f' and {kind} '.join(missing)}: never occurs in the {len(set(slices.cases))} "
            "training cases; check dataset.labels, move patients who have it to training, or set "
            "training.missing_labels to allow, which leaves its scores empty"
        )
    return missing


def _shows(slices: SliceSet) -> np.ndarray:
    shows: np.ndarray = slices.counts.sum(axis=1) > 0
    if not shows.any():
        raise SlicewiseError(
            _lost(slices, slices.labels)
            or f"cases {', '.join([*dict.fromkeys(slices.cases)][:8])}: no training slice shows "
            "any label; check dataset.labels and the slice recipe"
        )
    return shows


def _lost(slices: SliceSet, missing: Sequence[str]) -> str:
    """Say of labels that training cases have, but that the cut leaves no pixel of, what to do."""
    geometries = slices.geometries() if missing else []
    for name in missing:
        had = [each for each in geometries if each.voxels(name)]
        if not had:
            continue
        voxels = sum(each.voxels(name) for each in had)
        cuts = " and ".join({cut_words(each.recipe): None for each in had})
        more = " or ".join({keeps_more(each.recipe): None for each in had})
        more = more.replace("size", "size (null keeps all pixels)")
        return (
            f"label {name}: {len(had)} of {len(geometries)} cut training cases have it ({voxels} "
            f"voxels), but it was lost when they were cut {cuts}: it is smaller than a pixel of "
            f"the slices; give the recipe in `slices` {more}, or leave the label out"
        )
    return ""


def epoch_batches(
    slices: SliceSet,
    *,
    batch: int,
    steps: int | None,
    empty: float,
    foreground: float,
    seed: int,
    epoch: int,
) -> list[np.ndarray]:
    """Choose the slices of each batch of an epoch.

    Parameters
    ----------
    slices : SliceSet
        What there is.
    batch : int
        Slices in a batch; every batch is full, the last one is filled up.
    steps : int or None
        Batches; None takes every slice of the epoch once, and of blocks one for
        as many neighbouring slices as it has, about one of them.
    empty : float
        Share of the slices without any label that the epoch takes, others in
        each epoch; those with a label are all taken.
    foreground : float
        At least this share of each batch shows a label.
    seed, epoch : int
        The order depends on these and nothing else.

    Returns
    -------
    list of ndarray of int
        Slice numbers, one array a batch.

    Raises
    ------
    SlicewiseError
        When no training slice shows any label.
    """
    random = np.random.default_rng([seed, epoch, 0])
    shows = _shows(slices)
    pool = usable(slices, empty)
    if 0 < empty < 1:
        without = _some_of(np.flatnonzero(~shows & slices.drawn), empty, random)
        pool = np.sort(np.concatenate([np.flatnonzero(shows), without]))
    number = steps if steps is not None else math.ceil(_of_epoch(slices, pool, empty) / batch)
    order = _in_rounds(slices, pool, number * batch, random)
    least = math.ceil(foreground * batch)
    chosen = []
    for step in range(number):
        indices = order[step * batch : (step + 1) * batch].copy()
        bare = np.flatnonzero(~shows[indices])
        missing = least - (batch - len(bare))
        if missing > 0:
            indices[bare[:missing]] = random.choice(np.flatnonzero(shows), missing)
        chosen.append(indices)
    return chosen


def _of_epoch(slices: SliceSet, pool: np.ndarray, empty: float) -> int:
    """Return how many slices, or blocks, an epoch takes."""
    if not slices.context.block:
        return len(pool)
    # the same in each epoch, also where it takes other empty slices
    return len(_one_a_block(slices, usable(slices, empty)))


def _in_rounds(
    slices: SliceSet, pool: np.ndarray, number: int, random: np.random.Generator
) -> np.ndarray:
    """Return so many slices or more, each once in every round; of blocks one a block."""
    order = np.zeros(0, np.int64)
    while len(order) < number:
        taken = _one_a_block(slices, pool, random) if slices.context.block else pool
        order = np.concatenate([order, random.permutation(taken)])
    return order


def _one_a_block(
    slices: SliceSet, pool: np.ndarray, random: np.random.Generator | None = None
) -> np.ndarray:
    """Draw one of every so many neighbouring slices of a case as there are in a block.

    Without a generator that is the first.
    """
    chosen = []
    owners = slices.case_of[pool]
    for owner in np.unique(owners):
        own = pool[owners == owner]
        parts = np.array_split(own, math.ceil(len(own) / slices.context.slices))
        chosen += [part[0] if random is None else random.choice(part) for part in parts]
    return np.array(chosen, np.int64)


def _some_of(numbers: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Draw a share of numbers, each at most once."""
    # half up, also where the product of floats is just off a half
    taken = math.floor(round(share * len(numbers), 9) + 0.5)
    return random.choice(numbers, taken, replace=False)
