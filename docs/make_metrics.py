"""Write the columns of metrics.tsv into results/README.md, from the table of metrics.

Run it after a change of src/slicewise/metrics/table.py:
python docs/make_metrics.py
"""

from __future__ import annotations

import re
from pathlib import Path

from slicewise.metrics.table import METRICS

TARGET = Path(__file__).parents[1] / "results" / "README.md"
BEGIN = "<!-- Written by docs/make_metrics.py from src/slicewise/metrics/table.py; do not edit. -->"
END = "<!-- End of what docs/make_metrics.py writes. -->"


def rows() -> str:
    """Return the rows of the table, one a column."""
    return "\n".join(f"| `{metric.name}` | {metric.meaning} |" for metric in METRICS)


def page(text: str) -> str:
    """Return the page with the rows of now in place of those it has."""
    table = f"{BEGIN}\n\n| score | meaning |\n| --- | --- |\n{rows()}\n\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: table, text, flags=re.S)


if __name__ == "__main__":
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
