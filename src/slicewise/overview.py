"""The few lines that end a run: what came out, and where to look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slicewise.files import read_json


def lines(results: Path, experiments: Sequence[str], pending: int = 0) -> list[str]:
    """Say the Dice of each experiment that is there, and where its report is.

    Parameters
    ----------
    results : Path
        ``results/<dataset>``.
    experiments : sequence of str
        Names.
    pending : int
        Runs of which MLflow lacks something.
    """
    said = []
    width = max(map(len, experiments), default=0)
    for name in experiments:
        path = results / name / "summary.json"
        if path.is_file():
            report = results / name / "report.html"
            shown = report if report.is_file() else f"no report, but {results / name}/metrics.tsv"
            said.append(f"  {name:<{width}}  {_headline(read_json(path))}")
            said.append(f"  {'':<{width}}  {shown}")
    if not said:
        return []
    comparison = results / "comparison.html"
    if comparison.is_file():
        said.append(f"  all experiments side by side: {comparison}")
    said.append("  every run in MLflow: slicewise ui")
    if pending:
        runs = "1 run" if pending == 1 else f"{pending} runs"
        said.append(f"  MLflow lacks something of {runs}: slicewise sync")
    return ["", f"Mean Dice per patient in 3-D, {results.name}:", *said]


def _headline(summary: dict) -> str:
    subset = "test" if "test" in summary else next(iter(summary), None)
    if subset is None:
        return "no patient was scored"
    dice = summary[subset]["mean"]["dice"]
    interval = ""
    if dice["ci_low"] is not None:
        interval = f" [95 % interval {dice['ci_low']:.3f} to {dice['ci_high']:.3f}]"
    patients = f"{dice['n']} {subset} patient{'s' if dice['n'] != 1 else ''}"
    return f"{dice['mean']:.3f}{interval} over {patients}"
