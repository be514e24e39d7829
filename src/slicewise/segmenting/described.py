"""What a model is, in lines for people: what it takes and finds, what made it, how good it was."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from slicewise.network.card import ModelCard
from slicewise.network.ranges import Range, Ranges
from slicewise.overview import headline
from slicewise.records import OUTDATED, scores_are_current
from slicewise.segmenting.models import FOLD, Chosen
from slicewise.stored import SUMMARY, read_stored
from slicewise.tracking import current_run, flatten
from slicewise.tracking.find import run_of_all
from slicewise.wording import plural, some

TAKES = {
    "hu": "CT in Hounsfield units",
    "clipped_hu": "CT in Hounsfield units that were clipped",
    "arbitrary": "images whose intensities have no unit",
}
NOT_KNOWN = "not known from the file alone; name results/<dataset>/<experiment>, or MLflow's model"
NOT_TRACKED = "not known from MLflow's model; name results/<dataset>/<experiment>"
SHOWN = 16
"""Characters of a digest."""


def described(chosen: Chosen) -> str:
    """Describe models that segment together.

    Parameters
    ----------
    chosen : Chosen

    Returns
    -------
    str
        A line for each thing, its name first.
    """
    lines = {
        "model": f"{chosen.name} ({plural(len(chosen.models), 'model')})",
        **_card(chosen.card),
        **_members(chosen),
        **_ranges(chosen.card),
        **known_of(chosen),
        **_of_all_folds(chosen),
        **_digests_of(chosen),
    }
    return "\n".join(f"{name:<12}{text}" for name, text in lines.items() if text)


def known_of(chosen: Chosen) -> dict[str, str]:
    """Return what is known of the making of models, in words, each after its name.

    Parameters
    ----------
    chosen : Chosen
        Of exported models what was known where they were trained.
    """
    if chosen.told:
        return chosen.told
    known = {
        "trained on": _trained_on(chosen),
        "started": _started(chosen),
        "settings": _settings(chosen),
        "test Dice": _scores(chosen),
        "expected": _expected(chosen),
        "run": _run(chosen),
        "data": _digests([one.resolved.slices_sha256 for one in chosen.trainings]),
    }
    unknown = NOT_TRACKED if chosen.tracked else NOT_KNOWN
    return {name: unknown if text == NOT_KNOWN else text for name, text in known.items()}


def _of_all_folds(chosen: Chosen) -> dict[str, str]:
    """Return how to ask for the Dice of one fold of several.

    It names a folder of this machine, which neither exported files nor servers tell.
    """
    if not chosen.of_folds:
        return {}
    assert chosen.folder is not None  # of one fold
    given = Path(chosen.name).is_absolute()
    folder = str(chosen.folder) if given else os.path.relpath(chosen.folder)
    command = f"slicewise inspect {shlex.quote(folder)}"
    return {"test Dice": f"not scored alone; that of all {chosen.of_folds} folds: {command}"}


def _digests_of(chosen: Chosen) -> dict[str, str]:
    if not chosen.exported:
        return {"weights": _digests(chosen.weights)}
    return {
        "file": _digests(chosen.weights),
        "weights": f"{_digests([m.digest_of_weights for m in chosen.exported])}, exported as ONNX",
    }


def _members(chosen: Chosen) -> dict[str, str]:
    """Return the members of an ensemble with their weights."""
    record = chosen.weighed
    if record is None:
        return {}
    parts = [f"{name} {weight:.2f}" for name, weight in record.weights.items()]
    return {
        "slices": "as each member cuts them",
        "members": f"{', '.join(parts)} ({record.because})",
    }


def _card(card: ModelCard) -> dict[str, str]:
    recipe = card.recipe
    size = f"{recipe.size} × {recipe.size} pixels" if recipe.size else "whole slices"
    spacing = f" of {recipe.spacing} mm" if recipe.spacing else ""
    shares = card.inference.shares
    planes = " and ".join(plane.plane for plane in card.planes)
    if len(set(shares.values())) > 1:
        planes = " and ".join(f"{plane} ({share:.0%})" for plane, share in shares.items())
    tilt = f", each also turned by {card.inference.tilt:g}°" if card.inference.tilt else ""
    seen = card.context
    at_once = f"{'blocks of ' if seen.block else ''}{plural(seen.slices, 'slice')} at once"
    at_once += ", whose plane is told" if seen.plane else ""
    after = card.postprocessing
    found = list(card.found)
    pieces = after.largest_of(found)
    steps = [
        *([f"the largest piece of {_named(pieces, found)}"] if pieces else []),
        *(["holes filled"] if after.fill_holes else []),
    ]
    values = ", ".join(f"{name} ({each[0]})" for name, each in card.values.items())
    return {
        "finds": f"{values}, with their mask values",
        "regions": ", ".join(card.regions),
        "takes": TAKES[card.intensity],
        "channels": ", ".join(card.channels or []),
        "slices": f"{planes}{tilt}, {size}{spacing}, {at_once}",
        "afterwards": " and ".join(steps) or "nothing",
    }


def _named(numbers: Sequence[int], found: Sequence[str]) -> str:
    """Name the labels of some numbers; all of them are each."""
    if len(numbers) == len(found):
        return "each label"
    return " and of ".join(found[number - 1] for number in numbers)


def _trained_on(chosen: Chosen) -> str:
    if not chosen.trainings:
        told = chosen.trained_on.scans  # of an ensemble of MLflow without their names
        scans = {mark for own in told for mark in own}
        if not (told and all(told)):
            return NOT_KNOWN
        return f"{plural(len(scans), 'scan')}, known again when they are segmented"
    cases = {case for one in chosen.trainings for case in one.train}
    patients = {one.patients.get(case, case) for one in chosen.trainings for case in one.train}
    known = all(len(one.fingerprints) == len(one.train) for one in chosen.trainings)
    again = ", known again when they are segmented" if known else ""
    return f"{plural(len(cases), 'case')} of {plural(len(patients), 'patient')}{again}"


def _started(chosen: Chosen) -> str:
    starts = [one.started_from for one in chosen.trainings if one.started_from is not None]
    names = [name for one in starts for name in (one.name, *one.earlier)]
    return ", ".join(dict.fromkeys(names))


NO_RANGES = "not in the file, which an earlier version wrote; no scan is held against them"
AXES = ("left to right", "back to front", "foot to head")


def _ranges(card: ModelCard) -> dict[str, str]:
    """Return what the training cases have in common, as scans are held against it."""
    ranges = card.ranges
    if ranges is None:
        return {"ranges": NO_RANGES}
    unit = "standard deviations from the mean" if card.intensity == "arbitrary" else "HU"
    lines = {"ranges": f"of {plural(ranges.patients, 'patient')}"}
    for name, sides in (("voxels", ranges.spacing), ("field", ranges.field)):
        along = zip(sides, AXES, strict=False)
        lines[name] = ", ".join(f"{_said(side)} mm from {axis}" for side, axis in along)
    for name, tones in zip(card.channels or ["intensities"], ranges.channels, strict=False):
        if tones is not None:
            lines[name] = (
                f"of the body, 5 % lie below {_said(tones.low)}, half below "
                f"{_said(tones.middle)}, 95 % below {_said(tones.high)} {unit}; noise "
                f"{_said(tones.noise)}"
            )
    return {**lines, **_volumes(ranges)}


def _volumes(ranges: Ranges) -> dict[str, str]:
    volumes = {name: each.ml for name, each in ranges.labels.items()}
    return {
        "volumes": ", ".join(
            f"{name} {_said(ml)} ml" if ml is not None else f"{name} in no case"
            for name, ml in volumes.items()
        )
    }


def _said(range: Range) -> str:
    low, high = (f"{value:.3g}" for value in (range.low, range.high))
    return low if low == high else f"{low} to {high}"


def _settings(chosen: Chosen) -> str:
    if chosen.weighed is not None:
        return "of each member its own"
    if not chosen.trainings:
        return NOT_KNOWN
    flat = flatten(chosen.trainings[0].experiment)
    return ", ".join(f"{key}: {value}" for key, value in flat.items() if value is not None)


def _scores(chosen: Chosen) -> str:
    if chosen.of_folds:
        return f"not scored alone; that of all {chosen.of_folds} folds is another"
    if chosen.folder is not None and (chosen.folder / "summary.json").is_file():
        if not scores_are_current(chosen.folder):
            return OUTDATED
        tested = read_stored(chosen.folder / "summary.json", SUMMARY).get("test")
        return headline({"test": tested}) if tested else "no test patient was scored"
    metrics = chosen.tracked.get("metrics") or {}
    if {"test/dice_mean", "test/patients"} <= metrics.keys():
        # the store knows only whose Dice it is, not how many were tested
        dice = {name: metrics.get(f"test/dice_{name}") for name in ("mean", "ci_low", "ci_high")}
        return headline({"test": {"mean": {"dice": dice | {"n": int(metrics["test/patients"])}}}})
    return "not scored yet" if chosen.folder is not None else NOT_KNOWN


def _expected(chosen: Chosen) -> str:
    """Say how the Dice to expect of a new mask is known."""
    known = chosen.expectation
    if known is None:
        return f"no Dice of new masks, which are only ranked: {chosen.uncalibrated}"
    rank = "" if known.rank is None else f"; rank correlation with the true one {known.rank:.2f}"
    return (
        f"Dice of new masks, by {plural(known.masks, 'mask')} of "
        f"{plural(known.patients, 'patient')} held out of the training, {known.spoilt} of them of "
        f"scans spoilt on purpose{rank} (patients left out in turn, scans as they are)"
    )


def run_of(chosen: Chosen) -> str:
    """Return the id of the run that trained models; empty where nobody knows."""
    if chosen.tracked:
        return str(chosen.tracked.get("run_id") or "")
    if chosen.folder is None:
        return ""
    if chosen.fold:
        run = current_run(chosen.folder / "tracking" / chosen.fold)
    elif chosen.weighed is not None:
        run = run_of_all(chosen.folder, 0, chosen.weighed.predicts_by)
    else:
        run = run_of_all(chosen.folder, len(chosen.models))
    return "" if run is None else str(run.record.id)


def _run(chosen: Chosen) -> str:
    if known := run_of(chosen):
        return known
    if chosen.tracked or chosen.folder is None:
        return NOT_KNOWN
    of_folds = any(chosen.folder.glob(f"tracking/{FOLD}*"))
    return "of each fold its own until all are scored" if of_folds else "not tracked"


def _digests(digests: list[str] | list[str | None]) -> str:
    known = list(dict.fromkeys(digest[:SHOWN] for digest in digests if digest))
    return f"SHA-256 {some(known, 5)}" if known else NOT_KNOWN
