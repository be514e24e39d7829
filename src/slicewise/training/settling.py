"""What is settled at the end of a training: postprocessing that was left open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from slicewise.config import Experiment
from slicewise.dataset.one_piece import BY_MASKS, OnePiece, said
from slicewise.network.card import ModelCard
from slicewise.training.validation import PIECES, Validation

STEPS = (PIECES, "fill_holes")


def settle_postprocessing(
    experiment: Experiment,
    validation: Validation | None,
    model: keras.Model,
    masks: Mapping[str, OnePiece],
    card: ModelCard,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Decide what is set to `auto`.

    Parameters
    ----------
    experiment : Experiment
        All settings.
    validation : Validation or None
        The cases that may decide. Without them only the largest component is
        applied, to labels that are one large piece in every training mask.
    model : keras.Model
        A finished model.
    masks : mapping of str to OnePiece
        What the training masks show of each label, if they tell of pieces.
    card : ModelCard
        By which the model predicts: with what its planes count.

    Returns
    -------
    settings, tried : dict
        As of `Validation.try_postprocessing`; of what masks decide there is no Dice,
        but why.
    """
    settings = experiment.postprocessing.model_dump()
    open_steps = [step for step in STEPS if settings[step] == "auto"]
    settings |= dict.fromkeys(open_steps, False)
    if not open_steps:
        return settings, {}
    if validation is not None:
        return validation.try_postprocessing(model, card, settings, open_steps)
    if PIECES not in open_steps or not masks:
        return settings, {}
    whole = [label for label, shown in masks.items() if not shown.doubt]
    decided = {"by": BY_MASKS, "kept": bool(whole), "labels": whole, "because": said(masks)}
    return {**settings, PIECES: whole or False}, {PIECES: decided}


def decisions(tried: Mapping[str, Any]) -> list[str]:
    """Say what was decided of the steps that are `auto`, and why.

    Parameters
    ----------
    tried : mapping
        From `settle_postprocessing`.
    """
    lines = []
    for step, one in tried.items():
        labels = f" to {', '.join(one['labels'])}" if one.get("labels") else ""
        done = f"applied{labels}" if one["kept"] else "not applied"
        why = one["because"] if one["by"] == BY_MASKS else _by_dice(one)
        lines.append(f"postprocessing.{step}: {done} ({why})")
    return lines


def _by_dice(one: Mapping[str, Any]) -> str:
    if one["dice_with"] is None:
        return "no validation patient has any label"
    return f"validation Dice {one['dice_with']:.4f} with it, {one['dice_without']:.4f} without"
