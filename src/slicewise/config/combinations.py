"""The combinations of a sweep: what each is called and says, and how long each is trained."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from slicewise.config.block import block_of
from slicewise.config.experiment import Experiment
from slicewise.config.presets import merge
from slicewise.config.sweep import MOST, Range, Sweep

BLOCKS = ("input", "network", "loss", "optimizer", "augmentation")
OF_TRAINING = ("batch", "empty", "foreground")
"""Settings of `training` that can be tried: the others make no model better, or decide how long
and on whom it is tried."""
SHORT = {"learning_rate": "lr", "weight_decay": "decay"}
"""What settings are called in names of combinations, where that is not their last word."""
DIGITS = 3
"""Significant digits of what is drawn from a range."""
LONGEST = 120
"""Letters of the name of a combination, which is a folder."""
DRAWS = 50
"""So often is drawn again for each combination before there is taken to be no other."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Rung:
    """What is trained before some combinations end.

    Attributes
    ----------
    combinations : int
        So many are trained,
    epochs : int
        until the end of this one, from 1.
    """

    combinations: int
    epochs: int


@dataclass(frozen=True)
class Swept:
    """The combinations of one sweep.

    Attributes
    ----------
    candidates : dict of str to Experiment
        Each of them by its name.
    values : dict of str to dict
        What each says of the settings that are tried.
    rungs : list of Rung
        At the end of the last the training is over.
    """

    candidates: dict[str, Experiment]
    values: dict[str, Values]
    rungs: list[Rung]

    @property
    def epochs(self) -> int:
        """How many all combinations take together."""
        before = [0, *(rung.epochs for rung in self.rungs)]
        return sum(
            rung.combinations * (rung.epochs - begun)
            for rung, begun in zip(self.rungs, before, strict=False)
        )


def swept(name: str, experiment: Experiment) -> Swept:
    """Return the combinations of an experiment with a sweep.

    Parameters
    ----------
    name : str
        Its name.
    experiment : Experiment
        With all that is the same of them.

    Raises
    ------
    ValueError
        Says which key or value of the sweep is wrong.

    Examples
    --------
    >>> tried = Sweep(**{"optimizer.learning_rate": [0.001, 0.003], "training.batch": [4, 8]})
    >>> list(swept("baseline", Experiment(slices="a", sweep=tried)).candidates)[:2]
    ['baseline-lr0.001-batch4', 'baseline-lr0.001-batch8']
    """
    sweep = experiment.sweep
    assert sweep is not None
    place = f"experiments.{name}.sweep"
    _check_whole(place, experiment, sweep)
    plain = experiment.model_dump(exclude_unset=True, exclude={"sweep"})
    for key, values in sweep.tried.items():
        _check_key(place, key, plain)
        for value in values if isinstance(values, list) else _ends(key, values):
            _experiment(f"{place}.{key} tries {_shown(value)}", plain, {key: value}, key)
    short = _short_names(list(sweep.tried))
    by_name: dict[str, Values] = {}
    for combined in _drawn(sweep, place) if sweep.sample else _all(sweep, place):
        called = _called(name, combined, short)
        if called in by_name:
            raise ValueError(
                f"{place}: two combinations would both be called {called}; write their values so "
                "that letters, digits, _ and - tell them apart"
            )
        by_name[called] = combined
    return Swept(
        {
            called: _experiment(f"{place}: {called}", plain, combined)
            for called, combined in by_name.items()
        },
        by_name,
        rungs(len(by_name), int(experiment.training.epochs or 0), sweep),
    )


def rungs(combinations: int, epochs: int, sweep: Sweep) -> list[Rung]:
    """Return how many combinations are trained how long (successive halving).

    Jamieson and Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter
    optimization", AISTATS.

    Examples
    --------
    >>> swept = Sweep(**{"loss.dice": [1], "budget": 10})
    >>> [(r.combinations, r.epochs) for r in rungs(8, 60, swept)]
    [(8, 10), (4, 20), (2, 40), (1, 60)]
    """
    made = []
    left = combinations
    end = epochs if sweep.budget is None else sweep.budget
    while end < epochs and left > 1:
        made.append(Rung(left, end))
        left = math.ceil(left / sweep.reduction)
        end *= sweep.reduction
    return [*made, Rung(left, epochs)]


def _check_whole(place: str, experiment: Experiment, sweep: Sweep) -> None:
    """Refuse what no sweep goes with."""
    training = experiment.training
    if experiment.preset == "auto":
        raise ValueError(
            f"{place} goes with settings that are known before the run, and preset: auto is "
            "planned in it; write the plan down with slicewise plan, and try values beside it"
        )
    if training.minutes is not None or training.epochs is None:
        raise ValueError(
            f"{place} counts in epochs; give training.epochs, and leave training.minutes out"
        )
    if sweep.budget is not None and sweep.budget % training.validate_every:
        raise ValueError(
            f"{place}.budget: {sweep.budget} epochs end between two validations "
            f"(training.validate_every: {training.validate_every}); make it a multiple"
        )


def _check_key(place: str, key: str, plain: Values) -> None:
    """Refuse a setting that there is not, or that cannot be tried."""
    known = list(_keys())
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f", did you mean {near[0]}?" if near else ":"
        raise ValueError(
            f"{place}.{key} is no setting that can be tried{hint} It can be any of "
            f"{', '.join(BLOCKS)} and {', '.join(f'training.{each}' for each in OF_TRAINING)}, "
            "with dots (optimizer.learning_rate)"
        )
    *above, _ = key.split(".")
    block: Any = plain
    for part in above:
        block = block.get(part, {})
        if block is None:
            raise ValueError(
                f"{place}.{key}: {part} is null; leave that out, or try whole values of {part}"
            )


