"""Setting experiments side by side: those of a workflow, or any folders of results.

It stands beside the rooms, as it joins three of them: numbers of `evaluation`, the page of
`report`, and the energy that `tracking` measured, of which the report knows nothing.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from pydantic import ValidationError

from slicewise.config import Content
from slicewise.config.evaluation import Bins
from slicewise.dataset.unsized import unsized_cases
from slicewise.errors import SlicewiseError
from slicewise.evaluation.comparison import (
    KEYS,
    Tables,
    case_table,
    compare,
    grouped,
    subset_of,
)
from slicewise.evaluation.folds import Folds, read_folds, training_minutes
from slicewise.evaluation.grouping import groupings
from slicewise.evaluation.groups import headline_scores
from slicewise.evaluation.ledger import count_scored, test_set_digest
from slicewise.evaluation.results import Result, read_result
from slicewise.evaluation.sweep import read_sweep
from slicewise.files import digest, whole_path, write_text
from slicewise.records import SWEPT
from slicewise.report.changed import Changed, Files, draw_changed
from slicewise.report.comparison import ComparedExperiments, comparison_report
from slicewise.report.cost import Cost, read_costs
from slicewise.report.render import plain_page
from slicewise.report.tables import called, is_crossed
from slicewise.report.undrawn import Undrawn, drawn
from slicewise.report.verdicts import verdicts
from slicewise.stored import refused
from slicewise.tracking.energy import training_energy

Results = Mapping[str, Result]
COSTS: dict[str, Callable[[Iterable[float]], float]] = {
    "minutes": sum,
    "memory_mb": max,
    "energy_wh": sum,
}
"""What an ensemble takes of its members."""


@dataclass(frozen=True)
class Comparison:
    """Experiments side by side.

    Attributes
    ----------
    table : DataFrame
        A row for each pair, label and metric, see `comparison.compare`.
    cases : DataFrame
        Dice of every case and label, a column a training.
    page : str
        The same for people, HTML.
    verdicts : list of str
        What it comes to, a sentence for each two.
    """

    table: pd.DataFrame
    cases: pd.DataFrame
    page: str
    verdicts: list[str]

    @property
    def metrics(self) -> dict[str, float]:
        """The differences, by names for MLflow: ``baseline_minus_tutorial/test/dice``, …."""
        named = {}
        for row in self.table.to_dict("records"):
            place = f"{row['second']}_minus_{row['first']}/{row['subset']}"
            if row["label"] != "mean":
                place += f"/{row['label']}"
            named[f"{place}/{row['metric']}"] = row["difference"]
            if row["metric"] == "dice":
                more = ("ci_low", "ci_high", "p", "p_holm", "sd_seeds")
                named |= {f"{place}/dice_{end}": row[end] for end in more}
        return {name: float(value) for name, value in named.items() if value == value}

    def write(self, table: str | Path, cases: str | Path, page: str | Path) -> None:
        """Write the tables and the page."""
        write_text(table, self.table.to_csv(sep="\t", index=False))
        write_text(cases, self.cases.to_csv(sep="\t", index=False))
        write_text(page, self.page)


def set_side_by_side(
    dataset: str,
    results: Results,
    repeats: Mapping[str, Sequence[str]],
    links: Mapping[str, str],
    files: Mapping[str, Files],
    *,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    bins: Mapping[str, Bins] | None = None,
    shown_channel: str | None = None,
    unsized: Collection[str] = (),
    swept: Mapping[str, int] | None = None,
    page: str = "",
) -> Comparison:
    """Compare experiments by their results.

    Parameters
    ----------
    dataset : str
        What the page calls their data set.
    results, links : mapping of str to Result, and to str
        By training, what it left, and where its report is, relative to the page.
    repeats : mapping of str to sequence of str
        Of an experiment with several seeds, the names of its trainings.
    files : mapping of str to Files
        By case, what overlays are drawn of; cases without are not drawn.
    columns, bins, shown_channel, unsized, swept, page : optional
        See `groupings` and `ComparedExperiments`; which channel is drawn.

    Raises
    ------
    SlicewiseError
        See `compare_results`.
    """
    metrics = {name: result.metrics for name, result in results.items()}
    table = compare_results(results, repeats)
    first = next(iter(results))

    def written() -> str:
        shown = ComparedExperiments(
            dataset=dataset,
            metrics=metrics,
            table=table,
            links=links,
            provenance=_origins({n: one.folds.records[0].origin for n, one in results.items()}),
            repeats=repeats,
            **_trained(results),
            scored_runs=_scored_runs(results),
            changed=_changed(results, repeats, files, shown_channel),
            groupings=groupings(headline_scores(metrics[first]), columns or {}, bins or {}),
            unsized=unsized,
            swept=swept or {},
            page=page,
        )
        return comparison_report(shown)

    said = verdicts_of(table, metrics, swept)
    text = _page_or_lines(dataset, written, [*said, *links.values()])
    return Comparison(table, _cases(metrics, columns or {}), text, said)


def compare_results(results: Results, repeats: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Compare every two experiments by their results, see `comparison.compare`.

    Raises
    ------
    SlicewiseError
        Where their test patients, labels, regions or ground truth differ, or one is called as
        a column that tables of them have.
    """
    for name in results:
        if name in KEYS:
            raise SlicewiseError(
                f"{name}: no experiment that is compared can be called so, as comparison_cases.tsv "
                "has a column of that name; rename its folder"
            )
    (first, one), *others = [(name, _regions(result)) for name, result in results.items()]
    for second, other in others:
        # digests of ground truth are of labels, whatever regions are made of them
        for region, labels in one.items():
            if labels != other.get(region, labels):
                made = f"{' and '.join(labels)} against {' and '.join(other[region])}"
                raise SlicewiseError(
                    f"{first} and {second}: they cannot be compared, as {region} is made of other "
                    f"labels ({made}); train and score both with the same dataset.regions"
                )
    return compare({name: result.metrics for name, result in results.items()}, repeats)


