"""Whether models fit together, and whether an image is of the kind that they were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from slicewise.config import Postprocessing
from slicewise.errors import SlicewiseError
from slicewise.network.card import ModelCard, Predictor, model_card
from slicewise.network.ranges import joined
from slicewise.volumes.channels import split, together
from slicewise.volumes.checks import OFFSET_FITS, STORED, check_image, is_ct
from slicewise.volumes.padding import as_air
from slicewise.volumes.tones import sampled
from slicewise.volumes.volume import Volume

SHARED = (
    *("labels", "values", "recipe", "intensity"),
    *("context", "contiguous", "channels", "regions", "inference"),
)
"""What the models of an ensemble must agree on."""

INTENSITIES = {
    "hu": "a CT in Hounsfield units",
    "clipped_hu": "a CT in Hounsfield units, clipped as theirs were",
    "arbitrary": "an image of their kind",
}


def files_of(place: Path) -> list[Path]:
    """Return the files of models that lie in a folder, or the one that is given.

    Raises
    ------
    SlicewiseError
        When there is none.
    """
    if place.is_file():
        return [place]
    files = in_order(place.glob("*.keras"))
    if not files:
        raise SlicewiseError(f"{place}: there is no model (.keras) in it; log the model again")
    return files


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Sort folds as the workflow averages them, so that their sum is the same to the bit.

    >>> [path.name for path in in_order([Path("fold-10"), Path("fold-2")])]
    ['fold-2', 'fold-10']
    """
    return sorted(paths, key=lambda path: (len(path.name), path.name))


def shared_card(models: Sequence[Predictor]) -> ModelCard:
    """Return the card of models whose mean probability is taken.

    It has the ranges of them all. Where each decided by itself of which labels the largest
    component is kept, as folds do by their own training masks, it is of those that all keep it of.

    Raises
    ------
    SlicewiseError
        When the models differ in what they must share.
    """
    cards = [model_card(model) for model in models]
    card = cards[0]
    for key in SHARED:
        if any(getattr(other, key) != getattr(card, key) for other in cards):
            raise SlicewiseError(
                f"the models differ in {key}; put only folds of one experiment together"
            )
    ranges = joined([other.ranges for other in cards])
    return card.model_copy(update={"ranges": ranges, "postprocessing": _agreed(cards)})


def _agreed(cards: Sequence[ModelCard]) -> Postprocessing:
    """Return the postprocessing of models, with the largest component where all have it."""
    first = cards[0].postprocessing
    kept = [card.postprocessing.largest_component for card in cards]
    if all(one == kept[0] for one in kept):
        return first
    names = list(cards[0].found)
    each = [set(card.postprocessing.largest_of(names)) for card in cards]
    common = [name for number, name in enumerate(names, start=1) if all(number in s for s in each)]
    return first.model_copy(update={"largest_component": common or False})


def checked(
    image: Volume,
    card: ModelCard,
    name: str,
    shift: str = f"set the parameter offset to {STORED}",
) -> Volume:
    """Return an image as models are to be shown it, or refuse one that they were not made for.

    Parameters
    ----------
    image : Volume
        Raw intensities; of several channels with these along the fourth axis.
    card : ModelCard
        What the models say of themselves.
    name : str
        How messages name the image.
    shift : str
        What to do where 1024 was added to Hounsfield units.

    Returns
    -------
    Volume
        Padding is air where intensities are Hounsfield units.

    Raises
    ------
    SlicewiseError
        When its intensities are of another kind, or it has other channels.
    """
    if card.channels is None:
        shown = _one(image, card, name, shift)
        _refuse_other_kind(shown, card, 0, name)
        return shown
    arrays = []
    channels = split(image, card.channels, name)
    if all(one.array.min() == one.array.max() for one in channels):
        raise SlicewiseError(
            f"{name}: each of its channels has a single value, so it shows nothing; check that "
            "this is the image"
        )
    for number, one in enumerate(channels):
        shown_as = f"{name} (channel {card.channels[number]})"
        empty = one.array.min() == one.array.max()
        if empty and card.missing_channels == "zero":
            arrays.append((as_air(one, name) if card.intensity == "hu" else one).array)
            continue
        arrays.append(_one(one, card, shown_as, shift).array)
        _refuse_other_kind(one, card, number, shown_as)
    return replace(image, array=together(arrays))


def _one(image: Volume, card: ModelCard, name: str, shift: str) -> Volume:
    """Refuse an image, or a channel, with intensities of another kind than the models know."""
    if card.intensity == "hu":
        image = as_air(image, name)
    try:
        check_image(image, name, card.intensity)
    except SlicewiseError as error:
        # what a data set's settings could change about it, a finished model cannot
        fault, _, _ = str(error).rpartition("; ")
        if OFFSET_FITS in str(error):
            raise SlicewiseError(f"{fault}; they {OFFSET_FITS}: {shift}") from None
        wanted = INTENSITIES[card.intensity]
        raise SlicewiseError(
            f"{fault}; give {wanted}, like those that the model was trained on"
        ) from None
    return image


def _refuse_other_kind(image: Volume, card: ModelCard, channel: int, name: str) -> None:
    """Refuse a CT for a model of other images, or the other way round.

    Intensities without a unit pass every check, so it is the training cases that tell.

    Raises
    ------
    SlicewiseError
        When none of these were, or all.
    """
    known = card.ranges.channels[channel : channel + 1] if card.ranges is not None else []
    if card.intensity != "arbitrary" or not known or known[0] is None or known[0].ct is None:
        return
    ct = is_ct(sampled(image))
    if ct and not known[0].ct:
        raise SlicewiseError(
            f"{name}: it holds the Hounsfield units of a CT, and the model was trained on images "
            "that do not; give an image of their kind"
        )
    if known[0].ct and not ct:
        raise SlicewiseError(
            f"{name}: it is no CT in Hounsfield units, and the model was trained on nothing else; "
            "give an image of their kind"
        )
