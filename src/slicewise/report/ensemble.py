"""What the report of an ensemble says of its members."""

from __future__ import annotations

from typing import Any

from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.report.render import number


def ensemble_section(record: EnsembleRecord | None) -> dict[str, Any] | None:
    """Return how much each member counts, and what it reaches alone; None of an experiment.

    Parameters
    ----------
    record : EnsembleRecord or None

    Returns
    -------
    dict or None
        ``rows`` of the members (name, weight, weights by fold, Dice), ``together`` of all of them
        (words, Dice), ``because``, ``patients``, ``crossed``, ``fitted``.
    """
    if record is None:
        return None
    rows = [
        {
            "name": name,
            "weight": record.weights[name],
            "by_fold": ", ".join(number(shares[name], 2) for shares in record.by_fold),
            "dice": record.dice.get(name),
        }
        for name in record.members
    ]
    together = [{"name": "all, equally", "dice": record.equal_dice}]
    if record.weighted_dice != record.equal_dice:
        together.append({"name": "all, weighed", "dice": record.weighted_dice})
    return {
        "rows": rows,
        "together": together,
        "because": record.because,
        "patients": record.patients,
        "crossed": bool(record.by_fold),
        "fitted": record.fitted,
    }
