"""The U-net and the finished model around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from slicewise.config import Network
from slicewise.network.layers import (
    BatchNormalization,
    CropLike,
    InstanceNormalization,
    PadToMultiple,
)


def build_unet(
    network: Network,
    labels: int,
    policy: str = "float32",
    channels: int = 1,
    supervise: bool = False,
    *,
    outputs: int | None = None,
) -> keras.Model:
    """Build a U-net that gives logits.

    Parameters
    ----------
    network : Network
        Filters of each stage, normalisation, activation, dropout, variants.
    labels, outputs : int
        One label gives one logit (for a sigmoid), several give one for the
        background and one for each (for a softmax), unless `outputs` says how
        many there are: one for each region (for sigmoids).
    policy : str
        Keras dtype policy of the inner layers; input and logits are float32.
    channels : int
        Slices seen at once.
    supervise : bool
        Whether to give the coarse logits of `network.deep_supervision` too (in training).

    Returns
    -------
    keras.Model
        From (n, rows, columns, channels) to (n, rows, columns, outputs), for
        any number of rows and columns: padded inside, and cropped back. With
        deep supervision a list: these logits, then those of each coarser
        decoder stage at half the resolution of the one before, on the padded
        grid. As in nnU-Net the coarsest decoder stage gives none, except where
        it is the only coarse one; a network of two stages has no coarse one.

    References
    ----------
    Ronneberger, Fischer, Brox. U-Net. MICCAI 2015.
    He et al. Deep Residual Learning. CVPR 2016 (`network.residual`).
    Lee, Xie, Gallagher, Zhang, Tu. Deeply-Supervised Nets. AISTATS 2015;
    weighted and placed as in Isensee et al., nnU-Net, Nature Methods 2021
    (`network.deep_supervision`).
    """
    deepest = len(network.filters) - 1
    make = _Blocks(network, policy)
    inputs = keras.Input((None, None, channels), dtype="float32", name="normalised")
    x = PadToMultiple(2**deepest, dtype=policy)(inputs)
    skips = []
    for stage in range(deepest + 1):
        x = make.down(x, stage)
        skips.append(x)
    logits = []
    for stage in reversed(range(deepest)):
        x = make.up(x, skips[stage], stage)
        if stage <= _coarsest_logits(network, supervise):
            logits.append(make.logits(x, stage, outputs or _outputs(labels)))
    full, *coarse = reversed(logits)
    full = CropLike(dtype="float32")([full, inputs])
    return keras.Model(inputs, [full, *coarse] if coarse else full, name="unet")


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

    def down(self, x: Any, stage: int) -> Any:
        """One stage of the encoder, at half the resolution of the one before."""
        network = self.network
        if stage:
            x = keras.layers.MaxPooling2D(dtype=self.policy, name=f"down{stage}_pool")(x)
        filters = network.filters[stage]
        x = self.convolve_twice(x, filters, f"down{stage}", residual=network.residual)
        if network.dropout and stage >= len(network.filters) - 2:
            x = keras.layers.SpatialDropout2D(
                network.dropout, dtype=self.policy, name=f"down{stage}_dropout", seed=stage
            )(x)
        return x

    def up(self, x: Any, skip: Any, stage: int) -> Any:
        """One stage of the decoder, at twice the resolution of the one before."""
        filters = self.network.filters[stage]
        x = keras.layers.Conv2DTranspose(
            filters, 2, strides=2, padding="same", dtype=self.policy, name=f"up{stage}_transpose"
        )(x)
        x = keras.layers.Concatenate(dtype=self.policy, name=f"up{stage}_concat")([x, skip])
        return self.convolve_twice(x, filters, f"up{stage}")

    def logits(self, x: Any, stage: int, outputs: int) -> Any:
        """Logits at the resolution of a stage, in float32."""
        name = f"logits_{2**stage}" if stage else "logits"
        return keras.layers.Conv2D(outputs, 1, dtype="float32", name=name)(x)

    def convolve_twice(self, x: Any, filters: int, name: str, residual: bool = False) -> Any:
        """Two convolutions; `residual` adds the input before the last activation."""
        shortcut = x
        x = self._convolve(x, filters, 3, f"{name}_conv1")
        x = self._normalise(x, f"{name}_norm1")
        x = self._activate(x, f"{name}_act1")
        x = self._convolve(x, filters, 3, f"{name}_conv2")
        x = self._normalise(x, f"{name}_norm2")
        if residual:
            if shortcut.shape[-1] != filters:
                shortcut = self._convolve(shortcut, filters, 1, f"{name}_shortcut_conv")
                shortcut = self._normalise(shortcut, f"{name}_shortcut_norm")
            x = keras.layers.Add(dtype=self.policy, name=f"{name}_add")([x, shortcut])
        return self._activate(x, f"{name}_act2")

    def _convolve(self, x: Any, filters: int, size: int, name: str) -> Any:
        return keras.layers.Conv2D(
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
        return x

    def _activate(self, x: Any, name: str) -> Any:
        if self.network.activation == "relu":
            return keras.layers.ReLU(dtype=self.policy, name=name)(x)
        return keras.layers.LeakyReLU(0.01, dtype=self.policy, name=name)(x)
