"""Single places of a scan that are known again by their very voxels, wherever they lie.

A copy that was cropped, padded, shifted, mirrored, turned or inverted still has the differences
between neighbouring voxels. So places are chosen, and named, by these differences alone; of all
names the smallest are kept, which are the same ones in any part of a scan (Broder, On the
resemblance and containment of documents, 1997).
"""

from __future__ import annotations

import numpy as np

NUMBER = 256
"""So many places of a scan are kept."""
CHOSEN = 4096  # so many places, about, are looked at more closely
LEAST = 5  # so many have to lie alike in two scans
DISTINCT = 10  # so many values have to be among the 25 of a place
COMMON = 64  # a name that so many places have is no name

_FACTORS = np.random.default_rng(20261126).integers(1, 2**63, 25, dtype=np.uint64) * 2 + 1
_GRID = np.arange(25).reshape(5, 5)
_WAYS = np.array(
    [way[::x, ::y].ravel() for way in (_GRID, _GRID.T) for x in (1, -1) for y in (1, -1)]
)


def _whole(values: np.ndarray) -> np.ndarray:
    """Return numbers that are the same where values are; whole numbers stay themselves."""
    if values.dtype.kind in "biu":
        small = np.can_cast(values.dtype, np.int16)
        return values.astype(np.int32 if small else np.int64)
    values = values.astype(np.float64)
    whole = np.rint(values)
    if np.array_equal(whole, values) and np.abs(whole).max(initial=0) < 2**62:
        return whole.astype(np.int64)
    # rounding in a file must not matter
    return np.rint(np.clip(values, -(2.0**40), 2.0**40) * 2.0**16).astype(np.int64)


def _drawn(numbers: np.ndarray) -> np.ndarray:
    """Mix the bits of uint32, so that what is below a bound is a fair draw (MurmurHash3)."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        numbers ^= numbers >> np.uint32(shift)
        numbers *= np.uint32(factor)
    return numbers ^ (numbers >> np.uint32(16))


def _spread(numbers: np.ndarray) -> np.ndarray:
    """Mix the bits of uint64, so that the smallest are a fair draw (SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def find_keys(array: np.ndarray, background: float) -> tuple[np.ndarray, np.ndarray]:
    """Name places of a scan.

    Parameters
    ----------
    array : ndarray, shape (x, y, z)
        Intensities in canonical orientation.
    background : float
        Places that touch this value do not count.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Names, in order, none twice.
    ndarray of int16, shape (n, 3)
        Where they are.
    """
    share = min(1.0, CHOSEN / max(1, array.size))
    names = [np.empty(0, np.uint64)]
    places = [np.empty((0, 3), np.int16)]
    if min(array.shape[:2]) >= 5:
        for k in range(array.shape[2]):
            named, where = _of_slice(array[:, :, k], background, share)
            names.append(named)
            places.append(np.c_[where, np.full(len(where), k)].astype(np.int16))
    every = np.concatenate(names)
    everywhere = np.concatenate(places)
    _, first, count = np.unique(every, return_index=True, return_counts=True)
    kept = first[count == 1][:NUMBER]
    return every[kept], everywhere[kept]


def _of_slice(pixels: np.ndarray, background: float, share: float) -> tuple[np.ndarray, np.ndarray]:
    whole = _whole(pixels)
    middle = whole[2:-2, 2:-2]
    sides = (whole[1:-3, 2:-2], whole[3:-1, 2:-2], whole[2:-2, 1:-3], whole[2:-2, 3:-1])
    corners = (whole[1:-3, 1:-3], whole[3:-1, 1:-3], whole[1:-3, 3:-1], whole[3:-1, 3:-1])
    rough = np.zeros_like(middle)
    near = -4 * middle
    far = near.copy()
    for side, corner in zip(sides, corners, strict=True):
        near += side
        far += corner
        rough += np.abs(side - middle)
    mixed = np.zeros(middle.shape, np.uint32)
    for number, part in enumerate((np.abs(near), np.abs(far), rough)):
        mixed += part.astype(np.uint32) * np.uint32(_FACTORS[number] & np.uint64(2**32 - 1))
    chosen = np.argwhere((_drawn(mixed) <= np.uint32(share * (2**32 - 1))) & (rough > 0))
    steps = np.arange(5)
    rows = chosen[:, 0, None, None] + steps[:, None]
    columns = chosen[:, 1, None, None] + steps
    block = whole[rows, columns].reshape(-1, 25)
    held = (pixels[rows, columns] != background).all(axis=(1, 2))
    held &= (np.diff(np.sort(block, axis=1), axis=1) > 0).sum(axis=1) >= DISTINCT - 1
    block = block[held]
    chosen = chosen[held]
    differences = (block - block[:, 12:13]).astype(np.int64)
    with np.errstate(over="ignore"):
        names = [
            _spread(((sign * differences[:, way]).view(np.uint64) * _FACTORS).sum(axis=1))
            for way in _WAYS
            for sign in (1, -1)
        ]
    return np.min(names, axis=0), chosen + 2


def shared_by(ours: list[np.ndarray], theirs: list[np.ndarray]) -> list[tuple[int, int]]:
    """List the pairs of scans, by their numbers, that share `LEAST` names or more."""
    mine, my_scan = _flat(ours)
    yours, your_scan = _flat(theirs)
    order = np.argsort(yours, kind="stable")
    first = np.searchsorted(yours[order], mine, "left")
    number = np.searchsorted(yours[order], mine, "right") - first
    number[number > COMMON] = 0
    left = np.repeat(np.arange(len(mine)), number)
    step = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    right = order[first[left] + step]
    pairs, counts = np.unique(
        my_scan[left] * max(1, len(theirs)) + your_scan[right], return_counts=True
    )
    return [divmod(int(pair), len(theirs)) for pair in pairs[counts >= LEAST]]


def _flat(scans: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the names of all scans in one array, and of each name the number of its scan."""
    names = np.concatenate([np.empty(0, np.uint64), *scans])
    return names, np.repeat(np.arange(len(scans)), [len(scan) for scan in scans])


def how_laid(
    one: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    canvas: tuple[int, int],
) -> tuple[int, int, np.ndarray] | None:
    """Find how the first scan has to be laid so that shared places meet.

    Parameters
    ----------
    one, other : tuple of ndarray
        Names, in order, none twice, and places.
    canvas : (int, int)
        Pixels across and along the slices of the first.

    Returns
    -------
    tuple or None
        The turn (as of `Frame.turned`), 1 or -1 for the order of slices, and
        what has to be added to x, y and z; none where too few meet.
    """
    mine, yours = _shared(one[0], other[0])
    if len(mine) < LEAST:
        return None
    where = one[1][mine].astype(int)
    there = other[1][yours].astype(int)
    most = LEAST - 1
    best = None
    for turn in range(8):
        x = where[:, 1 if turn & 4 else 0]
        y = where[:, 0 if turn & 4 else 1]
        width, height = canvas[::-1] if turn & 4 else canvas
        x = width - 1 - x if turn & 2 else x
        y = height - 1 - y if turn & 1 else y
        for up in (1, -1):
            shifts = there - np.stack([x, y, up * where[:, 2]], axis=1)
            values, counts = np.unique(shifts, axis=0, return_counts=True)
            if len(counts) and counts.max() > most:
                most = int(counts.max())
                best = (turn, up, values[counts.argmax()])
    return best


def _shared(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the names are that are in both, which are in order and none twice."""
    place = np.searchsorted(other, one)
    mine = np.flatnonzero(place < len(other))
    mine = mine[other[place[mine]] == one[mine]]
    return mine, place[mine]
