"""The U-net and the finished model around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras

from slicewise.config import Network
from slicewise.network.depth import Depth
from slicewise.network.layers import (
    BatchNormalization,
    CropLike,
    InstanceNormalization,
    PadToMultiple,
    SlicesApart,
)

FIRST = ("down0_conv1", "down0_shortcut_conv")
"""Names of the layers that see what the network is given, where it has them."""
GROUPS = 8
"""Of channels, at most, that are normalised together."""


def build_unet(
    network: Network,
    labels: int,
    policy: str = "float32",
    channels: int = 1,
    supervise: bool = False,
    *,
    outputs: int | None = None,
    depth: Depth | None = None,
    told: int = 0,
) -> keras.Model:
    """Build a U-net that gives logits.

    Parameters
    ----------
    network : Network
        Filters of each stage, normalisation, activation, dropout, variants.
    labels, outputs : int
        One label gives one logit (for a sigmoid), several give one each and one for the
        background (for a softmax), unless `outputs` says of how many regions (for sigmoids).
    policy : str
        Keras dtype policy of the inner layers; input and logits are float32.
    channels : int
        Slices seen at once.
    supervise : bool
        Whether to give the coarse logits of `network.deep_supervision` too (in training).
    depth : Depth, optional
        Of a network of three dimensions: channels are the slices of a block,
        for one channel of the image after the other, and all are segmented.
    told : int
        So many channels tell the plane, the last; they count for nothing until that is learnt.

    Returns
    -------
    keras.Model
        From (n, rows, columns, channels) to (n, rows, columns, outputs), of
        blocks to (n, rows, columns, slices, outputs), for any number of rows
        and columns: padded inside, and cropped back. With deep supervision a
        list: these logits, then those of each coarser decoder stage at half the
        resolution of the one before (of slices where the network halves these),
        on the padded grid. As in nnU-Net the coarsest decoder stage gives none,
        except where it is the only coarse one; a network of two stages has none.

    References
    ----------
    Ronneberger, Fischer, Brox. U-Net. MICCAI 2015.
    He et al. Deep Residual Learning. CVPR 2016 (`network.residual`).
    Lee, Xie, Gallagher, Zhang, Tu. Deeply-Supervised Nets. AISTATS 2015; weighted and placed as
    in Isensee et al., nnU-Net, Nature Methods 2021 (`network.deep_supervision`).
    Çiçek, Abdulkadir, Lienkamp, Brox, Ronneberger. 3D U-Net. MICCAI 2016 (`depth`).
    """
    make = _Blocks(network, policy, depth, told)
    inputs = keras.Input((None, None, channels), dtype="float32", name="normalised")
    stages = make.encode(inputs)
    coarsest = _coarsest_logits(network, supervise)
    full, *coarse = make.decode(stages, coarsest, outputs or _outputs(labels))
    full = CropLike(dtype="float32")([full, inputs])
    outs = [full, *coarse] if coarse else full
    return _blind_to_last(keras.Model(inputs, outs, name="unet"), told)


def _blind_to_last(unet: keras.Model, channels: int) -> keras.Model:
    """Let a network begin without heeding the last of its channels, where there are any."""
    for layer in unet.layers if channels else ():
        if layer.name in FIRST:
            kernel, *bias = layer.get_weights()
            kernel[..., -channels:, :] = 0
            layer.set_weights([kernel, *bias])
    return unet


def _outputs(labels: int) -> int:
    """Return how many logits labels have, each by itself."""
    return labels + 1 if labels > 1 else 1


def _coarsest_logits(network: Network, supervise: bool) -> int:
    """Return the coarsest stage of the decoder that gives logits."""
    if not (network.deep_supervision and supervise):
        return 0
    deepest = len(network.filters) - 1
    return max(deepest - 2, min(deepest - 1, 1))


@dataclass(frozen=True)
class _Blocks:
    """The repeated parts of one network."""

    network: Network
    policy: str
    depth: Depth | None = None
    told: int = 0

    def padded(self, inputs: Any) -> Any:
        """Pad rows and columns so that they can be halved, and take slices of a block apart."""
        x = PadToMultiple(2 ** (len(self.network.filters) - 1), dtype=self.policy)(inputs)
        if self.depth is None:
            return x
        return SlicesApart(self.depth.slices, dtype=self.policy)(x)

    def encode(self, inputs: Any) -> list[Any]:
        """All stages of the encoder, the finest first."""
        x = self.padded(inputs)
        stages = []
        for stage in range(len(self.network.filters)):
            x = self.down(x, stage)
            stages.append(x)
        return stages

    def down(self, x: Any, stage: int) -> Any:
        """One stage of the encoder, at half the resolution of the one before."""
        network = self.network
        if stage:
            layer = self._kind("MaxPooling")
            x = layer(self._pool(stage - 1), dtype=self.policy, name=f"down{stage}_pool")(x)
        filters = network.filters[stage]
        x = self.convolve_twice(x, filters, stage, "down", residual=network.residual)
        if network.dropout and stage >= len(network.filters) - 2:
            x = self._kind("SpatialDropout")(
                network.dropout, dtype=self.policy, name=f"down{stage}_dropout", seed=stage
            )(x)
        return x

    def decode(self, stages: list[Any], coarsest: int, outputs: int) -> list[Any]:
        """All stages of the decoder: the logits of those that give some, the finest first."""
        *skips, x = stages
        logits = []
        for stage, skip in reversed(list(enumerate(skips))):
            x = self.up(x, skip, stage)
            if stage <= coarsest:
                logits.append(self.logits(x, stage, outputs))
        return logits[::-1]

    def up(self, x: Any, skip: Any, stage: int) -> Any:
        """One stage of the decoder, at twice the resolution of the one before."""
        filters = self.network.filters[stage]
        twice = self._pool(stage)
        x = self._kind("Conv", "Transpose")(
            filters,
            twice,
            strides=twice,
            padding="same",
            dtype=self.policy,
            name=f"up{stage}_transpose",
        )(x)
        x = keras.layers.Concatenate(dtype=self.policy, name=f"up{stage}_concat")([x, skip])
        return self.convolve_twice(x, filters, stage, "up")

    def logits(self, x: Any, stage: int, outputs: int) -> Any:
        """Logits at the resolution of a stage, in float32."""
        name = f"logits_{2**stage}" if stage else "logits"
        return self._kind("Conv")(outputs, 1, dtype="float32", name=name)(x)

    def convolve_twice(
        self, x: Any, filters: int, stage: int, way: str, residual: bool = False
    ) -> Any:
        """Two convolutions; `residual` adds the input before the last activation."""
        shortcut = x
        name = f"{way}{stage}"
        kernel = self._kernel(stage)
        x = self._convolve(x, filters, kernel, f"{name}_conv1")
        x = self._normalise(x, f"{name}_norm1")
        x = self._activate(x, f"{name}_act1")
        x = self._convolve(x, filters, kernel, f"{name}_conv2")
        x = self._normalise(x, f"{name}_norm2")
        if residual:
            # what tells the plane is no image, to be added to others
            if shortcut.shape[-1] != filters or (self.told and name == "down0"):
                shortcut = self._convolve(shortcut, filters, 1, f"{name}_shortcut_conv")
                shortcut = self._normalise(shortcut, f"{name}_shortcut_norm")
            x = keras.layers.Add(dtype=self.policy, name=f"{name}_add")([x, shortcut])
        return self._activate(x, f"{name}_act2")

    def _kind(self, name: str, rest: str = "") -> Any:
        """Return a layer of Keras in as many dimensions as the network has."""
        return getattr(keras.layers, f"{name}{2 if self.depth is None else 3}D{rest}")

    def _kernel(self, stage: int) -> int | tuple[int, int, int]:
        return 3 if self.depth is None else (3, 3, self.depth.kernel(stage))

    def _pool(self, stage: int) -> int | tuple[int, int, int]:
        """Return how many pixels of a stage become one of the next, along each axis."""
        return 2 if self.depth is None else (2, 2, self.depth.pool(stage))

    def _convolve(self, x: Any, filters: int, size: int | tuple[int, int, int], name: str) -> Any:
        return self._kind("Conv")(
            filters,
            size,
            padding="same",
            # what follows subtracts the mean, so a bias would be lost in it
            use_bias=self.network.normalisation == "none",
            kernel_initializer="he_normal",
            dtype=self.policy,
            name=name,
        )(x)

    def _normalise(self, x: Any, name: str) -> Any:
        if self.network.normalisation == "batch":
            return BatchNormalization(
                momentum=0.9,
                epsilon=1e-5,
                dtype=self.policy,
                name=name,
            )(x)
        if self.network.normalisation == "instance":
            return InstanceNormalization(dtype=self.policy, name=name)(x)
        if self.network.normalisation == "group":
            # as many of the groups as share the channels (Wu & He, ECCV 2018)
            groups = math.gcd(x.shape[-1], GROUPS)
            return keras.layers.GroupNormalization(
                groups, epsilon=1e-5, dtype=self.policy, name=name
            )(x)
        return x

    def _activate(self, x: Any, name: str) -> Any:
        if self.network.activation == "relu":
            return keras.layers.ReLU(dtype=self.policy, name=name)(x)
        return keras.layers.LeakyReLU(0.01, dtype=self.policy, name=name)(x)
