"""Variants of an experiment on several data sets, by cross-validation on training patients alone.

python benchmarks/study.py average --configfile config/msd_hippocampus.yaml --steps 300
python benchmarks/study.py plan --configfile config/msd_hippocampus.yaml config/msd_liver_2d.yaml \
    --minutes 3 --folds 2 --patients 24 --seeds 1 2
python benchmarks/study.py select --configfile config/msd_hippocampus.yaml --steps 300 --rounds 3
python benchmarks/study.py augmentation --configfile config/msd_hippocampus.yaml --steps 1200 \
    --halve

Runs the workflow itself on data sets `study-<name>` without any test patient: each variant is
trained for as many steps, or minutes, on the same patients, and scored on those that it was not
trained on. With --folds each patient is held out once, and the last weights count. With --rounds a
share of the patients is drawn anew each time to be scored, and others validate, so that they may
choose an epoch; with --learn so many patients are left to learn from and to validate, and all
others are scored. With --tested the test patients, whom nothing here chooses by, are scored too, by
all folds together: a second table, of data sets `tested-<name>`. --at-once trains several side by
side, as on a GPU with much memory. With --halve (successive halving) all variants get a share of
the steps or minutes first, and the better half of them twice as many, until one is left, which gets
all. The first variant is compared with each of the others, paired by patient, by the project's own
statistics; p is corrected (Holm) for all variants on all data sets of the run, of each table by
itself. Prints a table and appends it to benchmarks/study.md. Variants are in benchmarks/study.yaml,
or in another file (--variants).
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import shlex
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from slicewise.config import load_settings, merge
from slicewise.config.configuration import read_configuration
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.evaluation.comparison import compare, holm
from slicewise.evaluation.statistics import read_metrics
from slicewise.files import data_folder

ROOT = Path(__file__).resolve().parent.parent
EPOCH = 50  # steps at most
LAST = 1_000_000  # epochs; of those that minutes end only the last is validated
RECIPES = "recipes"
"""Of a variant: slices that it takes beside those of the configuration."""
VALIDATION = "validation"
"""Of a variant, with --rounds: another share of the patients validates. The same are scored."""
Overlay = dict[str, Any]


# --- what is trained -----------------------------------------------------------------


def budget(options: Namespace) -> Overlay:
    """Return the settings of training that all variants have."""
    timed: Overlay = {"seeds": options.seeds, "epochs": None, "minutes": options.minutes}
    last = LAST
    if options.minutes is None:
        last = math.ceil(options.steps / EPOCH)
        timed |= {"epochs": last, "steps_per_epoch": round(options.steps / last)}
    # held-out folds choose no epoch, so that validating more than once is idle
    return timed if options.rounds else {**timed, "validate_every": last}


def without_seed_and_choices(base: Overlay, options: Namespace, tells_pieces: bool) -> Overlay:
    """Return an experiment without its seed, and without what held-out folds may not choose."""
    training = {"seed"} if options.rounds else {"seed", "select", "patience"}
    steps = base.get("postprocessing", {})
    tried = set() if options.rounds else {key for key, value in steps.items() if value == "auto"}
    if tells_pieces:
        # where nobody chooses, the training masks do
        tried -= {"largest_component"}
    return {
        **base,
        "training": {k: v for k, v in base.get("training", {}).items() if k not in training},
        "postprocessing": {k: v for k, v in steps.items() if k not in tried},
    }


def experiments(below: Overlay, variants: Mapping[str, Overlay], options: Namespace) -> Overlay:
    """Return the experiments of a study: of each variant one, by its name."""
    made = {}
    tells_pieces = load_settings(below).dataset.content.tells_pieces
    for name, variant in variants.items():
        overlay = {k: v for k, v in variant.items() if k not in (RECIPES, VALIDATION)}
        base = {} if "preset" in overlay else below["experiments"][options.experiment]
        plain = without_seed_and_choices(base, options, tells_pieces)
        made[name] = merge(merge(plain, {"training": budget(options)}), overlay)
    return made


def patients_of(below: Overlay, wanted: int | None) -> tuple[set[str], bool]:
    """Return cases that may be used, and whether the layout says who is tested on.

    Parameters
    ----------
    below : dict
        The configuration.
    wanted : int or None
        How many patients at most: those come first whose hash does.
    """
    settings = load_settings(below)
    data = data_folder()
    cases = find_cases(settings.dataset, data)
    split = split_cases(cases, settings.split, data)
    usable = {each.case: each.patient for each in split if each.subset != "test"}
    ranked = sorted(set(usable.values()), key=lambda p: hashlib.sha256(p.encode()).hexdigest())
    chosen = set(ranked[:wanted])
    kept = {case for case, patient in usable.items() if patient in chosen}
    return kept, any(case.subset for case in cases)


def splits_of(
    name: str, split: Overlay, stated: bool, patients: int, options: Namespace
) -> dict[str, Overlay]:
    """Return who of so many patients is trained on and scored, by the name of the results."""
    usual = {k: v for k, v in split.items() if k not in ("test", "folds", "validation")}
    if not options.rounds:
        if options.tested:
            usual |= {k: v for k, v in split.items() if k == "test"}
        # nothing may say who is tested on where the layout does
        test = {} if stated or options.tested else {"test": 0}
        return {name: {**usual, "folds": options.folds, **test}}
    tested = round(1 / options.rounds, 3) if options.learn is None else patients - options.learn
    share = {"test": tested, "validation": split.get("validation", 0.2)}
    rounds = range(1, options.rounds + 1)
    return {f"{name}-{k}": {**usual, **share, "seed": k} for k in rounds}


def by_validation(
    split: Overlay, variants: Mapping[str, Overlay], options: Namespace
) -> Iterator[tuple[str, Overlay, dict[str, Overlay]]]:
    """Yield what results end with, the split, and the variants of each share that validates."""
    groups: dict[Any, dict[str, Overlay]] = {}
    for name, variant in variants.items():
        groups.setdefault(variant.get(VALIDATION), {})[name] = variant
    if options.rounds is None and set(groups) != {None}:
        raise SystemExit("validation: with --folds nobody validates; use --rounds")
    for share, group in groups.items():
        if share is None:
            yield "", split, group
        else:
            told = str(share).replace(".", "_")  # no point may be in a name
            yield f"-validation-{told}", {**split, "validation": share}, group


def data_sets(path: Path, variants: Mapping[str, Overlay], options: Namespace) -> dict[str, str]:
    """Return the configurations of a study on a data set, as YAML, by the name of their results."""
    below = read_configuration([path])
    name = below["dataset"]["name"]
    kept, stated = patients_of(below, options.patients)
    if options.rounds and stated:
        if below["dataset"]["layout"] != "pairs":
            raise SystemExit(f"{path}: its layout says who is tested on; use --folds")
        below = merge(below, {"dataset": {"pairs": {"test": None}}})
    there = {case.name: case for case in find_cases(load_settings(below).dataset, data_folder())}
    excluded = [] if options.tested else sorted(set(there) - kept)
    patients = len({there[case].patient for case in kept})
    if options.learn is not None and options.learn >= patients:
        raise SystemExit(
            f"--learn {options.learn}: {path} has {patients} patients that it does not test on; "
            "leave some to be scored"
        )
    recipes = {k: v for variant in variants.values() for k, v in variant.get(RECIPES, {}).items()}
    below = merge(below, {"slices": recipes})
    made = {}
    results = f"{'tested' if options.tested else 'study'}-{name}"
    for end, split, group in by_validation(below.get("split", {}), variants, options):
        for result, one in splits_of(results, split, stated, patients, options).items():
            settings = {
                **below,
                "dataset": {**below["dataset"], "name": result + end, "exclude": excluded},
                "split": one,
                "experiments": experiments(below, group, options),
                "run": list(group),
            }
            load_settings(settings)
            made[result + end] = yaml.safe_dump(settings, sort_keys=False)
    return made


# --- what comes of it ----------------------------------------------------------------


def run(configuration: str, name: str, options: Namespace) -> None:
    """Make the scores of all trainings of a data set."""
    wanted = load_settings(yaml.safe_load(configuration)).wanted
    # a job says that it takes all processors, so that one trains at a time
    shares = [f"{rule}=1" for rule in ("train", "predict")] if options.at_once > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(configuration, encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "--cores", options.cores),
                *(f"results/{name}/{training}/metrics.tsv" for training in wanted),
                *("--resources", f"gpu={options.at_once}"),
                *(["--set-threads", *shares] if shares else []),
                *("--configfile", str(path)),
            ],
            cwd=options.place,
            check=True,
        )


def results_of(wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the results that hold each training, one of each round, from the trainings of each."""
    made: dict[str, list[str]] = {}
    for name, trainings in wanted.items():
        for training in trainings:
            made.setdefault(training, []).append(name)
    return made


