"""Places at which tests ask shapes for distances."""

import numpy as np

from slicewise.phantom.shapes import Points, Shape


def at(*places: tuple[float, float, float]) -> Points:
    """Points; height is along y, as in a patient lying on the back."""
    x, y, z = np.array(places, dtype=np.float32).T
    return Points(x, y, z, y)


def lattice(reach: float, step: float) -> Points:
    """A cube of points around the origin."""
    line = np.arange(-reach, reach + step / 2, step, dtype=np.float32)
    x, y, z = (each.ravel() for each in np.meshgrid(line, line, line, indexing="ij"))
    return Points(x, y, z, y)


def inside(shape: Shape, points: Points) -> np.ndarray:
    """Where the points are in a shape."""
    return np.broadcast_to(shape(points) < 0, points.x.shape)


def centre(shape: Shape, points: Points) -> np.ndarray:
    """The middle of a shape in mm."""
    held = inside(shape, points)
    return np.array([each[held].mean() for each in (points.x, points.y, points.z)])