def _regions(result: Result) -> dict[str, list[str]]:
    """Return the names of the labels of each region: their numbers follow from an order."""
    told = result.folds.records[0].content
    if not told.get("regions"):
        return {}
    content = _content(result.folder, told, None)
    names = ["", *content.labels]
    return {region: sorted(names[each] for each in own) for region, own in content.regions.items()}


def verdicts_of(
    table: pd.DataFrame, metrics: Tables, swept: Mapping[str, int] | None = None
) -> list[str]:
    """Say what the comparisons of the test patients come to, or of the others without any.

    `swept` says of experiments of how many combinations a sweep chose their settings.
    """
    subset = subset_of(metrics)
    crossed = all(map(is_crossed, metrics.values()))
    return verdicts(table, subset, called(subset, crossed), swept)


def _changed(
    results: Results,
    repeats: Mapping[str, Sequence[str]],
    files: Mapping[str, Files],
    shown_channel: str | None,
) -> list[Changed | Undrawn]:
    """Draw the patients that experiments differ in most, of one training of each."""
    first = next(iter(results.values()))
    content = _content(first.folder, first.folds.records[0].content, shown_channel)
    heads = {name: results[name].metrics for name in grouped(results, repeats)}
    return list(draw_changed(heads, files, content))


def _page_or_lines(dataset: str, page: Callable[[], str], lines: Sequence[str]) -> str:
    """Return the page, or a plain one: the tables, of the same job, would be lost with it."""
    text = drawn("The page of the comparison", page)
    return plain_page(dataset, [text.sentence, *lines]) if isinstance(text, Undrawn) else text


