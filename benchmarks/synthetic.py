"""A CT of the size of real ones, made on the spot, for the benchmarks."""

from __future__ import annotations

import numpy as np

from slicewise.volumes.volume import Volume

SHAPE = (512, 512, 129)


def ct(shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> tuple[Volume, Volume]:
    """Return a noisy body and its liver, stored as a scanner does: LPS."""
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    noise = np.random.default_rng(seed).normal(0, 12, shape).astype(np.float32)
    body = (x[:, None] / 0.8) ** 2 + (y[None] / 0.6) ** 2 < 1
    image = np.where(body[..., None], 60, -1000) + noise
    liver = (x[:, None, None] + 0.3) ** 2 + y[:, None] ** 2 + z**2 < 0.12
    affine = np.diag([-0.7, -0.7, 1.6, 1.0])
    return (
        Volume(np.rint(image).astype(np.int16), affine),
        Volume(liver.astype(np.uint8), affine),
    )
