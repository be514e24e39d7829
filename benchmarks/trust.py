"""Expected against true Dice of test patients, as their scans are and spoilt in other ways.

python benchmarks/trust.py
python benchmarks/trust.py --sets phantoms
python benchmarks/trust.py --configfile config/mydata.yaml --minutes 10 --validation 0.25

Runs the workflow on each set: one experiment trains for so many minutes and is calibrated on its
validation patients. Then each test scan is segmented as it is, and spoilt in each of the ways
below, most of which the calibration has not seen. What that tells is stored beside the experiment
(trust.json), so that the next run, with the same weights, only fits and judges: of a change of
slicewise.metrics.expected the figures are there in seconds. The last table has all sets, with the
aims.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from accuracy import ROOT
from scipy import ndimage, stats

from slicewise.config.configuration import read_configuration
from slicewise.config.load import load_settings
from slicewise.config.settings import Settings
from slicewise.dataset.calibration import CALIBRATION, joined
from slicewise.dataset.cases import read_table
from slicewise.dataset.finding import find_cases
from slicewise.errors import SlicewiseError
from slicewise.files import data_folder, read_json, write_json
from slicewise.metrics.expected import MISSED, Expectation, Signs, rank_correlation
from slicewise.stored import read_typed
from slicewise.training.known import Drawn
from slicewise.training.spoilt import halved, mirrored, turned
from slicewise.volumes.volume import Volume

NAME = "trust"
FAILED = 0.8
"""A mask of a lower Dice is a failure."""
SPOILT = 0.1
"""Share of scans that are spoilt where failures are looked for, and of masks that are looked at."""
DRAWS = 500
HIT = "found in the worst tenth"
AIMS = {
    "Spearman, as they are": "0.7",
    "in the interval, as they are": "85 to 95 %",
    "width of the interval": "",
    "AUROC, a tenth spoilt": "0.95",
    HIT: "half",
}


@dataclass(frozen=True)
class Measured:
    """A data set, and how it is trained on and parted."""

    configs: tuple[str, ...]
    experiment: str = "baseline"
    minutes: float | None = 3
    epochs: int | None = None
    test: float | None = None
    validation: float | None = None
    cases: int | None = None

    @property
    def files(self) -> list[Path]:
        """Its configuration."""
        return [(ROOT / path).resolve() for path in self.configs]

    def settings_over(self) -> dict[str, Any]:
        """Return what is set beyond its configuration."""
        below = read_configuration(self.files)["experiments"][self.experiment]
        minutes = None if self.epochs else self.minutes
        timed = {**below.get("training", {}), "epochs": self.epochs, "minutes": minutes}
        shares = {"test": self.test, "validation": self.validation}
        over: dict[str, Any] = {
            "experiments": {NAME: {**below, "training": timed}},
            "run": [NAME],
            "split": {name: share for name, share in shares.items() if share is not None},
        }
        if self.cases:
            over["dataset"] = {"phantom": {"cases": self.cases}, "name": f"{NAME}_phantom"}
        return over


SETS = {
    "hippocampus": Measured(("config/msd_hippocampus.yaml",), test=0.4, validation=0.25),
    "liver slices": Measured(("config/msd_liver_2d.yaml",), validation=0.25),
    "phantoms": Measured(("config/config.yaml",), epochs=6, test=0.5, validation=0.4, cases=60),
}

# --- faults --------------------------------------------------------------------------


def of_intensities(drawn: Drawn, change: Callable[[np.ndarray], np.ndarray]) -> Drawn:
    """Change intensities from 0 to 1, the ends of the contrast, and leave the truth."""
    array = drawn.image.array.astype(np.float64)
    low, high = np.percentile(array, (1, 99))
    new = low + (high - low) * change((array - low) / (high - low))
    if drawn.image.array.dtype.kind in "iu":
        limits = np.iinfo(drawn.image.array.dtype)
        new = np.rint(new).clip(limits.min, limits.max)
    return Drawn(Volume(new.astype(drawn.image.array.dtype), drawn.image.affine), drawn.truth)


def quarter(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Turn by 90 degrees about the axis of the body, without telling."""
    image = Volume(np.rot90(drawn.image.array).copy(), drawn.image.affine)
    return Drawn(image, np.rot90(drawn.truth).copy())


