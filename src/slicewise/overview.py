"""The few lines that end a run: what came out, and where to look."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError
from slicewise.records import OUTDATED, SCORES, scores_are_current
from slicewise.stored import SUMMARY, read_stored
from slicewise.wording import INTERVAL_OF, of_results

NOT_SO = "not scored yet (the scores that lie there are of other settings, masks or code)"
SHOWN = 4
"""Labels of an experiment of which it is said in whom they were found."""


def lines(
    results: Path,
    experiments: Sequence[str],
    pending: int = 0,
    *,
    crossed: bool = False,
    stale: Collection[Path] = (),
) -> list[str]:
    """Say the Dice of each experiment that is there, and where its report is.

    Parameters
    ----------
    results : Path
        ``results/<dataset>``.
    experiments : sequence of str
        Names.
    pending : int
        Runs of which MLflow lacks something.
    crossed : bool
        Whether folds held out the patients that are not tested, each once.
    stale : collection of Path
        Tables of scores and pages that would be made otherwise now, as after a run of a part.
    """
    width = max(map(len, experiments), default=0)
    said = [
        f"  {name if number == 0 else '':<{width}}  {line}"
        for name in experiments
        for number, line in enumerate(_of_one(results, name, crossed=crossed, stale=stale))
    ]
    if not said:
        return []
    comparison = results / "comparison.html"
    if comparison.is_file():
        said.append(f"  all experiments side by side: {_page(comparison, stale)}")
    data = results / "data.html"
    if data.is_file():
        said.append(f"  every case, and which stand out: {_page(data, stale)}")
    root = results.parent
    of_root = of_results(root)
    said.append(f"  every run in MLflow: slicewise ui{of_root}")
    if pending:
        runs = "1 run" if pending == 1 else f"{pending} runs"
        said.append(f"  MLflow lacks something of {runs}: slicewise sync{of_root}")
    index = results / "index.html"
    if index.is_file():
        said.append(f"  all of it, to begin with: {_page(index, stale)}")
    return ["", f"Mean Dice per patient in 3-D, {results.name}:", *said]


def _of_one(results: Path, name: str, *, crossed: bool, stale: Collection[Path]) -> list[str]:
    """Say the Dice of an experiment, and where its pages are; nothing where it has none."""
    path = results / name / "summary.json"
    if not path.is_file():
        return []
    if not scores_are_current(path.parent):
        return [OUTDATED]
    if path.with_name(SCORES) in stale:
        return [NOT_SO]
    try:
        summary = read_stored(path, SUMMARY)
    except SlicewiseError as error:
        return [str(error)]
    report = results / name / "report.html"
    missing = f"no report, but {results / name}/metrics.tsv"
    said = [
        headline(summary, crossed=crossed),
        *_detected(summary),
        _page(report, stale) if report.is_file() else missing,
    ]
    masks = results / "segmented" / name / "gallery.html"
    return [*said, f"masks of new scans: {masks}"] if masks.is_file() else said


def _page(path: Path, stale: Collection[Path]) -> str:
    return f"{path} (as it was: not made again yet)" if path in stale else str(path)


def _subset(summary: Mapping[str, Any]) -> str | None:
    return "test" if "test" in summary else next(iter(summary), None)


def headline(summary: Mapping[str, Any], *, crossed: bool = False) -> str:
    """Say the Dice of an experiment, with its interval, and whose it is.

    Parameters
    ----------
    summary : mapping
        Content of ``summary.json``: of test patients, where there are any.
    crossed : bool
        Whether folds held out the patients that are not tested, each once.
    """
    subset = _subset(summary)
    if subset is None:
        return "no patient was scored"
    mean = summary[subset]["mean"]
    dice = mean["dice"]
    counts = mean.get("detection", {})
    number = counts.get("patients", dice["n"])
    called = "held-out" if crossed and subset == "validation" else subset
    patients = f"{number} {called} patient{'s' if number != 1 else ''}"
    label = "the label" if len(summary[subset]) <= 2 else "any of the labels"
    untrained = counts.get("unscored", 0)
    if dice["mean"] is None and untrained:
        return f"no Dice, as no training slice showed what {untrained} of {patients} have"
    unknown = "unknown" in counts
    if dice["mean"] is None:
        return f"no Dice, as of {patients} none {'is known to have' if unknown else 'has'} {label}"
    interval = ""
    if dice["ci_low"] is not None and dice["n"] >= INTERVAL_OF:
        interval = f" [95 % interval {dice['ci_low']:.3f} to {dice['ci_high']:.3f}]"
    if dice["n"] < number:
        has = "has" if dice["n"] == 1 else "have"
        if unknown:
            has = f"{'is' if dice['n'] == 1 else 'are'} known to have"
        score = " and a score of it" if untrained else ""
        patients = f"the {dice['n']} of {patients} who {has} {label}{score}"
    if counts.get("absent_labels") == "challenge":
        patients += ", where a label that is not there counts as 1 or 0 (absent_labels: challenge)"
    return f"{dice['mean']:.3f}{interval} over {patients}"


def _detected(summary: Mapping[str, Any]) -> list[str]:
    """Say of labels that some lack, or were not found in, in whom they were found; of a few."""
    labels = summary.get(_subset(summary) or "", {})
    said = []
    for label, numbers in labels.items():
        counts = numbers.get("detection", {})
        if counts.get("notable"):
            said.append(f"{label}: {counts['in_words']}")
    more = [f"and {len(said) - SHOWN} more labels: see the report"] * (len(said) > SHOWN + 1)
    return [*said[:SHOWN], *more] if more else said