def scores(
    results: Mapping[str, Sequence[str]], place: Path, *, subset: str
) -> dict[str, pd.DataFrame]:
    """Return the table of cases of each training; a case of several rounds is one of each."""
    made = {}
    for training, names in results.items():
        tables = []
        for number, name in enumerate(names, start=1):
            table = read_metrics(str(place / f"results/{name}/{training}/metrics.tsv"))
            table = table[table["subset"] == subset]
            tables.append(table.assign(case=table["case"].astype(str) + f"@{number}"))
        made[training] = pd.concat(tables, ignore_index=True)
    return made


def minutes_of(
    results: Mapping[str, Sequence[str]], trainings: Sequence[str], place: Path
) -> float:
    """Return the mean wall time of the jobs that trained."""
    paths = [
        path
        for training in trainings
        for name in results[training]
        for path in (place / f"results/{name}/timings/train/{training}").glob("fold-*.tsv")
    ]
    seconds = [float(pd.read_csv(path, sep="\t")["s"].iloc[0]) for path in paths]
    return sum(seconds) / len(seconds) / 60


def rows(
    tables: Mapping[str, pd.DataFrame], repeats: Mapping[str, Sequence[str]], reference: str
) -> list[dict[str, Any]]:
    """Return the Dice of each variant, overall and by label, and its difference to the first."""
    table = compare(tables, repeats)
    table = table[table["metric"] == "dice"]
    made = []
    for row in table.to_dict("records"):
        if reference not in (row["first"], row["second"]):
            continue
        turned = row["second"] == reference
        sign, low, high = (-1, "ci_high", "ci_low") if turned else (1, "ci_low", "ci_high")
        made.append(
            {
                "variant": row["first" if turned else "second"],
                "label": row["label"],
                "patients": row["n"],
                "reference": row["mean_second" if turned else "mean_first"],
                "Dice": row["mean_first" if turned else "mean_second"],
                "difference": sign * row["difference"],
                "low": sign * row[low],
                "high": sign * row[high],
                "p": row["p"],
                "sd_seeds": row["sd_seeds"],
            }
        )
    return made


