"""Channels of images, and the layouts that know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicewise.config.entities import Kind

LAYOUTS = ("pairs", "msd", "nnunet", "table", "bids", "dicom")
"""Layouts that find several channels."""
CHANNEL = "{channel}"


def check_channels(
    channels: list[str] | None, layout: str, intensity: str, missing: str, image: Any
) -> None:
    """Refuse channels that cannot be found or read.

    Parameters
    ----------
    channels : list of str or None
        ``dataset.channels``.
    layout, intensity, missing : str
        ``dataset.layout``, ``dataset.intensity`` and ``dataset.missing_channels``.
    image : str, mapping or None
        ``image`` of the block of the layout: pairs, bids or dicom.

    Raises
    ------
    ValueError
        Says what contradicts what.
    """
    of_channels = isinstance(image, Mapping) or (image is not None and CHANNEL in image)
    if channels is None:
        if missing != "refuse":
            raise ValueError("missing_channels goes with channels only")
        if of_channels:
            raise ValueError(
                f"{layout}.image gives files of several channels; name these in channels, the "
                "first of which is shown"
            )
        return
    lower = [name.lower() for name in channels]
    twice = sorted({name for name in channels if lower.count(name.lower()) > 1})
    if twice:
        raise ValueError(f"channels names {twice[0]} twice; name each once")
    if layout not in LAYOUTS:
        raise ValueError(
            f"channels: layout {layout} finds one image a case; use {', '.join(LAYOUTS)}"
        )
    if intensity == "clipped_hu":
        raise ValueError("channels go with intensity hu or arbitrary")
    if image is not None and not of_channels:
        by = "by {channel} in the pattern, or as a map of channel to pattern"
        raise ValueError(
            f"channels: {layout}.image has to say which file is of which: "
            + (by if layout == "pairs" else "as a map of channel to kind")
        )
    if isinstance(image, Mapping) and list(image) != channels:
        raise ValueError(
            f"{layout}.image gives files of {', '.join(image)}, and channels are "
            f"{', '.join(channels)}; name the same ones in the same order"
        )
    if layout == "dicom" and image is None:
        raise ValueError(
            "channels: dicom.image has to say what the series of each are called, as a map of "
            "channel to pattern"
        )
    if layout == "bids" and image is None:
        _check_kinds(channels)


def check_shown(shown: str | None, channels: list[str] | None) -> None:
    """Refuse a channel to show that there is not.

    Raises
    ------
    ValueError
        Says which there are.
    """
    if shown is not None and shown not in (channels or []):
        there = f"there are {', '.join(channels)}" if channels else "channels names none"
        raise ValueError(f"shown_channel: no channel is called {shown}; {there}")


def _check_kinds(channels: list[str]) -> None:
    """Refuse channels whose kind of BIDS files nothing says."""
    for name in channels:
        try:
            Kind(name)
        except ValueError as error:
            raise ValueError(
                f"channels: {error}; or give bids.image as a map of channel to kind"
            ) from error
