"""A run is made again beside the old one, from what is at hand."""

from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import write_yaml
from slicewise.reproduce import again as module
from slicewise.reproduce import original
from slicewise.tracking.fetch import Fetched
from tests.reproduce.conftest import CONFIG
from tests.settings import used_settings
from tests.trained import config_of

NUMBERS = ("dice_before", "dice_after", "largest_difference")


def noted(tags: dict[str, str]) -> SimpleNamespace:
    """Stand in for a run with these tags."""
    return SimpleNamespace(record=SimpleNamespace(tags=tags))


def test_without_a_store_none_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    with pytest.raises(SlicewiseError, match=r"mlflow\.db: no run is tracked yet; run snakemake"):
        module.reproduce("x", tmp_path, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def cases(path: Path, mask: str) -> None:
    columns = {"case": ["1"], "image_sha256": "i", "mask_sha256": mask, "fingerprint": "f"}
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, sep="\t", index=False)


class Stopped(Exception):
    """Stands for whatever ends a rerun."""


def test_what_was_made_of_other_data_is_made_anew(tmp_path, monkeypatch):
    """Also where the other file is older, as from a backup: snakemake would not notice."""
    calls, now, results = [], SimpleNamespace(), tmp_path / "results"

    def bring(connection, run_id, run, place):
        cases(place / "cases.tsv", "of then")
        (place / "settings.yaml").write_text(used_settings(CONFIG, "plain"))
        (place / "environment.txt").write_text("")
        return Fetched("plain", {}, {}, run_id)

    @contextmanager
    def snakemake(workflow, folder, config, cores, project):
        def make(target, *more):
            if target.name == "cases.tsv":
                cases(target, now.mask)
                return
            calls.append(more)
            if now.stops:
                raise Stopped

        yield make

    monkeypatch.setattr(original, "_bring", bring)
    monkeypatch.setattr(module, "making", snakemake)
    monkeypatch.setattr(module, "_runs", lambda tracking: [noted({})])
    monkeypatch.setattr(module, "compare_scores", lambda old, new: dict.fromkeys(NUMBERS, 0.5))
    monkeypatch.setattr(module, "_track", lambda runs, run_id, kept, log: "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    for now.mask, now.stops, forced in (
        ("of then", True, False),
        ("of then", False, False),
        ("of then", False, False),
        ("another", True, True),
        ("another", True, True),  # not done yet
        ("another", False, True),
        ("another", False, False),
        ("of then", False, True),
    ):
        with pytest.raises(Stopped) if now.stops else nullcontext():
            module.reproduce("x", tmp_path, results, log=lambda line: None)
        assert calls.pop() == (("--forceall",) if forced else ())


def test_a_model_that_is_another_now_is_among_the_differences(tmp_path, monkeypatch, settings):
    starts = {"plain/fold-0": {"started_from": "then"}}
    fetched = Fetched("plain", {}, {}, "0" * 12, starts)
    one = original.Original(fetched, tmp_path / "results", settings)
    before = {"name": "models:/x@champion", "sha256": "now", "known": False, "scans": {}}
    record = config_of("a1", "a", "w") | {"started_from": before}
    write_yaml(one.made / "plain" / "fold-0" / "config.yaml", record)
    monkeypatch.setattr(module, "_runs", lambda tracking: [noted({})])
    monkeypatch.setattr(module, "compare_scores", lambda old, new: dict.fromkeys(NUMBERS, 0.5))
    monkeypatch.setattr(module, "_track", lambda runs, run_id, kept, log: "")
    said: list[str] = []
    module._compare(one, [], 0.1, said.append)
    assert "differs: plain/fold-0 started from other weights (then then, now now)" in said
