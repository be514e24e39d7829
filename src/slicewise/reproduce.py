"""Making a tracked run again beside the old one: ``slicewise reproduce RUN_ID``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from slicewise.config import load_settings, used_settings
from slicewise.errors import SlicewiseError
from slicewise.evaluation.statistics import read_metrics
from slicewise.files import write_json
from slicewise.tracking import Mirror, Run, current_run, environment, flatten, git_state
from slicewise.tracking.provenance import PACKAGES

NAMES = ("settings.yaml", "cases.tsv", "metrics.tsv", "environment.txt")
SHOWN = 20

Say = Callable[[str], None]


@dataclass(frozen=True)
class Reproduction:
    """What came of it.

    Attributes
    ----------
    differences : list of str
        What is not as it was: code, versions, settings, data.
    same_weights : bool
        Whether the weights of all folds are the same to the bit.
    dice_before, dice_after : float
        Mean Dice over the test cases (validation cases, where none is tested) and labels.
    largest_difference : float
        Of the Dice of a case and label.
    tolerance : float
        What was allowed for the mean Dice.
    """

    differences: list[str]
    same_weights: bool
    dice_before: float
    dice_after: float
    largest_difference: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the mean Dice is within the tolerance."""
        return abs(self.dice_after - self.dice_before) <= self.tolerance


def reproduce(
    run_id: str,
    workflow: Path,
    results: Path,
    *,
    cores: str = "all",
    tolerance: float = 0.005,
    check: bool = False,
    say: Say = print,
) -> Reproduction | None:
    """Compare a run with what is at hand, make it again, and compare the results.

    Parameters
    ----------
    run_id : str
        Of MLflow: a run that was evaluated; with folds, their parent.
    workflow : Path
        The folder of the Snakefile.
    results : Path
        The folder ``results``; the rerun is made in ``results/reproduced/<run id>``.
    cores : str
        As `snakemake` takes it.
    tolerance : float
        Difference in mean Dice that still counts as the same result.
    check : bool
        Only compare, without making the run again.
    say : callable
        Called with a line for each finding.

    Returns
    -------
    Reproduction or None
        None after a mere check.

    Raises
    ------
    SlicewiseError
        When there is no such run, or its data cannot be read any more.
    """
    folder = results.resolve() / "reproduced" / run_id[:12]
    old = folder / "original"
    old.mkdir(parents=True, exist_ok=True)
    mirror = Mirror(results, patient=True)
    fetched = mirror.fetch(run_id, NAMES, old)
    name, settings = fetched.name, _settings(old / "settings.yaml", workflow)
    dataset = settings["dataset"]["name"]
    say(f"run {run_id}: {name} of data set {dataset}")
    differences = [
        *_code(fetched.tags, workflow),
        *_versions(old / "environment.txt"),
        *_chosen(settings, workflow, name),
    ]
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    made = folder / "results" / dataset

    def snakemake(*targets: Path) -> None:
        _snakemake(workflow, folder, config, cores, mirror.uri, targets)

    snakemake(made / "cases.tsv")
    differences += _data(old / "cases.tsv", made / "cases.tsv")
    for line in differences:
        say(f"differs: {line}")
    if not differences:
        say("code, versions, settings and data are those of the run")
    if check:
        return None
    snakemake(made / name / "report.html")
    runs = _tag(made / name / "tracking", run_id, mirror)
    weights = {
        run.note["tags"]["fold"]: run.note["tags"]["resolved.weights_sha256"] for run in runs
    }
    before, after = (_dice(path / "metrics.tsv") for path in (old, made / name))
    both = pd.concat([before.rename("before"), after.rename("after")], axis=1)
    result = Reproduction(
        differences,
        weights == fetched.weights,
        float(before.mean()),
        float(after.mean()),
        float((both["after"] - both["before"]).abs().max()),
        tolerance,
    )
    write_json(folder / "reproduction.json", asdict(result))
    say(f"weights: {'the same to the bit' if result.same_weights else 'other ones'}")
    say(
        f"mean Dice {result.dice_before:.4f} then, {result.dice_after:.4f} now; largest difference "
        f"of a case {result.largest_difference:.4f}"
    )
    verdict = "within" if result.holds else "beyond"
    say(f"{verdict} the tolerance of {tolerance:g} in mean Dice: {made / name / 'report.html'}")
    return result


