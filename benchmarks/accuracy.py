"""Accuracy at equal cost: train one experiment, then another in no more wall time.

python benchmarks/accuracy.py --configfile config/msd_liver_2d.yaml
python benchmarks/accuracy.py --configfile config/msd_hippocampus.yaml --minutes 9

Runs the workflow itself, with both trainings forced and one after the other on the same cores.
The first experiment trains as it is configured; the second gets what wall time the first one's
job took as its budget (`training.minutes`), less what starting and saving take. With --minutes
the first is left out. Prints minutes, and the Dice of the test patients with its 95 % interval.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from slicewise.evaluation.statistics import by_patient, read_metrics
from slicewise.files import read_json

ROOT = Path(__file__).resolve().parent.parent
AROUND = 30  # seconds that a job takes to import TensorFlow and to save and track the model


def run(experiment: str, dataset: str, configs: list[str], cores: str) -> None:
    """Train anew, predict, score and report one experiment."""
    target = f"results/{dataset}/{experiment}/report.html"
    subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", target, "--cores", cores),
            *("--forcerun", "train", "--configfile", *configs),
        ],
        cwd=ROOT,
        check=True,
    )


def seconds_of(experiment: str, dataset: str) -> float:
    """Wall time of the training's job, as Snakemake measured it."""
    path = ROOT / f"results/{dataset}/timings/train/{experiment}/fold-0.tsv"
    return float(pd.read_csv(path, sep="\t")["s"].iloc[0])


def rows(experiment: str, dataset: str) -> list[dict[str, object]]:
    """The test Dice of an experiment: overall, and by label where there are several."""
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
                "job, min": round(seconds_of(experiment, dataset) / 60, 2),
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
    parser.add_argument("--cores", default=str(os.cpu_count()))
    options = parser.parse_args()
    configs = [str(Path(path).resolve()) for path in options.configfile]
    dataset = yaml.safe_load(Path(configs[0]).read_text(encoding="utf-8"))["dataset"]["name"]
    first, second = options.experiments
    minutes, shown = options.minutes, [second]
    if minutes is None:
        run(first, dataset, configs, options.cores)
        minutes, shown = (seconds_of(first, dataset) - AROUND) / 60, [first, second]
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder) / "budget.yaml"
        timed = {"epochs": None, "minutes": round(minutes, 2)}
        budget = {"experiments": {second: {"training": timed}}}
        overlay.write_text(yaml.safe_dump(budget), encoding="utf-8")
        run(second, dataset, [*configs, str(overlay)], options.cores)
    table = pd.DataFrame([row for experiment in shown for row in rows(experiment, dataset)])
    print(table.to_string(index=False))
    if len(shown) == 2:
        means = table[table["label"] == "mean"].set_index("experiment")["Dice"]
        took = {name: seconds_of(name, dataset) for name in shown}
        print(
            f"error (1 - Dice) of {second} against {first}: "
            f"{(1 - means[second]) / (1 - means[first]):.2f}; "
            f"wall time: {took[second] / took[first]:.2f}"
        )


if __name__ == "__main__":
    main()
