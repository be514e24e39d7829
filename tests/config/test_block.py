"""What all blocks share."""

import math

import pytest
from pydantic import ValidationError

from slicewise.config import Settings
from slicewise.config.block import Block, Fraction, Name, Probability, Spacing


class Some(Block):
    name: Name = "a"
    number: float = 1.0
    fraction: Fraction = 0.0
    probability: Probability = 1.0
    spacing: Spacing | None = None


@pytest.mark.parametrize(
    "wrong",
    [
        {"nmae": "a"},
        {"name": "a/b"},
        {"name": "-a"},
        {"name": 1},
        {"number": "1"},
        {"number": math.nan},
        {"number": math.inf},
        {"fraction": 1.0},
        {"fraction": -0.1},
        {"probability": 1.1},
        {"spacing": [1.0, 1.0]},
        {"spacing": [1.0, 1.0, 0.001]},
    ],
)
def test_nothing_is_guessed(wrong):
    with pytest.raises(ValidationError):
        Some(**wrong)


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Some().number = 2.0


def test_every_setting_is_described():
    def undescribed(model, path: str) -> list[str]:
        bare = []
        for name, field in model.model_fields.items():
            inner = getattr(field.annotation, "model_fields", None)
            if inner is not None:
                bare += undescribed(field.annotation, f"{path}.{name}")
            elif not field.description and field.annotation in (int, float, str, bool):
                bare.append(f"{path}.{name}")
        return bare

    assert not undescribed(Settings, "settings")
