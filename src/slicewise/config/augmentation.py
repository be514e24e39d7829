"""Random changes of training slices."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slicewise.config.block import Block, Probability


class Augmentation(Block):
    """Random changes of training slices; the mask moves with its image.

    Each change has a range and the probability that a slice undergoes it.
    """

    rotation: float = Field(15.0, ge=0, le=180, description="Greatest rotation, degrees.")
    rotation_probability: Probability = Field(0.8, description="Of a rotation.")
    scale: float = Field(0.15, ge=0, lt=1, description="Greatest enlargement or reduction.")
    scale_probability: Probability = Field(0.8, description="Of a change of scale.")
    shift: float = Field(0.08, ge=0, lt=1, description="Greatest shift, fraction of the side.")
    shift_probability: Probability = Field(0.8, description="Of a shift.")
    shear: float = Field(0.0, ge=0, le=45, description="Greatest shear, degrees.")
    shear_probability: Probability = Field(0.2, description="Of a shear.")
    flip: bool | Literal["both"] = Field(
        False,
        description="true: mirror the rows (left and right); both: rows and columns, each by "
        "itself. Where anatomy allows.",
    )
    flip_probability: Probability = Field(0.5, description="Of a mirroring.")
    elastic: float = Field(
        0.0, ge=0, lt=0.2, description="Deviation of elastic displacements, fraction of the side."
    )
    elastic_probability: Probability = Field(0.2, description="Of an elastic deformation.")
    gamma: float = Field(
        1.5, ge=1, description="Intensities, from 0 to 1, to a power between 1/gamma and gamma."
    )
    gamma_probability: Probability = Field(0.15, description="Of a gamma change.")
    contrast: float = Field(0.25, ge=0, lt=1, description="Greatest change of contrast.")
    contrast_probability: Probability = Field(0.5, description="Of a change of contrast.")
    brightness: float = Field(0.2, ge=0, description="Greatest shift of normalised intensity.")
    brightness_probability: Probability = Field(0.5, description="Of a shift of intensity.")
    noise: float = Field(0.2, ge=0, description="Greatest deviation of added noise.")
    noise_probability: Probability = Field(0.3, description="Of added noise.")
    blur: float = Field(1.0, ge=0, description="Greatest deviation of a Gaussian blur, pixels.")
    blur_probability: Probability = Field(0.1, description="Of a blur.")
    low_resolution: float = Field(
        2.0, ge=1, description="Greatest factor by which a slice is made coarser."
    )
    low_resolution_probability: Probability = Field(0.1, description="Of a coarser slice.")
