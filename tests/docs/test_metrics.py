"""The columns in results/README.md are what docs/make_metrics.py writes."""

import importlib.util
from pathlib import Path

from slicewise.metrics.table import METRICS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "results" / "README.md"


def load_script():
    spec = importlib.util.spec_from_file_location("make_metrics", ROOT / "docs/make_metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date():
    text = PAGE.read_text(encoding="utf-8")
    assert load_script().page(text) == text, "run python docs/make_metrics.py"


def test_each_metric_has_a_row():
    text = PAGE.read_text(encoding="utf-8")
    for metric in METRICS:
        assert text.count(f"\n| `{metric.name}` | {metric.meaning} |\n") == 1
