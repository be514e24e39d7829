"""The plan of an effort against what was written by hand, each with the same minutes of training.

python benchmarks/plan.py --configfile config/msd_hippocampus.yaml --minutes 5
python benchmarks/plan.py --configfile config/msd_liver_2d.yaml --effort quick --minutes 3

Runs the workflow itself: every case is ingested, the plan is made from that, and both experiments
train one after the other on the same cores, for so many minutes, whatever epochs they have. Takes
twice the minutes and some more for slices, predictions and scores. Prints the Dice of the test
patients with its 95 % interval.
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
from accuracy import ROOT, rows, run

from slicewise.config.configuration import read_configuration
from slicewise.dataset.efforts import BUDGETS
from slicewise.planning import plan_for, settings_text

PLANNED = "planned"


def ingest(dataset: str, configs: list[str], cores: str) -> None:
    """Make the table of all cases."""
    subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", f"results/{dataset}/cases.tsv"),
            *("--cores", cores, "--configfile", *configs),
        ],
        cwd=ROOT,
        check=True,
    )


def overlay(configs: list[str], effort: str, hand: str, minutes: float) -> str:
    """Return, as YAML, the planned experiment, and the budget of both."""
    paths = [Path(path) for path in configs]
    planned = plan_for(paths, effort, ROOT / "results")
    settings = yaml.safe_load(settings_text(planned, paths, PLANNED))
    timed = {"epochs": None, "minutes": minutes}
    settings["experiments"][PLANNED]["training"] |= timed
    settings["experiments"][hand] = {"training": timed}
    return yaml.safe_dump(settings, sort_keys=False)


def main() -> None:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configfile", nargs="+", required=True)
    parser.add_argument("--effort", choices=list(BUDGETS), default="laptop")
    parser.add_argument("--experiment", default="baseline", help="what was written by hand")
    parser.add_argument("--minutes", type=float, default=5, help="of training, for each of both")
    parser.add_argument("--cores", default=str(os.cpu_count()))
    options = parser.parse_args()
    configs = [str(Path(path).resolve()) for path in options.configfile]
    dataset = read_configuration([Path(path) for path in configs])["dataset"]["name"]
    ingest(dataset, configs, options.cores)
    text = overlay(configs, options.effort, options.experiment, options.minutes)
    print(text)
    with tempfile.TemporaryDirectory() as folder:
        laid = Path(folder) / "plan.yaml"
        laid.write_text(text, encoding="utf-8")
        for experiment in (options.experiment, PLANNED):
            run(experiment, dataset, [*configs, str(laid)], options.cores)
    table = [row for name in (options.experiment, PLANNED) for row in rows(name, dataset)]
    print(pd.DataFrame(table).to_string(index=False))


if __name__ == "__main__":
    main()
