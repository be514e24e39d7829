"""Cases that fit the patterns of the others, though they were sorted otherwise by their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from slicewise.config.patterns import Pattern
from slicewise.survey.arrangement import Arrangement, Row
from slicewise.survey.listing import Listing
from slicewise.survey.looking import Looker, spread

CHECKED = 5
"""Cases whose images and masks are looked at."""


def with_further(made: Arrangement, listing: Listing, looker: Looker) -> Arrangement:
    """Return an arrangement with the files that fit its patterns as one image and mask more.

    `Mueller_2` of `Mueller`, `Mueller_2`, `Meier` and `Kaya` is of a kind of its own where others
    have a second scan, too.

    Parameters
    ----------
    made : Arrangement
    listing : Listing
    looker : Looker

    Returns
    -------
    Arrangement
        As it was where a pattern names more than the case, where images have channels, or where a
        file holds something else than those of the other cases do.
    """
    if not made.patterns or len(made.folders) != 1 or len(made.masks) != 1 or len(made.images) > 1:
        return made
    patterns = [Pattern(made.image), Pattern(made.masks[0])]
    if any(pattern.names() != ("case",) for pattern in patterns):
        return made
    (folder,) = made.folders.values()
    start = f"{folder}/" if folder else ""
    known = {row.case for row in made.rows} | {*made.alone}
    paths = [entry.path for entry in listing.entries if entry.path.startswith(start)]
    masks = _by_case(patterns[1], paths, start)
    images = _by_case(patterns[0], set(paths) - set(masks.values()), start)
    further = [
        Row(name, "", images[name], (masks[name],))
        for name in sorted(images.keys() & masks.keys() - known)
        if masks[name] not in made.named
    ]
    places = spread([str(n) for n in range(len(further))], CHECKED)
    if not further or not all(_is_like(further[int(n)], made.rows[0], looker) for n in places):
        return made
    more = {row.case: row.image for row in further}
    return replace(
        made,
        rows=tuple(sorted((*made.rows, *further), key=lambda row: row.case)),
        images=tuple(replace(one, paths={**one.paths, **more}) for one in made.images),
        masked=tuple(sorted((*made.masked, *more))),
    )


def _by_case(pattern: Pattern, paths: Iterable[str], start: str) -> dict[str, str]:
    """Return the path of each case that a pattern finds, without cases that have several."""
    found: dict[str, str] = {}
    twice = set()
    for path in paths:
        parts = pattern.parts_of(path.removeprefix(start))
        if parts is not None:
            twice |= {parts["case"]} & found.keys()
            found[parts["case"]] = path
    return {name: path for name, path in found.items() if name not in twice}


def _is_like(row: Row, other: Row, looker: Looker) -> bool:
    """Tell whether a case has an image and a mask on its voxels as another one has."""
    image = looker.glance(row.image)
    mask = looker.glance(row.masks[0])
    theirs = looker.glance(other.image)
    if image is None or mask is None or theirs is None or image.is_mask or not mask.is_mask:
        return False
    same = ("hu" in image.fits) == ("hu" in theirs.fits)
    return same and looker.on_grid(row.image, row.masks[0]) is not False