def corrected(found: list[dict[str, Any]], dropped: int = 0) -> list[dict[str, Any]]:
    """Add p as corrected for all comparisons of the mean over labels; labels have none.

    So many more comparisons were made of what was dropped before.
    """
    means = [row for row in found if row["label"] == "mean"]
    tried = [row["p"] for row in means] + [1.0] * dropped
    for row, p in zip(means, holm(tried), strict=False):
        row["p_holm"] = p
    return found


def _number(value: float | None, form: str) -> str:
    return "" if value is None or pd.isna(value) else format(value, form)


def markdown(found: Sequence[Mapping[str, Any]], reference: str) -> str:
    """Return the table of a study."""
    names = (
        *("data", "variant", "label", "patients", "Dice", f"difference to `{reference}`, 95 %"),
        *("p", "p, corrected", "sd of seeds", "min a training"),
    )
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    told = set()
    for row in found:
        place = (row["data"], row["label"])
        if place not in told:
            told.add(place)
            first = (row["reference"], row["reference_minutes"])
            lines.append(
                f"| {row['data']} | `{reference}` | {row['label']} | {row['patients']} "
                f"| {first[0]:.4f} | | | | | {first[1]:.2f} |"
            )
        interval = f"[{_number(row['low'], '+.4f')}, {_number(row['high'], '+.4f')}]"
        lines.append(
            f"| {row['data']} | `{row['variant']}` | {row['label']} | {row['patients']} "
            f"| {row['Dice']:.4f} | {row['difference']:+.4f} {interval} | {row['p']:.2g} "
            f"| {_number(row.get('p_holm'), '.2g')} | {_number(row['sd_seeds'], '.4f')} "
            f"| {row['minutes']:.2f} |"
        )
    return "\n".join(lines)


