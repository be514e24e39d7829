"""A folder for the studies of an archive, and one for what is noted of them."""

from pathlib import Path

import pytest


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the headers of files are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches" / "slicewise"


@pytest.fixture
def root(tmp_path: Path, caches: Path) -> Path:
    """Return the folder of an archive, in which nothing is yet."""
    (tmp_path / "data" / "archive").mkdir(parents=True)
    return tmp_path / "data" / "archive"