def _cases(metrics: Tables, columns: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Return the Dice of every case, and what columns say of it."""
    cases = case_table(metrics)
    return cases.assign(**{name: cases["case"].map(values) for name, values in columns.items()})


def _content(folder: Path, told: Mapping[str, Any], shown: str | None) -> Content:
    """Return what a data set holds, as a training was told, and which channel is shown."""
    try:
        return Content(**{**told, "shown_channel": shown})
    except ValidationError as error:
        raise refused(folder / "fold-0" / "config.yaml", error.errors()[0]["msg"]) from None


def _origins(origins: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return versions and commits that all share, and of the others each one's own."""
    shared = {}
    for key in dict.fromkeys(key for origin in origins.values() for key in origin):
        values = {name: str(origin.get(key, "unknown")) for name, origin in origins.items()}
        different = len(set(values.values())) > 1
        shown = [f"{name}: {value}" for name, value in values.items()]
        shared[key] = ", ".join(shown) if different else next(iter(values.values()))
    return shared


def _trained(results: Results) -> dict[str, dict[str, Any]]:
    """Return what a page shows of each training, by the names of `ComparedExperiments`."""
    return {
        "rows": {name: result.summary for name, result in results.items()},
        "histories": {name: _histories(result) for name, result in results.items()},
        "parameters": {name: result.folds.parameters for name, result in results.items()},
        "costs": {name: _cost(result) for name, result in results.items()},
    }


def _histories(result: Result) -> Mapping[str, pd.DataFrame]:
    """Return the epochs of each fold; none of an ensemble, whose members were trained apart."""
    return {} if result.folds.ensemble is not None else result.folds.histories


def _cost(result: Result) -> dict[str, float | None]:
    """Return what training took; of an ensemble, all its members, which lie beside it."""
    members = result.folds.members
    if not members:
        return _training_cost(result.folder, result.folds)
    every = [_training_cost(result.folder.parent / name, own) for name, own in members.items()]
    return {name: _of_all([cost[name] for cost in every], put) for name, put in COSTS.items()}


def _of_all(
    values: Sequence[float | None], put: Callable[[Iterable[float]], float]
) -> float | None:
    known = [value for value in values if value is not None]
    return put(known) if len(known) == len(values) else None


def _training_cost(folder: Path, folds: Folds) -> dict[str, float | None]:
    histories = folds.histories
    # others are of a training with more folds
    stages = {cost.stage: cost for cost in read_costs(folder, [], {"train": list(histories)})}
    return {
        "minutes": _minutes(folds, stages.get("train")),
        "memory_mb": stages["train"].peak_mb if "train" in stages else None,
        "energy_wh": training_energy(folder / "tracking", len(histories)),
    }


def _minutes(folds: Folds, job: Cost | None) -> float | None:
    """Return the minutes that trainings took, from the start of their jobs to the end.

    A job that was interrupted knows only of its last part: then those of all its parts count, as
    they were measured without starts, or the median epoch for all, where nothing was measured.
    """
    measured = [one.resolved.seconds for one in folds.records]
    known = [seconds / 60 for seconds in measured if seconds is not None]
    least = sum(known) if len(known) == len(measured) else None
    if least is None:
        least = training_minutes(folds.histories.values())
    of_job = job.minutes if job else None
    known_times = [minutes for minutes in (least, of_job) if minutes is not None]
    return max(known_times, default=None)


def _scored_runs(results: Results) -> int | None:
    """Count the runs scored on the test set, in the folders of all data sets; None if unknown."""
    metrics = next(iter(results.values())).metrics
    truths = metrics.loc[metrics["subset"] == "test", "truth_sha256"]
    if truths.empty or truths.isna().any():
        return None
    datasets = {whole_path(result.folder).parent for result in results.values()}
    ledgers = itertools.chain.from_iterable(each.glob("*/tracking") for each in datasets)
    return count_scored(ledgers, test_set_digest(metrics))


# -- any folders ---------------------------------------------------------------


def compare_folders(
    folders: Sequence[Path], output: Path, log: Callable[[str], None] = print
) -> Comparison:
    """Compare the experiments in any folders of results.

    Trainings that differ in nothing but the seed count as one experiment.

    Parameters
    ----------
    folders : sequence of Path
        ``results/<dataset>/<experiment>``, of any data sets or workflows.
    output : Path
        Where ``comparison.tsv``, ``comparison_cases.tsv`` and ``comparison.html`` go.
    log : callable
        Called with each verdict, and with where the page is.

    Raises
    ------
    SlicewiseError
        When a folder is no scored experiment, or they cannot be compared.
    """
    results = {name: read_result(folder) for name, folder in name_folders(folders).items()}
    page = output / "comparison.html"
    reports = {name: result.folder / "report.html" for name, result in results.items()}
    made = set_side_by_side(
        " and ".join(dict.fromkeys(whole_path(r.folder).parent.name for r in results.values())),
        results,
        repeats_of(results),
        {n: quote(os.path.relpath(p, output)) for n, p in reports.items() if p.is_file()},
        _files(results),
        unsized=_unsized(results),
        swept=swept_of(results),
    )
    made.write(output / "comparison.tsv", output / "comparison_cases.tsv", page)
    for line in made.verdicts:
        log(line)
    log(f"the page: {page}")
    return made


def _unsized(results: Results) -> set[str]:
    """Return the cases whose voxels have a size that nobody knows, as far as folders tell."""
    found: set[str] = set()
    for result in results.values():
        if not result.folds.records[0].content.get("spacing"):
            found |= unsized_cases(result.folder.parent)
    return found


def name_folders(folders: Sequence[Path]) -> dict[str, Path]:
    """Name folders by the last parts of their paths, as few as tell them apart.

    Raises
    ------
    SlicewiseError
        With less than two folders, or one that is there twice.
    """
    paths = list(map(whole_path, folders))
    if len(paths) < 2 or len(set(map(Path.resolve, paths))) < len(paths):
        raise SlicewiseError(
            f"{', '.join(map(str, folders))}: two or more different folders can be compared; name "
            "folders results/<dataset>/<experiment>"
        )
    longest = max(len(path.parts) for path in paths)
    for length in range(1, longest + 1):
        names = ["/".join(path.parts[-length:]).lstrip("/") for path in paths]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, folders, strict=True))


