"""Corrected scans: fine-tuning in a fifth of the steps against training from scratch.

python benchmarks/correct.py --configfile config/msd_hippocampus.yaml --steps 300
python benchmarks/correct.py --configfile config/msd_hippocampus.yaml --steps 300 --rates 1 0.3 0.1

Runs the workflow itself, as study.py does and without the test patients of the configuration. A
first model is trained on --first patients (data set `before-<name>`). Then --corrected further ones
join them (`corrected-<name>`), and on all of these one model is trained from scratch for --steps,
and others start from the first one (`training.start_from`) and train for a --share of the steps, at
each of the --rates, as parts of the peak learning rate. All are scored on the same --tested
patients, whom nobody is trained on. Ground truth stands for what a person makes of the masks.

Prints by label how much each differs from the one from scratch, paired by patient, by the project's
own statistics, and the wall time of the jobs that trained. `first` is the model that there was
before. With several --seeds, each fine-tuning starts from the first model of its own seed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from study import (
    ROOT,
    Overlay,
    commit,
    corrected,
    experiments,
    markdown,
    minutes_of,
    patients_of,
    results_of,
    rows,
    run,
    scores,
)

from slicewise.config import load_settings, merge
from slicewise.config.configuration import read_configuration
from slicewise.dataset.finding import find_cases
from slicewise.files import data_folder

FIRST, SCRATCH = "first", "scratch"


# --- what is trained -----------------------------------------------------------------


def training(below: Overlay, name: str, overlay: Overlay, seed: int, options: Namespace) -> Overlay:
    """Return an experiment of one seed, under its name."""
    of_seed = Namespace(**{**vars(options), "seeds": [seed]})
    threads = {"training": {"threads": options.threads}}
    made = experiments(below, {f"{name}-{seed}": merge(threads, overlay)}, of_seed)
    for each in made.values():
        # nobody validates, so the last weights count
        each["training"].pop("validate_every", None)
    return made


def tunings(below: Overlay, before: str, seed: int, options: Namespace) -> Overlay:
    """Return what starts from the first model of a seed: an experiment a rate."""
    shorter = Namespace(**{**vars(options), "steps": round(options.steps * options.share)})
    start = {"training": {"start_from": f"results/{before}/{FIRST}-{seed}"}}
    usual = load_settings(below).experiments[options.experiment].optimizer.learning_rate
    made: Overlay = {}
    for rate in options.rates:
        slower = {"optimizer": {"learning_rate": usual * rate}}
        made |= training(below, f"tuned-{rate:g}", merge(start, slower), seed, shorter)
    return made


def data_sets(path: Path, options: Namespace) -> dict[str, Overlay]:
    """Return the configurations before and after the corrections, by the name of their results."""
    below = read_configuration([path])
    name = below["dataset"]["name"]
    wanted = options.first + options.corrected
    kept, stated = patients_of(below, wanted + options.tested)
    if stated:
        raise SystemExit(f"{path}: its layout says who is tested on; take another data set")
    usual = {k: v for k, v in below.get("split", {}).items() if k not in ("folds", "test")}
    there = {case.name for case in find_cases(load_settings(below).dataset, data_folder())}
    pool = {
        **merge(below, {"dataset": {"exclude": sorted(there - kept)}}),
        # whoever is tested on comes first by rank, so that fewer others move nobody
        "split": {**usual, "test": options.tested, "validation": 0},
        "experiments": training(below, FIRST, {}, 1, options),
        "run": None,
    }
    first, all_trained = (patients_of(pool, number)[0] for number in (options.first, None))
    more = all_trained - first
    if len(first) < options.first or len(more) < options.corrected:
        raise SystemExit(
            f"{path}: {len(kept)} cases are not tested on there, and {wanted} patients to train on "
            f"and {options.tested} to test on are asked for"
        )
    before, after = f"before-{name}", f"corrected-{name}"
    trained: dict[str, Overlay] = {before: {}, after: {}}
    for seed in options.seeds:
        trained[before] |= training(below, FIRST, {}, seed, options)
        trained[after] |= training(below, SCRATCH, {}, seed, options)
        trained[after] |= tunings(below, before, seed, options)
    excluded = {before: sorted((there - kept) | more), after: sorted(there - kept)}
    return {
        result: {
            **pool,
            "dataset": {**pool["dataset"], "name": result, "exclude": excluded[result]},
            "experiments": trained[result],
            "run": list(trained[result]),
        }
        for result in (before, after)
    }


# --- what comes of it ----------------------------------------------------------------


def repeats_of(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the trainings of each variant: the same name but for the seed at its end."""
    made: dict[str, list[str]] = {}
    for name in names:
        made.setdefault(name.rpartition("-")[0], []).append(name)
    return made


def told(made: Mapping[str, Overlay], data: str, options: Namespace) -> list[dict[str, Any]]:
    """Return how each variant differs from the one from scratch, and how long its jobs took."""
    results = results_of({name: configuration["run"] for name, configuration in made.items()})
    repeats = repeats_of(list(results))
    took = {name: minutes_of(results, names, options.place) for name, names in repeats.items()}
    named = {names[0]: variant for variant, names in repeats.items()}
    # both data sets are tested on the same patients
    tables = scores(results, options.place, subset="test")
    groups = {names[0]: names for names in repeats.values()}
    found = rows(tables, groups, next(first for first, v in named.items() if v == SCRATCH))
    return [
        {
            **row,
            "data": data,
            "variant": named[row["variant"]],
            "minutes": took[named[row["variant"]]],
            "reference_minutes": took[SCRATCH],
        }
        for row in corrected(found)
    ]


def parsed(arguments: Sequence[str]) -> Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="correct.py")
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument("--experiment", default="baseline")
    parser.add_argument("--steps", type=int, required=True, help="of a training from scratch")
    parser.add_argument("--share", type=float, default=0.2, help="of them for a fine-tuning")
    parser.add_argument("--rates", type=float, nargs="+", default=[1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    for name, number in ((FIRST, 30), ("corrected", 10), ("tested", 50)):
        parser.add_argument(f"--{name}", type=int, default=number, help="patients")
    parser.add_argument("--cores", default=str(os.cpu_count()))
    parser.add_argument("--threads", type=int, help="of a training; all, if not said")
    parser.add_argument("--place", type=Path, default=ROOT, help="a folder with the workflow")
    options = parser.parse_args(arguments)
    # what study.py asks for, too
    options.minutes, options.rounds, options.at_once = None, None, 1
    options.command = list(arguments)
    return options


def main() -> None:
    """Run all trainings and print the table."""
    options = parsed(sys.argv[1:])
    made = data_sets(options.configfile.resolve(), options)
    for result, configuration in made.items():
        run(yaml.safe_dump(configuration, sort_keys=False), result, options)
    print(f"python benchmarks/correct.py {shlex.join(options.command)}  # commit {commit()}\n")
    print(markdown(told(made, options.configfile.stem, options), SCRATCH))


if __name__ == "__main__":
    main()
