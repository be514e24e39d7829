"""A sentence is news once in a run of the workflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.tracking.said import NAME, RUN, is_news, note_recovery

GONE = "MLflow at http://one does not answer (in {} s); try later"


def test_each_job_says_it_where_there_is_no_run_of_the_workflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RUN, raising=False)
    assert is_news(tmp_path, GONE)
    assert is_news(tmp_path, GONE)
    assert list(tmp_path.iterdir()) == []


def test_it_is_said_once_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN, "first")
    assert is_news(tmp_path, GONE.format(1))
    assert not is_news(tmp_path, GONE.format(2)), "of other seconds, it is the same"
    assert is_news(tmp_path, "MLflow refuses the password; set another")
    monkeypatch.setenv(RUN, "second")
    assert is_news(tmp_path, GONE.format(1))


def test_what_was_mended_is_news_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN, "first")
    assert is_news(tmp_path, GONE)
    note_recovery(tmp_path)
    assert is_news(tmp_path, GONE)


@pytest.mark.parametrize("damage", ["", "[", "[]", "{}", '{"run": "first"}'])
def test_what_is_damaged_says_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv(RUN, "first")
    (tmp_path / NAME).write_text(damage)
    assert is_news(tmp_path, GONE)
    assert not is_news(tmp_path, GONE)


def test_where_nobody_may_write_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN, "first")
    assert is_news(tmp_path / "gone", GONE)
    note_recovery(tmp_path / "gone")