def repeats_of(results: Results) -> dict[str, list[str]]:
    """Group the trainings that differ in nothing but the seed, beside others to compare with."""
    groups = seeds_of(results)
    # where nothing else is left, the seeds are what is compared
    return groups if len(grouped(results, groups)) > 1 else {}


def seeds_of(results: Results) -> dict[str, list[str]]:
    """Group the trainings that differ in nothing but the seed, by the name of the first."""
    alike: dict[str, dict[int, str]] = {}
    several: set[str] = set()
    for name, result in results.items():
        key, seed = _without_seed(result.folds)
        if seed in alike.setdefault(key, {}):
            several.add(key)  # the same training twice: that is what is compared
        alike[key][seed] = name
    return {
        min(seeds.values(), key=list(results).index): list(seeds.values())
        for key, seeds in alike.items()
        if len(seeds) > 1 and key not in several
    }


def seeds_beside(result: Result) -> list[str]:
    """Name the trainings that lie beside one and differ from it in nothing but the seed.

    They are called as the workflow calls them: ``baseline-seed2`` beside ``baseline``.
    """
    folds = result.folds
    if folds.ensemble is not None:
        return []
    key, seed = _without_seed(folds)
    place = result.folder.parent
    first = re.sub(r"-seed\d+$", "", result.folder.name)
    found = []
    for path in (place / first, *sorted(place.glob(f"{glob.escape(first)}-seed*"))):
        configs = [path / f"fold-{k}" / "config.yaml" for k in range(folds.number)]
        if not all(config.is_file() for config in configs):
            continue
        # what nobody can read repeats nothing
        with suppress(SlicewiseError):
            other, own = _without_seed(read_folds(list(map(str, configs)), []))
            if other == key and own != seed:
                found.append(path.name)
    return found


def swept_of(results: Results) -> dict[str, int]:
    """Return of how many combinations a sweep chose the settings of trainings, of the best ones."""
    tried = {name: len(read_sweep(result.folder / SWEPT[1])) for name, result in results.items()}
    return {name: number for name, number in tried.items() if number}


def _without_seed(folds: Folds) -> tuple[str, int]:
    records = folds.records
    if folds.ensemble is not None:
        # no seed alone makes one
        return digest(folds.models), 0
    experiment = records[0].experiment
    training = {k: v for k, v in experiment["training"].items() if k not in ("seed", "seeds")}
    parts = [[one.recipe, one.content, one.train] for one in records]
    # masks may have been corrected meanwhile, and a name be that of another model
    starts = [one.started_from for one in records]
    teachers = [one.taught_by for one in records]
    read = [
        folds.digests,
        [each and (each.weights_sha256 or each.sha256) for each in starts],
        [each and each.says for each in teachers],
    ]
    # by what ran: one commit may have been trained with changes, and several be the same code
    origins = [one.origin for one in records]
    code = [origin.get("library_sha256") or origin.get("git_commit") for origin in origins]
    key = digest([experiment | {"training": training}, parts, read, code])
    return key, experiment["training"]["seed"]


def _files(results: Results) -> dict[str, Files]:
    """Return the files of the cases whose image is among the results, for the overlays."""
    first = next(iter(results.values()))
    files = {}
    for case in first.metrics["case"].unique():
        place = first.folder.parent / "cases" / case
        pair = [place / f"{kind}.nii.gz" for kind in ("image", "mask")]
        guesses = {
            name: result.folder / "predictions" / f"{case}.nii.gz"
            for name, result in results.items()
        }
        if all(path.is_file() for path in (*pair, *guesses.values())):
            predictions = {name: str(path) for name, path in guesses.items()}
            files[case] = Files(str(pair[0]), str(pair[1]), predictions)
    return files
