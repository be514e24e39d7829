"""What holds for all tests."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Nothing of libraries and of ten thousand tests is garbage: to look for it again and again took a
# third of the time until the first test.
gc.disable()
# What is right does not become wrong where others keep the machine busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Also where Python is told to keep nothing: each worker would rewrite all tests in each run.
sys.dont_write_bytecode = False
# Tests look at what Snakemake and its jobs say, which people see in the log alone.
os.environ.setdefault("SLICEWISE_OUTPUT", "full")

HERE = Path(__file__).parent
LONG = ("cluster", "workflow", "deploy")
"""Folders of whose files each takes minutes."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker has a long file left when others end."""
    folders = [HERE / name for name in LONG]
    place = {item: [folder not in item.path.parents for folder in folders] for item in items}
    items.sort(key=place.__getitem__)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Look for garbage from now on, among what tests make."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _own_variables() -> Iterator[None]:
    """Let no test leave to others of its worker what it told slicewise or MLflow of."""
    before = _variables()
    yield
    for name in _variables():
        if name not in before:
            del os.environ[name]
    os.environ.update(before)


def _variables() -> dict[str, str]:
    ours = ("SLICEWISE_", "MLFLOW_")
    return {key: value for key, value in os.environ.items() if key.startswith(ours)}