def commit() -> str:
    """Return the commit that ran, and whether anything was changed since."""
    asked = ("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no")
    try:
        told = [
            subprocess.run(
                ["git", *each], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout
            for each in asked
        ]
    except (OSError, subprocess.CalledProcessError):
        # a copy without its history; trainings are not lost for that
        return "unknown"
    return told[0].strip() + (" with changes" if told[1].strip() else "")


def subsets(options: Namespace) -> tuple[str, ...]:
    """Return whose scores are told: of folds the held-out patients, of rounds who is tested."""
    if options.rounds:
        return ("test",)
    return ("validation", "test") if options.tested else ("validation",)


def shares_of(variants: Mapping[str, Overlay]) -> list[float]:
    """Return the share of all steps that the variants of each turn of halving get, the last all."""
    others = len(variants) - 1
    turns = math.ceil(math.log2(others)) if others > 1 else 0
    return [0.5**turn for turn in reversed(range(turns + 1))]


def with_share(options: Namespace, share: float) -> Namespace:
    """Return options of a turn that has a share of the steps, or of the minutes."""
    own = Namespace(**vars(options))
    if options.minutes is None:
        own.steps = max(1, round(share * options.steps))
    else:
        own.minutes = share * options.minutes
    return own


def better_half(
    table: Sequence[Mapping[str, Any]], variants: Mapping[str, Overlay]
) -> dict[str, Overlay]:
    """Return the first variant, and of the others the half with the greater mean difference."""
    means = pd.DataFrame([row for row in table if row["label"] == "mean"])
    ranked = means.groupby("variant")["difference"].mean().sort_values(ascending=False)
    kept = {next(iter(variants)), *ranked.index[: math.ceil(len(ranked) / 2)]}
    return {name: own for name, own in variants.items() if name in kept}


def study(options: Namespace) -> str:
    """Run a study and return its section of the page."""
    known = read_configuration([Path(options.variants)])
    if options.study not in known:
        raise SystemExit(f"{options.variants}: no study {options.study}: {', '.join(known)}")
    variants = known[options.study]
    if len(variants) < 2:
        raise SystemExit(
            f"{options.variants}: {options.study} has one variant, and a study compares: add "
            "another, or see accuracy.py"
        )
    reference = next(iter(variants))
    tried = len(variants)
    table: list[dict[str, Any]] = []
    parts = []
    for share in shares_of(variants) if options.halve else [1.0]:
        variants = better_half(table, variants) if parts else variants
        table = measured(variants, with_share(options, share), tried - len(variants))
        told = f"{share:g} of the {'steps' if options.minutes is None else 'minutes'}:\n\n"
        parts.append(f"{told if options.halve else ''}{markdown(table, reference)}\n")
    date = datetime.now(UTC).date()
    command = f"python benchmarks/study.py {shlex.join(options.command)}"
    heading = f"\n## `{options.study}`, {date}, commit {commit()}\n\n```console\n{command}\n```\n\n"
    return heading + "\n".join(parts)


def measured(
    variants: Mapping[str, Overlay], options: Namespace, dropped: int
) -> list[dict[str, Any]]:
    """Train and score variants on all data sets; return the rows of their table."""
    reference = next(iter(variants))
    found: dict[str, list[dict[str, Any]]] = {subset: [] for subset in subsets(options)}
    for path in map(Path, options.configfile):
        made = data_sets(path.resolve(), variants, options)
        for name, configuration in made.items():
            run(configuration, name, options)
        settings = {name: load_settings(yaml.safe_load(text)) for name, text in made.items()}
        results = results_of({name: own.wanted for name, own in settings.items()})
        seeds = {k: v for own in settings.values() for k, v in own.repeats.items()}
        repeats = {name: seeds.get(name, [name]) for name in variants}
        took = {name: minutes_of(results, repeats[name], options.place) for name in variants}
        for subset, told in found.items():
            tables = scores(results, options.place, subset=subset)
            for row in rows(tables, seeds, reference):
                more = {"minutes": took[row["variant"]], "reference_minutes": took[reference]}
                data = f"{path.stem}, {subset}" if options.tested else path.stem
                told.append({"data": data, **row, **more})
    # a variant is compared once on each data set
    tried = dropped * len(options.configfile)
    return [row for each in found.values() for row in corrected(each, tried)]


def parsed(arguments: Sequence[str]) -> Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], prog="study.py")
    parser.add_argument("study", help="its name in the file of variants")
    parser.add_argument("--configfile", nargs="+", required=True, help="a data set each")
    parser.add_argument("--variants", default=str(ROOT / "benchmarks/study.yaml"))
    parser.add_argument("--experiment", default="baseline", help="what variants are laid over")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, help="of each training")
    length.add_argument("--minutes", type=float, help="of each training")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--folds", type=int, default=3)
    how.add_argument("--rounds", type=int, help="instead of folds, and some patients validate")
    parser.add_argument("--learn", type=int, help="of --rounds: from so many patients each time")
    parser.add_argument("--tested", action="store_true", help="score test patients, too")
    parser.add_argument("--at-once", type=int, default=1, help="trainings side by side")
    parser.add_argument("--halve", action="store_true", help="drop the worse half in turn")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--patients", type=int, help="at most so many of each data set")
    parser.add_argument("--cores", default=str(os.cpu_count()))
    parser.add_argument("--place", type=Path, default=ROOT, help="a folder with the workflow")
    parser.add_argument("--page", type=Path, default=ROOT / "benchmarks/study.md")
    options = parser.parse_args(arguments)
    if options.tested and (options.rounds or options.patients):
        parser.error("--tested goes with --folds, and with all patients")
    if options.learn is not None and not options.rounds:
        parser.error("--learn goes with --rounds")
    options.command = list(arguments)
    return options


def main() -> None:
    """Run a study, print its table and append it to the page."""
    options = parsed(sys.argv[1:])
    section = study(options)
    print(section)
    with options.page.open("a", encoding="utf-8") as page:
        page.write(section)


if __name__ == "__main__":
    main()
