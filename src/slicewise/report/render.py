"""From numbers to the text of a page: what the report and the comparison share."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from slicewise.report.undrawn import Undrawn
from slicewise.report.zipped import linked
from slicewise.wording import INTERVAL_OF, plural

DASH = "–"


def usable(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return value is not None and not isinstance(value, str) and math.isfinite(float(value))


def number(value: Any, digits: int = 3) -> str:
    """Write a number, or an en dash where there is none."""
    if not usable(value):
        return DASH
    text = f"{float(value):,.{digits}f}".replace(",", " ")
    return text.removeprefix("-") if float(text.replace(" ", "")) == 0 else text.replace("-", "−")


def signed(value: Any, digits: int = 1) -> str:
    """Write a number with its sign."""
    text = number(value, digits)
    return f"+{text}" if usable(value) and round(float(value), digits) > 0 else text


def millilitres(value: float) -> str:
    """Write a volume with its unit, with a digit after the point where it is small.

    >>> millilitres(12.345), millilitres(1234.5)
    ('12.3 ml', '1 234 ml')
    """
    return f"{number(value, 1 if value < 100 else 0)} ml"


def raw(value: Any) -> str:
    """Write what a column is sorted by; nothing for a missing value."""
    return repr(float(value)) if usable(value) else ""


def data_uri(data: bytes) -> str:
    """Write a PNG, JPEG, WebP or SVG file as a data URI."""
    if data.startswith(b"\x89PNG"):
        kind = "png"
    elif data.startswith(b"RIFF"):
        kind = "webp"
    elif data.startswith(b"\xff\xd8"):
        kind = "jpeg"
    else:
        kind = "svg+xml"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def render(template: str, **values: Any) -> str:
    """Fill in a template of this package."""
    return _templates().get_template(template).render(**values)


@cache
def _templates() -> Environment:
    """Return the templates of this package, each of which is compiled once in a process."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, signed=signed, raw=raw, data_uri=data_uri, plural=plural, linked=linked
    )
    environment.tests["undrawn"] = lambda value: isinstance(value, Undrawn)
    return environment


def plain_page(title: str, lines: Sequence[str]) -> str:
    """Write a page of a few lines, without the templates of which one may be what failed."""
    body = "\n".join(f"<p>{escape(line)}</p>" for line in lines)
    head = f'<meta charset="utf-8">\n<title>{escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en">\n{head}\n<h1>{escape(title)}</h1>\n{body}\n</html>\n'


def statistics_of(
    summary: Mapping[str, Any], subset: str, label: str, metric: str
) -> Mapping[str, Any]:
    """Look up one metric; every statistic is there, None where unknown."""
    numbers = ((summary.get(subset) or {}).get(label) or {}).get(metric) or {}
    known = {
        name: numbers.get(name) if usable(numbers.get(name)) else None
        for name in ("mean", "median", "sd", "ci_low", "ci_high", "n")
    }
    return without_rough_interval(known)


def without_rough_interval(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return statistics without an interval where that would be of two patients.

    Drawing two patients again gives either of them or their middle, whatever lies beyond.
    """
    n = numbers.get("n")
    rough = dict.fromkeys(("ci_low", "ci_high")) if n is not None and n < INTERVAL_OF else {}
    return {**numbers, **rough}


def counts_absent_labels(summary: Mapping[str, Any]) -> bool:
    """Tell whether means count labels that are not there (``absent_labels: challenge``)."""
    found = [(labels.get("mean") or {}).get("detection") or {} for labels in summary.values()]
    return any(each.get("absent_labels") == "challenge" for each in found)


def overall_label(summary: Mapping[str, Any], subset: str) -> str:
    """Return the label that stands for all: the mean, or the only one."""
    labels = list(summary.get(subset) or {})
    return "mean" if "mean" in labels or not labels else labels[0]
