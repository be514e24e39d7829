"""What is not as it was: code, versions, data and device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os.path import relpath
from pathlib import Path

from slicewise.dataset.started import DIGITS
from slicewise.dataset.training_record import TrainingRecord
from slicewise.sources import library_digests
from slicewise.stored import read_stored_table, text_of
from slicewise.tracking import environment, git_state
from slicewise.tracking.provenance import PACKAGES, UNKNOWN, git_diff
from slicewise.tracking.secrets import redact
from slicewise.wording import some

BEFORE = {"started_from": "started from", "taught_by": "learnt from"}
"""What is said of models before a training, by the tags of its run."""
SHOWN = 20
"""Packages, cases or files that are named."""


def code_differences(tags: Mapping[str, str], workflow: Path, diff: Path) -> Iterator[str]:
    """Yield how the code here differs from that of a run, by its tags and its kept diff."""
    here = git_state(workflow)
    digests = library_digests(workflow)
    known = [key for key in digests if key in tags]
    same = bool(known) and all(tags[key] == digests[key] for key in known)
    then, now = (state.get("git_commit", UNKNOWN) for state in (tags, here))
    if then != now:
        hint = f" (git worktree add ../then {then[:12]})" if then != UNKNOWN else ""
        yield f"commit {then[:12]} then, {now[:12]} now{', of the same code' if same else hint}"
    if same:
        return  # whatever else of the repository changed
    dirty = tags.get("git_dirty") == "true"
    kept = diff.read_text(encoding="utf-8", errors="replace") if dirty and diff.is_file() else None
    if not known and then == now and kept is not None and kept == redact(git_diff(workflow)):
        return  # the same changes to the same commit
    if dirty:
        where = f"kept in {relpath(diff)}" if kept is not None else "which were not kept"
        yield f"the code had changes then that were not committed, {where}"
    if here.get("git_dirty") == "true":
        yield "the code here has changes that are not committed"
    if other := [key for key in known if tags[key] != digests[key]]:
        what = {"library_sha256": "library", "workflow_sha256": "rules or scripts"}
        yield f"other code ran, by its digest: {' and '.join(what[key] for key in other)}"


def version_differences(path: Path) -> Iterator[str]:
    """Yield which packages have another version than in a run's ``environment.txt``."""
    lines = text_of(path, "name a run that is whole").split()
    then = {name: version for name, _, version in (line.partition("==") for line in lines)}
    now = environment()
    other = sorted(k for k in then.keys() | now.keys() if then.get(k) != now.get(k))
    direct = [k for k in other if k in {name.lower() for name in PACKAGES}]
    for package in direct:
        yield f"{package} {then.get(package, 'missing')} then, {now.get(package, 'missing')} now"
    if rest := [k for k in other if k not in direct]:
        yield f"the version of {some(rest, SHOWN)}"


def data_differences(then: Path, now: Path) -> list[str]:
    """Return which cases and files differ between two tables ``cases.tsv``."""
    columns = ("case", "fingerprint", "image_sha256", "mask_sha256")
    old, new = (
        read_stored_table(path, columns, key=("case",), dtype=str, keep_default_na=False).set_index(
            "case"
        )
        for path in (then, now)
    )
    lines = [
        f"case {case} is {'gone' if case in old.index else 'new'}"
        for case in sorted(set(old.index) ^ set(new.index))
    ]
    for case in sorted(set(old.index) & set(new.index)):
        one = old.loc[case]
        other = new.loc[case]
        same = one["fingerprint"] == other["fingerprint"]
        for kind, more in (("image", " with the same voxels" if same else ""), ("mask", "")):
            if one[f"{kind}_sha256"] != other[f"{kind}_sha256"]:
                lines.append(f"the {kind} of case {case} is another file{more}")
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"{len(lines) - SHOWN} more cases or files"]
    return lines


def split_differences(then: Path, now: Path) -> list[str]:
    """Return how a split differs from that of a run, where that is known."""
    if not then.is_file():
        return []
    old, new = (
        read_stored_table(path, ("subset", "fold"), key=("case",), dtype=str, keep_default_na=False)
        .set_index("case")[["subset", "fold"]]
        .agg(" ".join, axis=1)
        for path in (then, now)
    )
    moved = [case for case in old.index.intersection(new.index) if old[case] != new[case]]
    if not moved:
        return []
    first = moved[0]
    return [
        f"another split: {some(moved, SHOWN)} moved, such as {first} from {old[first].strip()} to "
        f"{new[first].strip()}"
    ]


def start_differences(then: Mapping[str, Mapping[str, str]], made: Path) -> Iterator[str]:
    """Yield which folds started from or learnt from other weights than then.

    Parameters
    ----------
    then : mapping of str to mapping of str to str
        Their digests, as of `slicewise.tracking.fetch.Fetched.starts`.
    made : Path
        The data set's results that were made again.
    """
    for path in sorted(made.glob("*/fold-*/config.yaml")):
        fold = path.parent.relative_to(made).as_posix()
        for key, now in _before(TrainingRecord.read(path)).items():
            known = then.get(fold, {}).get(key)
            if known and now and known not in now:
                yield (
                    f"{fold} {BEFORE[key]} other weights ({known[:DIGITS]} then, "
                    f"{now[0][:DIGITS]} now)"
                )


def _before(record: TrainingRecord) -> dict[str, list[str]]:
    """Return by which digests the models before a training may have been noted."""
    started = record.started_from
    teacher = record.taught_by
    # the file of a model whose record was not there, else its weights
    digests = [] if started is None else [started.weights_sha256 or "", started.sha256]
    return {
        "started_from": [each for each in digests if each],
        "taught_by": [] if teacher is None else [teacher.weights_sha256],
    }


def device_differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return whether two runs were trained on different devices, by their tags."""
    if then.get("gpu") == now.get("gpu"):
        return []
    return [f"trained on {then.get('gpu', 'unknown')} then, on {now.get('gpu', 'unknown')} now"]