def _keys() -> Iterator[str]:
    """Yield the settings that can be tried."""
    for name in BLOCKS:
        block, _ = block_of(Experiment.model_fields[name].annotation)
        assert block is not None
        yield from (f"{name}.{field}" for field in block.model_fields)
    yield "augmentation"
    yield from (f"training.{field}" for field in OF_TRAINING)


def _experiment(place: str, plain: Values, values: Values, key: str = "") -> Experiment:
    """Return the experiment of a combination, or say what is wrong with it."""
    laid: dict[str, Any] = {}
    for name, value in values.items():
        *above, last = name.split(".")
        block = laid
        for part in above:
            block = block.setdefault(part, {})
        block[last] = value
    try:
        made = Experiment.model_validate(merge(plain, laid))
    except ValidationError as error:
        about = [e for e in error.errors() if _is_about(e["loc"], key)]
        if not about and key:
            # it may well go with another value that is tried beside it
            return Experiment.model_validate(plain)
        first = (about or error.errors())[0]
        why = str(first.get("ctx", {}).get("error", first["msg"])).removeprefix("Input ")
        raise ValueError(f"{place}, and {why[:1].lower()}{why[1:]}") from None
    first_seed = (made.training.seeds or [made.training.seed])[0]
    training = made.training.model_copy(update={"seed": first_seed, "seeds": []})
    return made.model_copy(update={"training": training})


def _is_about(location: Sequence[Any], key: str) -> bool:
    """Tell whether an error is about a setting itself, and not about what it goes with."""
    parts = key.split(".")
    return [str(part) for part in location[: len(parts)]] == parts


def _all(sweep: Sweep, place: str) -> list[Values]:
    """Return every combination."""
    lists = [values for values in sweep.tried.values() if isinstance(values, list)]
    number = math.prod(map(len, lists))
    if number > MOST:
        raise ValueError(
            f"{place} makes {number} combinations, and {MOST} are the most; try fewer values, or "
            "draw some of them (sample: 20)"
        )
    return [dict(zip(sweep.tried, each, strict=True)) for each in itertools.product(*lists)]


def _drawn(sweep: Sweep, place: str) -> list[Values]:
    """Return a sample of combinations; one that is larger begins with the same."""
    made: list[Values] = []
    wanted = int(sweep.sample or 0)
    for turn in range(wanted * DRAWS):
        if len(made) == wanted:
            break
        drawn = {key: _draw(sweep, turn, key, of) for key, of in sweep.tried.items()}
        if drawn not in made:
            made.append(drawn)
    if len(made) < wanted:
        raise ValueError(
            f"{place}.sample: there are no {wanted} different combinations, but about {len(made)}; "
            "leave sample out, and all are tried"
        )
    return made


def _draw(sweep: Sweep, turn: int, key: str, of: list[Any] | Range) -> Any:
    """Return a value of one setting, which neither other settings nor other turns change."""
    share = random.Random(f"{sweep.seed}/{turn}/{key}").random()
    if isinstance(of, list):
        return of[int(share * len(of))]
    whole = _is_whole(key)
    # each whole number has the same room, the last one too
    low, high = (of.low - 0.5, of.high + 0.5) if whole else (of.low, of.high)
    if of.scale == "log":
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        value = low + share * (high - low)
    if whole:
        return min(max(round(value), int(of.low)), int(of.high))
    return min(max(float(f"{value:.{DIGITS}g}"), of.low), of.high)


def _ends(key: str, of: Range) -> list[Any]:
    """Return the least and the greatest value of a range, as the setting takes them."""
    whole = _is_whole(key)
    return [int(end) if whole and end.is_integer() else end for end in (of.low, of.high)]


def _is_whole(key: str) -> bool:
    """Tell whether a setting takes whole numbers only."""
    block, last = key.split(".") if "." in key else ("", key)
    model, _ = block_of(Experiment.model_fields[block].annotation) if block else (Experiment, False)
    assert model is not None
    kind = model.model_fields[last].annotation
    return int in (kind, *get_args(kind)) and float not in (kind, *get_args(kind))


def _called(name: str, values: Values, short: dict[str, str]) -> str:
    """Return the name of a combination: stable, whatever else is tried."""
    parts = [f"{short[key]}{_slug(value)}" for key, value in values.items()]
    called = "-".join([name, *parts])
    if len(called) <= LONGEST:
        return called
    return f"{called[: LONGEST - 9]}-{_digest(values)}"


def _short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return what each setting is called: its last word, or all where two share that."""
    last = {key: key.rsplit(".", maxsplit=1)[-1] for key in keys}
    names = list(last.values())
    return {
        key: SHORT.get(word, word) if names.count(word) == 1 else key.replace(".", "_")
        for key, word in last.items()
    }


def _slug(value: Any) -> str:
    """Return a value as names of folders may have it.

    >>> [_slug(each) for each in (0.003, [16, 32], None, True, "leaky relu", 2)]
    ['0.003', '16x32', 'none', 'true', 'leaky_relu', '2']
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}".replace("+", "")
    if isinstance(value, list):
        return "x".join(_slug(each) for each in value)
    if isinstance(value, dict):
        return _digest(value)
    return re.sub(r"[^A-Za-z0-9_-]", "_", str(value))


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)
