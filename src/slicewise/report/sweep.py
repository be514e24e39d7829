"""The page of a sweep: what was tried, what mattered, the best by validation, and its test once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from slicewise.evaluation.sweep import Tried, ranked, shown, what_mattered
from slicewise.report.formats import themed
from slicewise.report.parallel import parallel
from slicewise.report.render import counts_absent_labels, overall_label, render, statistics_of

FEW_PATIENTS = 10
"""Of fewer validation patients the order of combinations is mostly chance, and the page says so."""


@dataclass(frozen=True)
class ShownSweep:
    """What the page is about.

    Attributes
    ----------
    dataset, experiment : str
        Their names.
    tried : sequence of Tried
        All combinations.
    epochs : sequence of int
        When each rung ended.
    best : str
        Which combination the experiment is.
    summaries : mapping of str to mapping
        Content of ``summary.json`` of the experiment, and of its repeats with other seeds.
    links : mapping of str to str
        Their reports, from this page.
    page : str
        The page's file, as Snakemake calls it.
    """

    dataset: str
    experiment: str
    tried: Sequence[Tried]
    epochs: Sequence[int]
    best: str
    summaries: Mapping[str, Mapping[str, Any]]
    links: Mapping[str, str]
    page: str


def sweep_page(sweep: ShownSweep) -> str:
    """Write the page.

    Parameters
    ----------
    sweep : ShownSweep
        At least one combination of it has a Dice.

    Returns
    -------
    str
        One HTML page.
    """
    best = next(each for each in sweep.tried if each.name == sweep.best)
    rows = [_row(each, sweep) for each in ranked(sweep.tried)]
    seeds = [_seed(name, summary, sweep) for name, summary in sweep.summaries.items()]
    took = sum(each.epochs for each in sweep.tried)
    return render(
        "sweep.html.j2",
        dataset=sweep.dataset,
        experiment=sweep.experiment,
        settings=list(best.values),
        best={**_row(best, sweep), "said": [(key, shown(v)) for key, v in best.values.items()]},
        rows=rows,
        rungs=_rungs(sweep),
        seeds=seeds,
        tested=any(seed["test"]["mean"] is not None for seed in seeds),
        counting=any(map(counts_absent_labels, sweep.summaries.values())),
        patients=int(seeds[0]["validation"]["n"] or 0),
        few=FEW_PATIENTS,
        mattered=what_mattered(sweep.tried),
        first=sweep.epochs[0],
        failed=[each for each in sweep.tried if each.failed],
        took=took,
        saved=len(sweep.tried) * sweep.epochs[-1] - took,
        minutes=sum(each.seconds for each in sweep.tried) / 60,
        figure=themed(
            "The lines of the combinations", partial(parallel, sweep.tried, best.name, sweep.epochs)
        ),
        page=sweep.page,
    )


def _row(each: Tried, sweep: ShownSweep) -> dict[str, Any]:
    return {
        "name": each.name,
        "values": [shown(value) for value in each.values.values()],
        "dice": each.last,
        "first": each.dice[0] if each.dice else None,
        "epochs": each.epochs,
        "minutes": each.seconds / 60,
        "is_best": each.name == sweep.best,
        "ended": len(each.dice) < len(sweep.epochs) or bool(each.failed),
    }


def _rungs(sweep: ShownSweep) -> list[dict[str, Any]]:
    """Return what there was at the end of each rung."""
    made = []
    for number, epochs in enumerate(sweep.epochs):
        there = [each.dice[number] for each in sweep.tried if len(each.dice) > number]
        known = [value for value in there if value is not None]
        made.append(
            {
                "epochs": epochs,
                "combinations": len(there),
                "best": max(known, default=None),
                "worst": min(known, default=None),
            }
        )
    return made


def _seed(name: str, summary: Mapping[str, Any], sweep: ShownSweep) -> dict[str, Any]:
    scores = {
        subset: statistics_of(summary, subset, overall_label(summary, subset), "dice")
        for subset in ("validation", "test")
    }
    return {"name": name, "link": sweep.links[name], **scores}