def _settings(path: Path, workflow: Path) -> dict[str, Any]:
    """Read the settings of a run, for a rerun that starts in another folder."""
    text = path.read_text(encoding="utf-8")
    settings = load_settings(yaml.safe_load(text)).model_dump(mode="json")
    settings["split"]["check_against"] = [
        str((workflow / other).resolve()) for other in settings["split"]["check_against"]
    ]
    # the run is tracked, but nothing is promoted by it
    settings["tracking"]["register"] = False
    return settings


def _code(tags: Mapping[str, str], workflow: Path) -> Iterable[str]:
    here = git_state(workflow)
    then, now = tags.get("git_commit", "unknown"), here.get("git_commit", "unknown")
    if then != now:
        yield f"commit {then[:12]} then, {now[:12]} now (git worktree add ../then {then[:12]})"
    if tags.get("git_dirty") == "true":
        yield "the run's code had changes that were not committed (its artifact uncommitted.diff)"
    if here.get("git_dirty") == "true":
        yield "the code here has changes that are not committed"


def _versions(path: Path) -> Iterable[str]:
    lines = path.read_text(encoding="utf-8").split()
    then = dict(line.split("==", 1) for line in lines)
    now = environment()
    other = sorted(k for k in then.keys() | now.keys() if then.get(k) != now.get(k))
    direct = [k for k in other if k in {name.lower() for name in PACKAGES}]
    for package in direct:
        yield f"{package} {then.get(package, 'missing')} then, {now.get(package, 'missing')} now"
    if rest := [k for k in other if k not in direct]:
        more = f" and {len(rest) - SHOWN} more" if len(rest) > SHOWN else ""
        yield f"versions of {', '.join(rest[:SHOWN])}{more}"


def _chosen(settings: Mapping[str, Any], workflow: Path, name: str) -> Iterable[str]:
    """Compare with the configuration of the same data set that is at hand."""
    for path in sorted((workflow / "config").glob("*.yaml")):
        here = yaml.safe_load(path.read_text(encoding="utf-8"))
        if (here.get("dataset") or {}).get("name") != settings["dataset"]["name"]:
            continue
        shown = path.relative_to(workflow)
        try:
            now = flatten(yaml.safe_load(used_settings(here, name)))
        except (SlicewiseError, KeyError):
            yield f"{shown} has no experiment {name} that can be used"
            return
        then = flatten(settings)
        for key in sorted(then.keys() | now.keys()):
            apart = key.startswith(("tracking", "run", "split.check_against"))
            if not apart and then.get(key) != now.get(key):
                yield f"{key} {then.get(key)} then, {now.get(key)} in {shown}"
        return
    yield f"no configuration in {workflow / 'config'} is of data set {settings['dataset']['name']}"


def _data(then: Path, now: Path) -> Iterable[str]:
    old, new = (
        pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False).set_index("case")
        for path in (then, now)
    )
    for case in sorted(set(old.index) ^ set(new.index)):
        yield f"case {case} is {'gone' if case in old.index else 'new'}"
    for case in sorted(set(old.index) & set(new.index)):
        for kind in ("image", "mask"):
            if old.loc[case, f"{kind}_sha256"] != new.loc[case, f"{kind}_sha256"]:
                yield f"the {kind} of case {case} is another file"


def _dice(path: Path) -> pd.Series:
    table = read_metrics(str(path))
    subset = "test" if "test" in set(table["subset"]) else "validation"
    return table[table["subset"] == subset].set_index(["case", "label"])["dice"]


def _tag(tracking: Path, run_id: str, mirror: Mirror) -> list[Run]:
    """Tie the new runs to the old one in MLflow; return those that were trained."""
    trained = []
    for fold in sorted(path for path in tracking.iterdir() if path.is_dir()):
        run = current_run(fold)
        if run is not None:
            run.tag({"reproduces": run_id})
            mirror.push(run.folder)
            trained += [run] if fold.name != "parent" else []
    return trained


def _snakemake(
    workflow: Path,
    folder: Path,
    config: Path,
    cores: str,
    uri: str,
    targets: Sequence[Path],
) -> None:
    data = Path(os.environ.get("SLICEWISE_DATA", "data"))
    command = [
        str(Path(sys.executable).parent / "snakemake"),
        *("--snakefile", str(workflow.resolve() / "Snakefile"), "--directory", str(folder)),
        *("--cores", cores, *(str(path.relative_to(folder)) for path in targets)),
        *("--configfile", str(config)),
    ]
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": uri,
            "SLICEWISE_DATA": str(data.resolve()),
        },
    )
    if done.returncode:
        raise SlicewiseError(
            f"{folder}: making the run again failed, see the errors above; mend what they name and "
            "run slicewise reproduce again, what is finished is kept"
        )
