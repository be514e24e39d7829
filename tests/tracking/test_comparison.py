"""A comparison of experiments is a run of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.reproduce import reproduce
from slicewise.tracking import Connection, current_run, pending_runs, sync
from slicewise.tracking.journal import all_runs, to_register
from tests.tracking.conftest import begin, no_judge, points, run_of, tracker, tracking_folder

FILES = ("comparison.html", "comparison.tsv", "comparison_cases.tsv")
DIFFERENCE = "two_minus_one/test/dice"


def trained(results: Path, *names: str) -> None:
    for name in names:
        with tracker(results, name) as one:
            begin(one).finish()


def compared(
    results: Path,
    difference: float = 0.1,
    names: tuple[str, ...] = ("one", "two"),
    said: list[str] | None = None,
) -> None:
    """Stand in for the rule `compare`."""
    dataset = results / "tiny"
    dataset.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (dataset / name).write_text(f"{name} with {difference}")
    with tracker(results, "comparison", said) as one:
        one.compared(
            names,
            metrics={DIFFERENCE: difference},
            files={name: dataset / name for name in FILES},
            verdicts=["two is better than one by 0.1"],
        )


def comparison_of(results: Path, number: str = "001"):
    return run_of(results, "comparison", number, "comparison")


def test_it_is_a_run_that_names_the_others(tmp_path: Path) -> None:
    results = tmp_path / "results"
    trained(results, "one", "two")
    said: list[str] = []
    compared(results, said=said)
    assert said == []
    found = comparison_of(results)
    assert (found.info.run_name, found.info.status) == ("comparison", "FINISHED")
    assert found.data.metrics == {DIFFERENCE: 0.1}
    assert found.data.tags["compares"] == "one, two"
    assert found.data.tags["mlflow.note.content"] == "- two is better than one by 0.1\n"
    for name in ("one", "two"):
        other = run_of(results, name)
        assert found.data.tags[f"compared.{name}"] == other.data.tags["slicewise.run"]
    client = Connection(results).client
    assert {file.path for file in client.list_artifacts(found.info.run_id)} == set(FILES)

    # unchanged it stays; changed it is another run, which takes its place
    compared(results)
    assert current_run(tracking_folder(results, "comparison") / "comparison").folder.name == "001"
    compared(results, 0.2)
    old, new = comparison_of(results), comparison_of(results, "002")
    assert old.data.tags["superseded_by"] == new.info.run_id
    assert points(results, new.info.run_id, DIFFERENCE)[0][2] == 0.2
    # the same numbers of another training
    with tracker(results, "two") as one:
        begin(one, "other key").finish()
    compared(results, 0.2)
    assert comparison_of(results, "003").data.metrics == {DIFFERENCE: 0.2}

    with pytest.raises(SlicewiseError, match=r"it compares one, two; name the run of one of"):
        reproduce(new.info.run_id, Path(), results)
    assert not (results / "reproduced").exists()
    assert to_register(all_runs(results)) == []
    assert pending_runs(results, "tiny") == 0


def test_it_names_the_run_of_what_was_scored_last(tmp_path: Path) -> None:
    results = tmp_path / "results"
    trained(results, "one", "two")
    folder = tracking_folder(results, "two")
    with tracker(results, "two") as one:
        one.mixed(
            "two", "k", params={}, contents={}, models={}, labels=[], data={"train": "digest"}
        )
        current_run(folder / "parent").contents({"metrics.tsv": "of an ensemble of that name"})
    compared(results)
    said = current_run(tracking_folder(results, "comparison") / "comparison").record.tags
    assert said["compared.two"] == current_run(folder / "parent").record.id


def test_a_dead_server_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "results"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said: list[str] = []
    compared(results, said=said)
    assert len(said) == 1
    assert pending_runs(results, "tiny") == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    told: list[str] = []
    sync(results, "*", no_judge, told.append)
    # of a busy machine it may be said that it lets wait
    first, *_ = [line for line in told if not line.startswith("waiting for MLflow ")]
    assert first.startswith("tiny comparison (finished): ")
    assert comparison_of(results).data.metrics == {DIFFERENCE: 0.1}


def test_one_experiment_is_no_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    compared(tmp_path / "results", names=("one",))
    assert all_runs(tmp_path / "results") == []


def test_metrics_have_names_that_mlflow_takes() -> None:
    import pandas as pd

    from slicewise.compare import Comparison
    from slicewise.evaluation.comparison import compare
    from tests.pages import measured, table

    one = measured(table({"a": 0.8, "b": 0.7}, labels=("liver", "tumour")), [3.0] * 4)
    found = Comparison(compare({"A-1": one, "b_2": one}), pd.DataFrame(), "", []).metrics
    assert {"b_2_minus_A-1/test/dice", "b_2_minus_A-1/test/dice_p_holm"} <= found.keys()
    assert {"b_2_minus_A-1/test/tumour/nsd", "b_2_minus_A-1/test/liver/dice_ci_low"} <= found.keys()
    assert "b_2_minus_A-1/test/dice_sd_seeds" not in found, "there is one seed"
    assert isinstance(found, Mapping)
