"""What models say of all slices of one volume, brought back to its grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from slicewise.inference.assembly import Assembly
from slicewise.inference.batching import batched
from slicewise.inference.blocks import Joined, centres, together
from slicewise.inference.fits import shared_card
from slicewise.inference.views import Forward, averaged, views
from slicewise.network.card import ModelCard, Predictor
from slicewise.slices.extract import SliceSource, source_of
from slicewise.volumes.channels import split
from slicewise.volumes.padding import AIR, as_air
from slicewise.volumes.volume import Volume

Observe = Callable[[np.ndarray, np.ndarray | None], None]
"""Is told of slices as `slicewise.inference.predict.Request.observe` is."""


def assembled(
    models: Sequence[Predictor],
    image: Volume,
    batch: int = 8,
    *,
    observe: Observe | None = None,
    keep: bool = False,
    name: str = "the image",
    card: ModelCard | None = None,
) -> Assembly:
    """Bring what models say of all slices of a volume back to its grid.

    Parameters
    ----------
    models : sequence of Predictor
        Finished models of the same labels and slice recipe; their mean
        probability is taken.
    image : Volume
        Raw intensities on any grid and in any orientation; of several channels
        with these along the fourth axis of the array.
    batch : int
        Slices at a time.
    observe : callable, optional
        See `Observe`.
    keep : bool
        Whether probabilities are kept.
    name : str
        What messages call the image.
    card : ModelCard, optional
        By which it is cut and assembled; by default what the models say of themselves.

    Returns
    -------
    Assembly
        A complete one.
    """
    card = card or shared_card(models)
    cuts = cuts_of(image, card, name)
    assembly = Assembly([cut.grid for cut in cuts], image.affine, card, keep=keep)
    blocks = ((assembly, images) for images in blocks_of(cuts, card, batch))
    forward = forward_of(models, card, apart=observe is not None)
    joined = joined_of(cuts, card)
    for _, outputs in batched(blocks, together(batch, card.context), forward):
        for slices in joined.add(outputs):
            probabilities, own = apart(slices, assembly.outputs)
            if observe is not None:
                observe(probabilities, own)
            assembly.add(probabilities)
    if observe is not None:
        tell_together(assembly, observe)
    return assembly


def tell_together(assembly: Assembly, observe: Observe) -> None:
    """Tell what several cuts of a volume come to together, on its grid; nothing of a single one."""
    if len(assembly.grids) > 1:
        for means in assembly.means():
            observe(np.expand_dims(means, 0), None)


def forward_of(models: Sequence[Predictor], card: ModelCard, *, apart: bool = False) -> Forward:
    """Return the mean of what models say of slices; apart, what each of them says beside it."""
    networks = [model.predict_on_batch for model in models]
    return averaged(networks, views(card.inference), apart=apart and len(models) > 1)


def apart(outputs: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Part the mean of all models from what each of them says."""
    if outputs.shape[-1] == number:
        return outputs, outputs[..., :0]
    # laid out as without the others, so that what is computed of it is the same to the bit
    return np.ascontiguousarray(outputs[..., :number]), outputs[..., number:]


def cuts_of(image: Volume, card: ModelCard, shown: str) -> list[SliceSource]:
    """Cut a volume, of one channel or several, in all ways that are averaged."""
    channels = split(image, card.channels, shown) if card.channels else [image]
    if card.intensity == "hu":
        # as images are read for training
        channels = [_with_air(channel, card) for channel in channels]
    return [source_of(channels, recipe, card.intensity) for recipe, _ in card.cuts]


def _with_air(channel: Volume, card: ModelCard) -> Volume:
    """Make padding of a CT air, and all of a channel that is missing, whatever value it holds."""
    value = channel.array.min()
    if card.missing_channels == "zero" and value == channel.array.max():
        return replace(channel, array=np.full(channel.array.shape, AIR, np.int16))
    return as_air(channel)


def blocks_of(cuts: Sequence[SliceSource], card: ModelCard, batch: int) -> Iterator[np.ndarray]:
    """Yield all slices of some cuts as a network takes them, so many at a time."""
    number = together(batch, card.context)
    for cut in cuts:
        wanted = centres(len(cut), card.context)
        for start in range(0, len(wanted), number):
            yield cut.around(wanted[start : start + number], card.context)


def joined_of(cuts: Sequence[SliceSource], card: ModelCard) -> Joined:
    """Return what makes slices again of the outputs of these."""
    return Joined([len(cut) for cut in cuts], card.context)
