"""Settings, split and provenance of an experiment, as its report lists them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from slicewise.dataset.case_record import CaseRecord
from slicewise.report.render import (
    DASH,
)
from slicewise.report.tables import word
from slicewise.wording import plural, some

_SUBSETS = {"train": "Training", "validation": "Validation", "test": "Test"}


def grouped_settings(settings: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Group the settings by their top-level key; what is not a group comes first."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    groups = [("general", list(flat(plain)))] if plain else []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            groups.append((str(key), list(flat(value))))
    return groups


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the values of nested settings as texts, each by its dotted name.

    Examples
    --------
    >>> list(flat({"loss": {"dice": 1.0}, "seed": None}))
    [('loss.dice', '1.0'), ('seed', 'none')]
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _setting(value)


def _setting(value: Any) -> str:
    """Write a setting the way its YAML file does, without the brackets of a list."""
    if value is None or value == {} or value == []:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(
            f"({_setting(item)})" if isinstance(item, list | tuple) else _setting(item)
            for item in value
        )
    return str(value)


def split_rows(split: pd.DataFrame, crossed: bool) -> list[dict[str, Any]]:
    """Count the patients and cases of each subset that has any."""
    names = _SUBSETS | ({"train": "Training, each held out once"} if crossed else {})
    parts = {subset: split[split["subset"] == subset] for subset in _SUBSETS}
    return [
        {
            "name": names[subset],
            "patients": part["patient"].nunique(),
            "cases": part["case"].nunique(),
        }
        for subset, part in parts.items()
        if len(part)
    ]


def members(split: pd.DataFrame, sites: str = "") -> list[tuple[str, list[str]]]:
    """Name the patients of each subset, and of each fold where there are folds.

    With folds of sites, `sites` is their column, and each fold says its site.
    """
    named_patients = []
    folds = split["fold"].map(word) if "fold" in split else DASH
    named = split.assign(fold=folds)
    for subset, title in _SUBSETS.items():
        part = named[named["subset"] == subset]
        for fold, inside in part.groupby("fold"):
            name = title if fold in ("", DASH) else f"{title}, held out by fold {fold}"
            if name != title and sites:
                name += f": {sites} {inside[sites].iloc[0]}"
            named_patients.append((name, sorted(inside["patient"].astype(str).unique())))
    return named_patients


def sites_left_out(split: pd.DataFrame, sites: str) -> list[tuple[str, str]]:
    """List the folds of sites: their number, and the site that each holds out."""
    if not sites:
        return []
    held_out = split[split["fold"] != ""].drop_duplicates("fold")
    pairs = zip(held_out["fold"].astype(str), held_out[sites].astype(str), strict=True)
    return sorted(pairs, key=lambda pair: int(pair[0]))


def resampled(data: pd.DataFrame | None) -> list[tuple[str, ...]]:
    """List the cases whose mask was resampled: how far it was off, and what was left out."""
    if data is None or "mask_stored" not in data:
        return []
    rows = data[(data["mask_stored"] == "resampled") | ~data["mask_outside"].isin(["", "0"])]
    return [
        (
            str(row["case"]),
            *(str(row[f"mask_{name}"]) for name in ("off_mm", "off_voxels", "outside")),
        )
        for _, row in rows.iterrows()
    ]


def missing_channels(
    records: Mapping[str, CaseRecord], channels: Sequence[str], cases: Collection[str]
) -> list[str]:
    """Say of each channel which of the scored cases lack it, if any do."""
    known = [records[case] for case in sorted(cases) if case in records]
    said = []
    for place, channel in enumerate(channels):
        lacking = [each.case for each in known if each.tones[place : place + 1] == [None]]
        if lacking:
            of = f"{len(lacking)} of {plural(len(cases), 'scored case')}"
            said.append(f"{channel} is missing in {of} ({some(lacking, 4)}).")
    return said


def unsized(records: Mapping[str, CaseRecord], cases: Collection[str]) -> int:
    """Count the cases whose voxels have a size that nobody knows."""
    return sum(records[case].is_unsized for case in cases if case in records)


def excluded_cases(excluded: Mapping[str, str] | Sequence[str]) -> list[tuple[str, str]]:
    """List the cases that were left out, each with the reason."""
    if isinstance(excluded, Mapping):
        return [(str(case), str(reason)) for case, reason in excluded.items()]
    return [(str(case), "excluded in the settings") for case in excluded]
