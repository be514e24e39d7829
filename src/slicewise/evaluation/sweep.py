"""What a sweep came to: how good each combination was when, and which settings mattered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slicewise.dataset.rungs import read_rung
from slicewise.errors import SlicewiseError
from slicewise.stored import AGAIN, read_stored_table

COLUMNS = ("combination", "rung", "epochs", "dice", "first_dice", "minutes", "failed")
"""Of the table; the settings that are tried stand after the first."""
FEW = 8
"""Of more values than that, numbers are told by how the Dice rises with them."""


@dataclass(frozen=True)
class Tried:
    """One combination of a sweep.

    Attributes
    ----------
    name : str
        Of the combination.
    values : mapping
        What it says of each setting that is tried.
    dice : list of float or None
        Validation Dice at the end of each rung that it was trained to.
    epochs : int
        How many it was trained.
    seconds : float
        That this took.
    failed : str
        Why it ended, if its numbers were none.
    """

    name: str
    values: Mapping[str, Any]
    dice: list[float | None]
    epochs: int
    seconds: float
    failed: str = ""

    @property
    def last(self) -> float | None:
        """Its validation Dice when it ended."""
        return self.dice[-1] if self.dice else None


@dataclass(frozen=True)
class Mattered:
    """How much a setting moved the validation Dice.

    Attributes
    ----------
    setting : str
        Its dotted key.
    spread : float or None
        Between the best and the worst of its values, of means; None where these are numbers that
        nearly all differ.
    by_value : list of tuple
        Each value, the mean Dice of combinations with it, and how many these are.
    rank : float or None
        Rank correlation (Spearman) of value and Dice, where these are numbers that nearly all
        differ.
    """

    setting: str
    spread: float | None
    by_value: list[tuple[str, float, int]]
    rank: float | None = None

    @property
    def weight(self) -> float:
        """What settings are sorted by: what they explain, from 0 to 1."""
        return abs(self.rank) if self.rank is not None else (self.spread or 0.0)


def read_tried(values: Mapping[str, Mapping[str, Any]], paths: Sequence[str]) -> list[Tried]:
    """Read what came of the combinations of a sweep.

    Parameters
    ----------
    values : mapping of str to mapping
        By combination, what it says of each setting that is tried.
    paths : sequence of str
        The records of the jobs of all rungs.

    Raises
    ------
    SlicewiseError
        When one is damaged, or is of no combination that it should be of.
    """
    found = sorted(map(read_rung, paths), key=lambda record: record.epochs)
    made = []
    for name, said in values.items():
        records = [each for each in found if each.combination == name]
        if not records:
            raise SlicewiseError(
                f"{Path(paths[0]).parent}: no record is of {name}; delete the folder and run "
                "snakemake again, which makes it anew"
            )
        ended = records[-1]
        dice = [each.dice for each in records if not each.failed]
        made.append(
            Tried(
                name,
                said,
                dice,
                max(len(each.history) for each in records),
                max(each.seconds for each in records),
                ended.failed,
            )
        )
    return made


def shown(value: Any) -> str:
    """Return a value of a setting as a configuration has it.

    >>> shown(0.003), shown([16, 32]), shown("sgd"), shown(None)
    ('0.003', '[16, 32]', 'sgd', 'null')
    """
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


def ranked(tried: Sequence[Tried]) -> list[Tried]:
    """Return combinations, those that were trained longest first, and of these the best."""
    return sorted(
        tried, key=lambda e: (-len(e.dice) if not e.failed else 1, -(e.last or 0.0), e.name)
    )


def table_of(tried: Sequence[Tried]) -> pd.DataFrame:
    """Return a row for each combination, the best first."""
    rows = [
        {
            "combination": each.name,
            **{key: shown(value) for key, value in each.values.items()},
            "rung": len(each.dice) - 1,
            "epochs": each.epochs,
            "dice": each.last,
            "first_dice": each.dice[0] if each.dice else None,
            "minutes": round(each.seconds / 60, 2),
            "failed": each.failed,
        }
        for each in ranked(tried)
    ]
    return pd.DataFrame(rows)


def read_sweep(path: Path) -> pd.DataFrame:
    """Read the table that `table_of` made; without a row where there is no file.

    Raises
    ------
    SlicewiseError
        When the table is damaged.
    """
    if not path.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    table = read_stored_table(path, COLUMNS, key=("combination",), numbers=("rung", "epochs"))
    if table.empty or list(table.columns)[-len(COLUMNS) + 1 :] != list(COLUMNS)[1:]:
        raise SlicewiseError(f"{path}: its columns are not those of a sweep; {AGAIN}")
    return table


def settings_in(table: pd.DataFrame) -> list[str]:
    """Return the settings whose values a table of a sweep has."""
    return [str(name) for name in table.columns if name not in COLUMNS]


def what_mattered(tried: Sequence[Tried]) -> list[Mattered]:
    """Say of each setting how the Dice goes with it, where all were trained as long.

    Parameters
    ----------
    tried : sequence of Tried
        Their Dice at the end of the first rung counts: later ones are of the better alone.

    Returns
    -------
    list of Mattered
        What moved the Dice most first.
    """
    known = [(each, each.dice[0]) for each in tried if each.dice and each.dice[0] is not None]
    if len(known) < 2:
        return []
    dice = np.array([value for _, value in known], float)
    made = [
        _mattered(setting, [each.values[setting] for each, _ in known], dice)
        for setting in known[0][0].values
    ]
    return sorted(made, key=lambda each: -each.weight)


def _mattered(setting: str, values: Sequence[Any], dice: np.ndarray) -> Mattered:
    distinct = {shown(value): value for value in values}
    if len(distinct) > FEW and all(_is_number(value) for value in values):
        return Mattered(setting, None, [], _rank_correlation(np.array(values, float), dice))
    names = np.array([shown(value) for value in values])
    order = sorted(distinct, key=lambda name: _place(distinct[name], name))
    means = [(n, float(dice[names == n].mean()), int((names == n).sum())) for n in order]
    of_values = [mean for _, mean, _ in means]
    return Mattered(setting, max(of_values) - min(of_values), means)


def _place(value: Any, name: str) -> tuple[int, float, str]:
    """Return what values are sorted by: numbers by their size, others by how they are written."""
    return (0, float(value), "") if _is_number(value) else (1, 0.0, name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's coefficient; 0 where one of both is the same everywhere."""
    ranks = [pd.Series(each).rank().to_numpy() for each in (first, second)]
    if any(np.ptp(each) == 0 for each in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
