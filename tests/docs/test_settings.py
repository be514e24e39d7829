"""docs/settings.md is what docs/make_settings.py writes."""

import importlib.util
from pathlib import Path

from slicewise.config import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "settings.md"


def load_script():
    spec = importlib.util.spec_from_file_location("make_settings", ROOT / "docs/make_settings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date():
    page = load_script().page()
    assert PAGE.read_text(encoding="utf-8") == page, "run python docs/make_settings.py"


def test_each_setting_has_a_row_and_a_meaning():
    text = PAGE.read_text(encoding="utf-8")
    script = load_script()
    todo = [Settings]
    while todo:
        model = todo.pop()
        for name, field in model.model_fields.items():
            # people write ensembles among experiments
            assert name == "ensembles" or f"\n| `{name}` | " in text
            inner, _ = script.block_of(field.annotation)
            if inner is not None:
                todo.append(inner)
            else:
                assert field.description, f"{model.__name__}.{name} has no description"
