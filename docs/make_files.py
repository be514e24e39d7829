"""Write the page of all files of results, from the rules that make them and the types of records.

Used by docs/make_site.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from slicewise.dataset.assignment import Assignment, split_table
from slicewise.dataset.calibration import Calibration, KnownMask
from slicewise.dataset.case_record import CaseRecord, SourceFiles
from slicewise.dataset.cases import cases_table
from slicewise.dataset.training_record import (
    Resolved,
    TaughtBy,
    TrainingPlan,
    TrainingRecord,
)
from slicewise.evaluation import comparison, groups, statistics
from slicewise.metrics.table import METRICS
from slicewise.report.segmented import HEADER, SegmentedScan
from slicewise.slices.geometry import SliceGeometry
from slicewise.slices.taught import Taught

RULES = Path(__file__).parents[1] / "rules"

HEAD = """\
# Files and columns

What each rule makes, below `results/<dataset>/`, read from the rules themselves; then the columns
of tables and the keys of records, read from the code that writes them. What the numbers mean, and
how they are to be quoted, is told in [Results](results.md).

Beside these stand, for each job, `logs/<rule>/…` (what it said), `timings/<rule>/…` (seconds and
memory, columns of Snakemake) and `_made/<file>.json` (what it was made from).
"""


class Made(NamedTuple):
    """A rule: its name, what it does, and the files that it declares."""

    rule: str
    does: str
    files: list[str]


def rules() -> Iterator[Made]:
    """Yield all rules that make files, stage by stage."""
    stages = (RULES / "stages.smk").read_text(encoding="utf-8")
    for stage in re.findall(r'^include: "(\w+\.smk)"', stages, re.M):
        text = (RULES / stage).read_text(encoding="utf-8")
        found = re.finditer(
            r'^( *)rule (\w+):\n +"""(.*?)"""\n(.*?)(?=^\S|^\1\S|\Z)', text, re.M | re.S
        )
        for _, name, does, body in (match.groups() for match in found):
            (output,) = re.findall(r"^ +output:\n(.*?)(?=^ +\w+:\s)", body, re.M | re.S) or [""]
            files = re.findall(r'\bresult\(f?"([^"]+)"\)', output)
            if files:
                yield Made(name, does.strip().split("\n\n")[0], [_pattern(each) for each in files])


def _pattern(text: str) -> str:
    """Write what is filled in as people do."""
    filled = text.replace("{study.segmenting}", "<experiment>").replace("{fold}", "<k>")
    return re.sub(r"\{(\w+)\}", r"<\1>", filled)


def tables() -> dict[str, Sequence[str]]:
    """Return the columns of tables."""
    source = SourceFiles(file="a", sha256="a", bytes=1)
    measured = dict.fromkeys(("min", "p0.5", "p5", "p50", "p95", "p99.5", "max"), 0.0)
    stored = {"how": "", "outside": 0, "off_mm": 0, "off_voxels": 0}
    case = CaseRecord.model_construct(
        **{"case": "a", "patient": "a", "image": source, "mask": source, "shape": [1, 1, 1]},
        **{"spacing": [1.0, 1.0, 1.0], "orientation": "RAS", "intensity": measured},
        **{"ml": {"<label>": 0.0}, "fingerprint": "", "mask_stored": stored},
    )
    split = [Assignment("a", "a", "test", None)]
    return {
        "cases.tsv": list(cases_table([case])),
        "split.tsv": split_table(split).splitlines()[0].split("\t"),
        "<experiment>/fold-<k>/history.csv": history(),
        "<experiment>/groups.tsv": groups.COLUMNS,
        "comparison.tsv": comparison.COLUMNS,
        "comparison_cases.tsv": [*comparison.KEYS, "<experiment>", "…"],
        "segmented/<experiment>/volumes.tsv": HEADER,
    }


RECORDS: dict[str, Sequence[type]] = {
    "cases/<case>/record.json": (CaseRecord,),
    "slices/<recipe>/<case>/geometry.json": (SliceGeometry,),
    "slices/_taught/<teacher>/fold-<k>/<recipe>/<case>/taught.json": (Taught,),
    "<experiment>/fold-<k>/plan.json": (TrainingPlan, TaughtBy),
    "<experiment>/fold-<k>/config.yaml": (TrainingPlan, TrainingRecord, Resolved),
    "<experiment>/fold-<k>/calibration.json": (Calibration, KnownMask),
    "segmented/<experiment>/_shards/<shard>.json": (SegmentedScan,),
}
"""What is stored as a record, and the types that say its keys; those after the first are within."""


def history() -> Sequence[str]:
    """Return the columns of history.csv, without loading Keras, which its module does."""
    result = RULES.parent / "src" / "slicewise" / "training" / "result.py"
    (listed,) = re.findall(r"^HISTORY = \((.*?)^\)", result.read_text("utf-8"), re.M | re.S)
    return re.findall(r'"([^"]+)"', listed)


def keys(record: type) -> list[tuple[str, str, str]]:
    """Return the keys that a record is documented to have: name, type and meaning."""
    doc = record.__doc__ or ""
    (listed,) = re.findall(r"Attributes\n +-+\n(.*?)(?=\n\n\s+\w+\n +---|\Z)", doc, re.S)
    indent = re.match(r" *", listed)[0]  # type: ignore[index]
    entries = re.split(rf"^{indent}(?=\S)", listed, flags=re.M)[1:]
    found = []
    for entry in entries:
        head, _, meaning = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        found.append((names, kind, " ".join(meaning.replace("``", "`").split())))
    return found


def page() -> str:
    """Return the page."""
    parts = [HEAD, "## What rules make\n", "| file | rule | what it does |\n| --- | --- | --- |"]
    for made in rules():
        files = "<br>".join(f"`{name}`" for name in made.files)
        parts.append(f"| {files} | `{made.rule}` | {' '.join(made.does.split())} |")
    parts.append("\n## Columns of tables\n")
    parts.append("### `<experiment>/metrics.tsv`\n\n| column | meaning |\n| --- | --- |")
    first = {"case, patient, subset, fold, label": "of which case, for what, and of which label"}
    meanings = first | {each.name: each.meaning for each in METRICS}
    assert [each.name for each in METRICS] == list(statistics.COLUMNS)
    parts += [f"| `{name}` | {meaning} |" for name, meaning in meanings.items()]
    for name, columns in tables().items():
        parts.append(f"\n### `{name}`\n\n{', '.join(f'`{column}`' for column in columns)}")
    parts.append("\n## Keys of records")
    for name, records in RECORDS.items():
        parts.append(f"\n### `{name}`\n")
        for record in records:
            said = (record.__doc__ or "").split("\n")[0]
            parts.append(f"{said}\n\n| key | type | meaning |\n| --- | --- | --- |")
            parts += [f"| {_code(n)} | {k} | {_cell(m)} |" for n, k, m in keys(record)]
            parts.append("")
    return "\n".join(parts) + "\n"


def _code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", "))


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or " "
