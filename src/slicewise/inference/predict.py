"""From volumes to masks on the volumes' own grids."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.inference.assembled import (
    Observe,
    apart,
    assembled,
    blocks_of,
    cuts_of,
    forward_of,
    joined_of,
    tell_together,
)
from slicewise.inference.assembly import Assembly
from slicewise.inference.batching import batched
from slicewise.inference.blocks import Joined, together
from slicewise.inference.ensemble import Ensemble, Mixture
from slicewise.inference.fits import shared_card
from slicewise.inference.prefetch import prefetch
from slicewise.inference.views import Forward
from slicewise.network.card import ModelCard, Predictor, model_card
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.nifti import read_channels_of, read_nifti
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti

AHEAD = 4  # blocks of slices that wait for the network, and batches that wait to be written


@dataclass(frozen=True)
class Request:
    """A case to segment.

    Attributes
    ----------
    case : str
        Its name.
    image : Path
        NIfTI file of the image.
    mask : Path
        NIfTI file to write.
    models : sequence of Predictor
        Finished models of the same labels and slice recipe; their mean
        probability is taken.
    note : mapping, optional
        What the mask is made from, kept in its header.
    offset : int
        Added to all voxels: ``dataset.offset``. Models take true intensities,
        so they do not carry it.
    spacing : sequence of float, optional
        Voxel size in mm of an image that has lost it: ``dataset.spacing``.
    ensemble : Ensemble, optional
        Several experiments that segment it together, whose models these are.
    """

    case: str
    image: Path
    mask: Path
    models: Sequence[Predictor]
    note: Mapping[str, Any] | None = None
    offset: int = 0
    spacing: Sequence[float] | None = None
    ensemble: Ensemble | None = None

    @property
    def card(self) -> ModelCard:
        """What comes out of its models."""
        return shared_card(self.models) if self.ensemble is None else self.ensemble.card

    def read(self, card: ModelCard) -> tuple[Volume, Any]:
        """Return the image as it is stored, and the header that its mask gets.

        Parameters
        ----------
        card : ModelCard
            What the models say of themselves.
        """
        return (read_channels_of if card.channels else read_nifti)(self.image)

    def is_given_up(self, error: Exception) -> bool:
        """Tell whether the others go on where the image of this one cannot be used."""
        return False

    @property
    def observed(self) -> bool:
        """Whether `observe` wants to be told what each model says."""
        return False

    def observe(self, probabilities: np.ndarray, own: np.ndarray | None) -> None:
        """Be told of the next slices, in the order in which they are assembled.

        Of several cuts, at the end also of what they come to together.

        Parameters
        ----------
        probabilities : ndarray, shape (n, rows, columns, outputs)
            The mean of all models, on the grid of the network; of all cuts, on that of the volume.
        own : ndarray, shape (n, rows, columns, models × outputs), or None
            That of each model, one after the other; nothing of a single one, and None of all cuts
            together.
        """


def predict_volume(models: Sequence[Predictor], image: Volume, batch: int = 8) -> np.ndarray:
    """Segment a volume with one model, or with the mean probability of several.

    Parameters
    ----------
    models : sequence of Predictor
        Finished models of the same labels and slice recipe.
    image : Volume
        Raw intensities on any grid and in any orientation; of several channels
        with these along the fourth axis of the array.
    batch : int
        Slices at a time.

    Returns
    -------
    ndarray of uint8
        Mask on the image's own grid, with the mask values of the data set.
    """
    return assembled(models, image, batch).mask()


def mixed(
    ensemble: Ensemble,
    image: Volume,
    batch: int = 8,
    name: str = "the image",
    *,
    observe: Observe | None = None,
) -> Mixture:
    """Mix what the members of an ensemble say of a volume, on its own grid, one after the other.

    Parameters
    ----------
    ensemble : Ensemble
    image, batch, name
        As `assembled` takes them.
    observe : callable, optional
        Is told of the slices of the mixture as `Request.observe` is.

    Returns
    -------
    Mixture
        Of all members that count.
    """
    mixture = Mixture(ensemble, image.affine)
    for member in ensemble.counted:
        mixture.add(member, assembled(member.models, image, batch, keep=True, name=name))
    if observe is not None:
        for probabilities, own in mixture.observed():
            observe(probabilities, own)
    return mixture


def predict_cases(requests: Iterable[Request], batch: int = 8) -> Iterator[tuple[str, np.ndarray]]:
    """Segment many cases, and write their masks.

    One thread reads and cuts the next volume, another runs the network, while
    this one brings slices back, decides and writes. Cases of the same models
    and slice size share batches. Of volumes at most the one that is cut and
    the mask of the one before are whole in memory; where planes are averaged,
    also its probabilities. The models are in use until the last case is
    yielded: jax refuses to run one in two threads at once.

    Parameters
    ----------
    requests : iterable of Request
        The cases; those of the same models are taken together.
    batch : int
        Slices at a time.

    Yields
    ------
    case : str
        A case whose mask was written.
    mask : ndarray of uint8 or uint16
        What was written: on the image's own grid, with the mask values of the
        data set.

    Raises
    ------
    SlicewiseError
        When a file cannot be read or written, unless the case is given up
        (`Request.is_given_up`). Masks that were yielded before are complete;
        the others are not there.
    """
    known = list(requests)
    yield from _predict_mixed([each for each in known if each.ensemble is not None], batch)
    together: dict[tuple[int, ...], list[Request]] = {}
    for request in known:
        if request.ensemble is not None:
            continue
        together.setdefault(tuple(map(id, request.models)), []).append(request)
    ordered = []
    for group in together.values():
        observed = any(request.observed for request in group)
        forward = forward_of(group[0].models, model_card(group[0].models[0]), apart=observed)
        ordered += [(request, forward) for request in group]
    with closing(prefetch(_run(ordered, batch), AHEAD)) as results:
        for case, outputs in results:
            request = case.request
            for slices in case.joined.add(outputs):
                probabilities, own = apart(slices, case.assembly.outputs)
                request.observe(probabilities, own)
                case.assembly.add(probabilities)
            if case.assembly.complete:
                if request.observed:
                    tell_together(case.assembly, request.observe)
                mask = case.assembly.mask()
                volume = Volume(mask, case.affine)
                write_nifti(request.mask, volume, case.header, mask.dtype, request.note)
                yield request.case, mask


@dataclass(frozen=True)
class _Case:
    """A case on its way; its image is not kept."""

    request: Request
    forward: Forward
    affine: np.ndarray
    header: Any
    assembly: Assembly
    joined: Joined


Requests = Sequence[tuple[Request, Forward]]
Pieces = Generator[tuple[_Case, np.ndarray], None, None]


def _run(requests: Requests, batch: int) -> Pieces:
    def run_by(block: tuple[_Case, np.ndarray]) -> tuple[Forward, int]:
        return block[0].forward, together(batch, block[0].joined.context)

    with closing(prefetch(_read(requests, batch), AHEAD)) as blocks:
        for (forward, number), group in groupby(blocks, key=run_by):
            yield from batched(group, number, forward)


def _read(requests: Requests, batch: int) -> Pieces:
    for request, forward in requests:
        try:
            yield from _read_one(request, forward, batch)
        except Exception as error:
            if request.is_given_up(error):
                continue
            error.add_note(f"in case {request.case}")
            raise


def _predict_mixed(requests: Sequence[Request], batch: int) -> Iterator[tuple[str, np.ndarray]]:
    for request in requests:
        try:
            image, meant, header = _read_meant(request)
            assert request.ensemble is not None
            observe = request.observe if request.observed else None
            name = str(request.image)
            mixture = mixed(request.ensemble, meant, batch, name, observe=observe)
        except Exception as error:
            if request.is_given_up(error):
                continue
            error.add_note(f"in case {request.case}")
            raise
        mask = mixture.mask()
        # the mask goes where the file says that its image is
        write_nifti(request.mask, Volume(mask, image.affine), header, mask.dtype, request.note)
        yield request.case, mask


def _read_meant(request: Request) -> tuple[Volume, Volume, Any]:
    """Return an image as it is stored and as models are shown it, and its header."""
    card = request.card
    image, header = request.read(card)
    if image.lost and request.spacing is None and card.measured:
        raise SlicewiseError(
            f"{request.image}: its header has lost the size of its voxels (no place, and 1 × 1 × 1 "
            "mm), and what the model sees follows from it; give dataset.spacing"
        )
    return image, with_spacing(image, request.spacing).plus(request.offset), header


def _read_one(request: Request, forward: Forward, batch: int) -> Pieces:
    card = request.card
    image, meant, header = _read_meant(request)
    cuts = cuts_of(meant, card, str(request.image))
    # the mask goes where the file says that its image is
    assembly = Assembly([cut.grid for cut in cuts], image.affine, card)
    case = _Case(request, forward, image.affine, header, assembly, joined_of(cuts, card))
    for images in blocks_of(cuts, card, batch):
        yield case, images