def speckled(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Multiply with noise."""
    noise = rng.normal(1, rng.uniform(0.2, 0.8), drawn.image.array.shape)
    return of_intensities(drawn, lambda share: share * noise)


def peppered(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Lose a tenth to a third of the voxels to the darkest and brightest values."""
    chance = rng.random(drawn.image.array.shape)
    share = rng.uniform(0.1, 0.33)

    def change(values: np.ndarray) -> np.ndarray:
        return np.where(chance < share / 2, 0, np.where(chance > 1 - share / 2, 1, values))

    return of_intensities(drawn, change)


def shaded(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Fade along an axis, as with a coil at one side."""
    axis = int(rng.integers(3))
    shape = [1] * drawn.image.array.ndim
    shape[axis] = -1
    fade = np.linspace(rng.uniform(0.0, 0.4), 1.6, drawn.image.array.shape[axis]).reshape(shape)
    return of_intensities(drawn, lambda share: share * fade)


def other_modality(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Be bright where it was neither bright nor dark."""
    return of_intensities(drawn, lambda share: 1 - np.abs(2 * share - 1))


def ghosted(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Overlay itself, moved by a fifth along an axis, as where somebody moved."""
    axis = int(rng.integers(2))
    by = max(1, drawn.image.array.shape[axis] // 5)
    weight = rng.uniform(0.3, 0.6)
    moved = np.roll(drawn.image.array.astype(np.float64), by, axis)
    low, high = np.percentile(drawn.image.array, (1, 99))
    return of_intensities(
        drawn, lambda share: (1 - weight) * share + weight * (moved - low) / (high - low)
    )


def elsewhere(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Be of another place: what left the field of view at one side comes in at the other."""
    axis = int(rng.integers(2))
    by = drawn.truth.shape[axis] // 2
    image = Volume(np.roll(drawn.image.array, by, axis), drawn.image.affine)
    return Drawn(image, np.roll(drawn.truth, by, axis))


def smeared(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Be averaged over a tenth of one axis, as by thick slices."""
    axis = int(rng.integers(3))
    size = max(3, drawn.truth.shape[axis] // 10)
    array = ndimage.uniform_filter1d(drawn.image.array.astype(np.float64), size, axis)
    image = Volume(array.astype(drawn.image.array.dtype), drawn.image.affine)
    return Drawn(image, drawn.truth)


ALSO_CALIBRATED = {"upside down": turned, "mirrored": mirrored, "half the field": halved}
FAULTS: dict[str, Callable[[Drawn, np.random.Generator], Drawn]] = {
    **ALSO_CALIBRATED,
    "a quarter turned": quarter,
    "speckled": speckled,
    "peppered": peppered,
    "shaded": shaded,
    "another modality": other_modality,
    "ghosted": ghosted,
    "elsewhere": elsewhere,
    "smeared": smeared,
}

# --- what is measured ----------------------------------------------------------------


def train(configs: list[str], settings: Settings, cores: str) -> None:
    """Let the workflow train and calibrate."""
    target = f"results/{settings.dataset.name}/{NAME}/report.html"
    command = [sys.executable, "-m", "snakemake", target, "--cores", cores, "--configfile"]
    subprocess.run([*command, *configs], cwd=ROOT, check=True)


def predictions(settings: Settings, batch: int) -> Iterator[dict[str, Any]]:
    """Segment the test scans; yield what each mask tells, and its Dice."""
    # with Keras, which figures alone do without
    from slicewise.network.card import model_card
    from slicewise.network.model import load_model
    from slicewise.training.calibrating import known_masks
    from slicewise.training.known import known_cases

    results = ROOT / "results" / settings.dataset.name
    split = read_table(results / "split.tsv")
    wanted = set(split.loc[split["subset"] == "test", "case"])
    there = [case for case in find_cases(settings.dataset, data_folder()) if case.name in wanted]
    files = {}
    for kind in ("image", "mask"):
        files[kind] = [
            str(results / "cases" / case.name / f"{kind}.nii.gz")
            if case.needs_conversion or not getattr(case, kind)
            else str(getattr(case, kind)[0])
            for case in there
        ]
    model = load_model(results / NAME / "fold-0" / "model.keras")
    card = model_card(model)
    names = [case.name for case in there]
    known = known_cases(names, files["image"], files["mask"], settings.dataset.content)
    for number, case in enumerate(known):
        drawn = case.read()
        for way, spoil in {"": None, **FAULTS}.items():
            rng = np.random.default_rng([number, *way.encode()])
            shown = drawn if spoil is None else spoil(drawn, rng)
            for mask in known_masks(model, card, shown, batch):
                yield {"case": case.case, "spoilt": way, **mask}
        print(f"{number + 1} of {len(known)} test scans", file=sys.stderr)


def stored(settings: Settings, weights: str, anew: bool) -> list[dict[str, Any]]:
    """Return the predictions of these weights and signs, made before or now."""
    path = ROOT / "results" / settings.dataset.name / NAME / "trust.json"
    if path.is_file() and not anew:
        kept = read_json(path)
        if (kept["weights"], kept.get("signs")) == (weights, list(Signs._fields)):
            return list(kept["masks"])
    made = list(predictions(settings, settings.experiments[NAME].prediction.batch))
    write_json(path, {"weights": weights, "signs": list(Signs._fields), "masks": made})
    return made


def table_of(masks: list[dict[str, Any]], expectation: Expectation) -> pd.DataFrame:
    """Return the Dice to expect of each mask beside the true one."""
    rows = []
    for mask in masks:
        signs = mask["signs"]
        expected = None if signs is None else expectation.of(mask["label"], signs)
        dice, low, high = expected or MISSED
        told = {"expected": dice, "low": low, "high": high, "sure": signs[0] if signs else 0.0}
        rows.append({**mask, "true": mask["dice"], **told})
    table = pd.DataFrame(rows)
    table["held"] = table["true"].between(table["low"] - 1e-6, table["high"] + 1e-6)
    return table


def ways_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each way of spoiling, how expected and true Dice agree."""
    rows = []
    for way, own in table.groupby("spoilt", sort=False):
        rows.append(
            {
                "scans": way or "as they are",
                "masks": len(own),
                "true": own["true"].mean(),
                "expected": own["expected"].mean(),
                "off": (own["true"] - own["expected"]).abs().mean(),
                "width": (own["high"] - own["low"]).mean(),
                "held": own["held"].mean(),
                "rank": rank_correlation(own["expected"].to_numpy(), own["true"].to_numpy()),
            }
        )
    return pd.DataFrame(rows).round(3)


def area(score: np.ndarray, failed: np.ndarray) -> float:
    """Return the area under the ROC curve, by ranks (Mann and Whitney)."""
    ranks = stats.rankdata(score)
    positive, negative = failed.sum(), (~failed).sum()
    above = ranks[failed].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))


def with_a_tenth_spoilt(table: pd.DataFrame, column: str) -> dict[str, float]:
    """Return how well failures are found where one scan in ten is spoilt, over many draws."""
    rng = np.random.default_rng(0)
    scans = dict(iter(table.groupby(["case", "spoilt"])))
    cases = sorted(set(table.loc[table["spoilt"] == "", "case"]))
    # half of a scan may lack its organ, so that it has no Dice
    ways = {case: [way for way in FAULTS if (case, way) in scans] for case in cases}
    areas, found, shares, held = [], [], [], []
    for _ in range(DRAWS):
        spoilt = set(rng.choice(len(cases), max(1, round(SPOILT * len(cases))), replace=False))
        drawn = pd.concat(
            [
                scans[case, str(rng.choice(ways[case])) if k in spoilt else ""]
                for k, case in enumerate(cases)
            ]
        )
        failed = (drawn["true"] < FAILED).to_numpy()
        score = -drawn[column].to_numpy()
        held.append(drawn["held"].mean())
        if failed.all() or not failed.any():
            continue
        worst = np.argsort(-score, kind="stable")[: round(SPOILT * len(drawn))]
        areas.append(area(score, failed))
        found.append(failed[worst].sum() / failed.sum())
        shares.append(failed.mean())
    return {
        "AUROC": float(np.mean(areas)),
        "failures": float(np.mean(shares)),
        "found in the worst tenth": float(np.mean(found)),
        "in the interval": float(np.mean(held)),
    }


def with_interval(own: pd.DataFrame, column: str) -> str:
    """Return Spearman's correlation with the true Dice, and where bootstrapped ones lie."""
    rng = np.random.default_rng(0)
    told, true = (own[name].to_numpy(float) for name in (column, "true"))
    rank = rank_correlation(told, true)
    if rank is None:
        return "–"
    drawn = [rng.integers(0, len(own), len(own)) for _ in range(DRAWS)]
    ranks = [rank_correlation(told[k], true[k]) for k in drawn]
    low, high = np.percentile([each for each in ranks if each is not None], (2.5, 97.5))
    return f"{rank:.2f} ({low:.2f} to {high:.2f})"


def judge(table: pd.DataFrame) -> dict[str, str]:
    """Print figures by way of spoiling; return those that there are aims of."""
    print(ways_table(table).to_string(index=False))
    plain = table[table["spoilt"] == ""]
    by_label = plain.groupby("label", sort=False)
    ranks = [
        f"{label} {with_interval(own, 'expected')}, by confidence {with_interval(own, 'sure')}"
        for label, own in by_label
    ]
    told, sure = (with_a_tenth_spoilt(table, column) for column in ("expected", "sure"))
    print(f"a tenth spoilt: {', '.join(f'{key} {value:.3f}' for key, value in told.items())}")
    values = [
        "; ".join(ranks),
        f"{plain['held'].sum()} of {len(plain)} ({plain['held'].mean():.0%})",
        f"{(plain['high'] - plain['low']).mean():.2f}",
        *(f"{told[key]:.3f}, by confidence {sure[key]:.3f}" for key in ("AUROC", HIT)),
    ]
    return dict(zip(AIMS, values, strict=True))


def measure(one: Measured, options: argparse.Namespace) -> dict[str, str]:
    """Train, segment what is not segmented yet, and judge; say why not where that cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder) / "trust.yaml"
        overlay.write_text(yaml.safe_dump(one.settings_over(), sort_keys=False), encoding="utf-8")
        settings = load_settings(read_configuration([*one.files, overlay]))
        train([*map(str, one.files), str(overlay)], settings, options.cores)
    folder = ROOT / "results" / settings.dataset.name / NAME
    known = read_typed(str(folder / "fold-0" / "calibration.json"), CALIBRATION)
    expectation = Expectation.fit(joined([known]))
    if expectation is None:
        raise SlicewiseError(f"{settings.dataset.name}: too few validation patients to calibrate")
    print(f"calibrated on {expectation.masks} masks of {expectation.patients} patients")
    return judge(table_of(stored(settings, known.weights_sha256, options.anew), expectation))


def in_one_table(measured: dict[str, dict[str, str]]) -> str:
    """Return all figures, a column a set, beside the aims, for benchmarks/README.md."""
    lines = [f"| | aim | {' | '.join(measured)} |", f"| --- | --- |{' --- |' * len(measured)}"]
    for name, aim in AIMS.items():
        lines.append(f"| {name} | {aim} | {' | '.join(own[name] for own in measured.values())} |")
    return "\n".join(lines)


def wanted(options: argparse.Namespace) -> dict[str, Measured]:
    """Return the sets that are asked for."""
    if options.configfile is None:
        return {name: SETS[name] for name in options.sets}
    return {
        Path(options.configfile[-1]).stem: Measured(
            tuple(str(Path(path).resolve()) for path in options.configfile),
            *(options.experiment, options.minutes, options.epochs),
            *(options.test, options.validation, options.cases),
        )
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each set, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    which.add_argument("--configfile", nargs="+", help="of another set, with what follows")
    parser.add_argument("--experiment", default="baseline", help="whose settings are taken")
    parser.add_argument("--minutes", type=float, default=3, help="of training")
    parser.add_argument("--epochs", type=int, help="of training, however long they take")
    parser.add_argument("--test", type=float, help="share of test patients")
    parser.add_argument("--validation", type=float, help="share of validation patients")
    parser.add_argument("--cases", type=int, help="how many phantoms")
    parser.add_argument("--cores", default=str(os.cpu_count()))
    parser.add_argument("--anew", action="store_true", help="segment what is stored again")
    options = parser.parse_args(arguments)
    measured = {}
    for name, one in wanted(options).items():
        print(f"\n{name}")
        try:
            measured[name] = measure(one, options)
        except SlicewiseError as error:
            sys.exit(str(error))
    print(f"\n{in_one_table(measured)}")


if __name__ == "__main__":
    main()
