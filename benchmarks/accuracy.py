"""Accuracy at equal cost: train one experiment, then another in no more wall time.

python benchmarks/accuracy.py --configfile config/msd_liver_2d.yaml
python benchmarks/accuracy.py --configfile config/msd_hippocampus.yaml --minutes 9
python benchmarks/accuracy.py --configfile config/msd_hippocampus.yaml --minutes 29.5 --folds 5
python benchmarks/accuracy.py --configfile config/msd_hippocampus.yaml --minutes 1 --both --seeds 5

Runs the workflow itself, with both trainings forced and one after the other on the same cores.
The first experiment trains as it is configured; the second gets what wall time the first one's
job took as its budget (`training.minutes`), less what starting and saving take. With --minutes
the first is left out, or with --both gets as many. With --folds so many networks of the second
share its minutes, each learns from other patients, and all of them together are tested. Prints
minutes, and the Dice of the test patients with its 95 % interval; with --seeds what another seed
alone changes in the second, with --after those that are left of a run that was stopped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from slicewise.evaluation.statistics import by_patient, read_metrics
from slicewise.files import read_json

ROOT = Path(__file__).resolve().parent.parent
AROUND = 30  # seconds that a job takes to import TensorFlow and to save and track the model


def run(
    experiment: str,
    dataset: str,
    configs: list[str],
    cores: str,
    training: Mapping[str, object] | None = None,
    *,
    folds: int = 1,
) -> None:
    """Train anew, predict, score and report one experiment.

    Parameters
    ----------
    experiment, dataset : str
        Names.
    configs : list of str
        Files of the configuration.
    cores : str
        How many, or ``all``.
    training : mapping, optional
        Settings of the training that are laid over the configuration.
    folds : int
        How many networks are trained; one is trained as the configuration says.
    """
    target = f"results/{dataset}/{experiment}/report.html"
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder) / "budget.yaml"
        # a repeat by seed is an experiment of its own only where its seed is told
        name = experiment.split("-seed")[0]
        laid: dict[str, object] = {"experiments": {name: {"training": dict(training or {})}}}
        if folds > 1:
            laid["split"] = {"folds": folds}
        overlay.write_text(yaml.safe_dump(laid), encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", target, "--cores", cores),
                *("--forcerun", "train", "--configfile", *configs, str(overlay)),
            ],
            cwd=ROOT,
            check=True,
        )


def spread(table: pd.DataFrame) -> str:
    """Say what seeds change: mean and standard deviation of the mean Dice over experiments."""
    means = table[table["label"] == "mean"]["Dice"]
    return (
        f"{len(means)} seeds: mean Dice {means.mean():.4f}, standard deviation "
        f"{means.std():.4f}, from {means.min():.4f} to {means.max():.4f}"
    )


def seconds_of(experiment: str, dataset: str, folds: int = 1) -> float:
    """Wall time of the training's jobs together, as Snakemake measured it."""
    folder = ROOT / f"results/{dataset}/timings/train/{experiment}"
    jobs = (pd.read_csv(folder / f"fold-{fold}.tsv", sep="\t") for fold in range(folds))
    return sum(float(job["s"].iloc[0]) for job in jobs)


def rows(experiment: str, dataset: str, folds: int = 1) -> list[dict[str, object]]:
    """The test Dice of an experiment: overall, and by label where there are several.

    Epochs are those of the first fold.
    """
    folder = ROOT / f"results/{dataset}/{experiment}"
    summary = read_json(folder / "summary.json")["test"]
    metrics = read_metrics(str(folder / "metrics.tsv"))
    metrics = metrics[metrics["subset"] == "test"]
    history = pd.read_csv(folder / "fold-0/history.csv")
    labels = list(summary) if len(summary) > 2 else ["mean"]
    made = []
    for label in labels:
        chosen = metrics if label == "mean" else metrics[metrics["label"] == label]
        dice = by_patient(chosen, "dice").dropna()
        found = summary[label]["dice"]
        made.append(
            {
                "experiment": experiment,
                "label": label,
                "job, min": round(seconds_of(experiment, dataset, folds) / 60, 2),
                "epochs": len(history),
                "patients": len(dice),
                "Dice": round(found["mean"], 4),
                # a single patient has no interval
                **{
                    name: None if found[key] is None else round(found[key], 4)
                    for name, key in (("low", "ci_low"), ("high", "ci_high"))
                },
                "median": round(float(dice.median()), 4),
                "worst": round(float(dice.min()), 3),
            }
        )
    return made


def main() -> None:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configfile", nargs="+", required=True)
    parser.add_argument("--experiments", nargs=2, default=["tutorial", "baseline"])
    parser.add_argument("--minutes", type=float, help="a budget for the second, without the first")
    parser.add_argument("--both", action="store_true", help="the first gets --minutes, too")
    parser.add_argument("--seeds", type=int, default=1, help="train the second so many times")
    parser.add_argument("--after", type=int, default=0, help="leave out the seeds up to this one")
    parser.add_argument("--folds", type=int, default=1, help="so many share the second's minutes")
    parser.add_argument("--cores", default=str(os.cpu_count()))
    options = parser.parse_args()
    if options.both and options.minutes is None:
        parser.error("--both goes with --minutes only")
    if options.after and (options.minutes is None or options.both):
        parser.error("--after goes with --minutes and without --both")
    if not 0 <= options.after < options.seeds:
        parser.error("--after must leave one of --seeds")
    configs = [str(Path(path).resolve()) for path in options.configfile]
    dataset = yaml.safe_load(Path(configs[0]).read_text(encoding="utf-8"))["dataset"]["name"]
    first, second = options.experiments
    minutes, shown = options.minutes, []
    if minutes is None or options.both:
        run(first, dataset, configs, options.cores, {} if minutes is None else limited(minutes))
        shown.append(first)
    if minutes is None:
        minutes = (seconds_of(first, dataset) - AROUND) / 60
    seeds = list(range(1, options.seeds + 1))
    named = [second, *(f"{second}-seed{seed}" for seed in seeds[1:])]
    repeats = named[options.after :]
    folds = options.folds
    training = limited(shared(minutes, folds)) | ({"seeds": seeds} if len(seeds) > 1 else {})
    for repeat in repeats:
        run(repeat, dataset, configs, options.cores, training, folds=folds)
    networks = dict.fromkeys(shown, 1) | dict.fromkeys(repeats, folds)
    made = [row for name, count in networks.items() for row in rows(name, dataset, count)]
    table = pd.DataFrame(made)
    print(table.to_string(index=False))
    if shown:
        means = table[table["label"] == "mean"].set_index("experiment")["Dice"]
        took = {name: seconds_of(name, dataset, networks[name]) for name in (first, second)}
        print(
            f"error (1 - Dice) of {second} against {first}: "
            f"{(1 - means[second]) / (1 - means[first]):.2f}; "
            f"wall time: {took[second] / took[first]:.2f}"
        )
    if len(repeats) > 1:
        print(spread(table[table["experiment"].isin(repeats)]))


def shared(minutes: float, folds: int) -> float:
    """Return the minutes of each fold, if all of them take what one training of so many would."""
    around = AROUND / 60
    each = (minutes + around) / folds - around
    if each <= 0:
        raise SystemExit(f"error: {minutes:g} minutes are too few for {folds} folds")
    return each


def limited(minutes: float) -> dict[str, object]:
    """Return the settings of a training that ends by the clock."""
    return {"epochs": None, "minutes": round(minutes, 2)}


if __name__ == "__main__":
    main()
