"""Regions: labels that are found together, and may lie within each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST_REGIONS = 8
"""What a voxel belongs to is a number of 8 bits, one a region."""

Numbers = Mapping[str, Sequence[int]]
"""By region, the numbers of its labels, from 1."""


def numbered(regions: Numbers, labels: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Turn the mask values of regions into numbers of labels.

    Parameters
    ----------
    regions : mapping of str to sequence of int
        ``dataset.regions``: the mask values of each.
    labels : mapping of str to sequence of int
        The mask values of labels 1, 2, ….

    Raises
    ------
    ValueError
        When a region is empty, has a value that is no label's, a part of a
        label's values, or a value twice.
    """
    owner = {value: number for number, own in enumerate(labels.values(), 1) for value in own}
    names = ["", *labels]
    numbers = {}
    for region, values in regions.items():
        if not values:
            raise ValueError(f"regions.{region}: it has no mask value; name those of its labels")
        if len(set(values)) < len(values):
            raise ValueError(f"regions.{region}: a mask value is there twice")
        for value in values:
            if value not in owner:
                known = ", ".join(str(each) for each in owner)
                raise ValueError(
                    f"regions.{region}: {value} is the mask value of no label; there are: {known}"
                )
            name = names[owner[value]]
            if not set(labels[name]) <= set(values):
                raise ValueError(
                    f"regions.{region}: it has {value}, but not the other values of labels.{name}, "
                    "which are one label; give all of them, or make labels of their own of them"
                )
        numbers[region] = list(dict.fromkeys(owner[value] for value in values))
    return numbers


def check_regions(regions: Numbers, labels: Sequence[str]) -> None:
    """Refuse regions that cannot be told apart, or not be written into a mask.

    Parameters
    ----------
    regions : mapping of str to sequence of int
        From `numbered`.
    labels : sequence of str
        Names of labels 1, 2, ….

    Raises
    ------
    ValueError
        When there are too many, two are the same, a label is in none, or a
        region has no label of its own.
    """
    if len(regions) > MOST_REGIONS:
        raise ValueError(f"regions: {len(regions)} are given, and {MOST_REGIONS} is the most")
    seen: dict[frozenset[int], str] = {}
    for region, numbers in regions.items():
        twin = seen.setdefault(frozenset(numbers), region)
        if twin != region:
            raise ValueError(f"regions.{region}: it is the same as regions.{twin}; leave one out")
    for number, label in enumerate(labels, start=1):
        if not any(number in numbers for numbers in regions.values()):
            raise ValueError(
                f"labels.{label}: it is in none of the regions, so that it would not be learnt; "
                "add its mask value to a region, or leave the label out and set other_labels to "
                "background"
            )
    for region in regions:
        if not _own(region, regions):
            smaller = ", ".join(_later(region, regions))
            raise ValueError(
                f"regions.{region}: each of its labels is in a smaller region, too ({smaller}), so "
                f"that a voxel of {region} alone has no value in a mask, which is written from the "
                "largest region to the smallest; leave the region out, or a label of it out of "
                "the others"
            )


def order_of(regions: Numbers) -> list[str]:
    """Return the regions as masks are written: the largest first, equal ones as they are named.

    Examples
    --------
    >>> order_of({"core": [2, 3], "whole": [1, 2, 3], "rim": [1, 2]})
    ['whole', 'core', 'rim']
    """
    return sorted(regions, key=lambda region: -len(regions[region]))


def _later(region: str, regions: Numbers) -> list[str]:
    """Return the regions that are written over a region and share a label with it."""
    order = order_of(regions)
    later = order[order.index(region) + 1 :]
    return [other for other in later if set(regions[other]) & set(regions[region])]


def _own(region: str, regions: Numbers) -> list[int]:
    """Return the labels of a region that none has which is written over it."""
    others = {number for other in _later(region, regions) for number in regions[other]}
    return [number for number in regions[region] if number not in others]


def members(regions: Numbers, labels: int) -> list[int]:
    """Return for each label, 0 first, the regions that it is in: a bit each, the first lowest.

    Examples
    --------
    >>> members({"whole": [1, 2, 3], "core": [2, 3]}, 3)
    [0, 1, 3, 3]
    """
    return [
        sum((number in numbers) << bit for bit, numbers in enumerate(regions.values()))
        for number in range(labels + 1)
    ]


def written(regions: Numbers) -> list[int]:
    """Return the label that stands for each choice of regions, by their bits as in `members`.

    What some label is in just these regions is written as that label, of
    several the one that the smallest of the regions names first. Any other
    choice, such as a core without the whole, is written as nnU-Net does: from
    the largest region to the smallest, each over the one before, as the first
    label that it names and that no later region has.

    Examples
    --------
    >>> written({"whole": [1, 2, 3], "core": [2, 3]})
    [0, 1, 2, 2]
    """
    labels = max(number for numbers in regions.values() for number in numbers)
    codes = members(regions, labels)
    order = order_of(regions)
    bits = {region: 1 << bit for bit, region in enumerate(regions)}
    chosen = [0]
    for code in range(1, 1 << len(regions)):
        last = [region for region in order if code & bits[region]][-1]
        exact = [number for number in regions[last] if codes[number] == code]
        chosen.append((exact or _own(last, regions))[0])
    return chosen
