"""What the jobs of an experiment took."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.job import job
from slicewise.report.cost import read_costs

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def timed(path: Path, seconds: float, rss: object = 100.0, work: object = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{seconds}\t0:00:01\t{rss}\t1\t1\t1\t1\t1\t1\t{work}\n")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    place, tmp_path = tmp_path, tmp_path / "timings"
    timed(tmp_path / "ingest" / "a.tsv", 60, 300, 30)
    timed(tmp_path / "ingest" / "b.tsv", 120, 200, 60)
    timed(tmp_path / "split" / "split.tsv", 0.1, "NA", "NA")  # over before it was looked at
    for recipe in ("axial", "other"):
        timed(tmp_path / "slices" / recipe / "a.tsv", 6)
    for experiment in ("one", "two"):
        for fold in range(2):
            path = tmp_path / "train" / experiment / f"fold-{fold}.tsv"
            timed(path, 600 + fold, 2000 + fold, 1100)
            # the second attempt of one
            asked = {"runtime": 1440, "mem_mb": 8000 * (1 + fold), "_cores": 2, "tmpdir": "/tmp"}
            with job(str(place / "logs" / "train" / experiment / f"fold-{fold}.log"), asked):
                pass
        timed(tmp_path / "evaluate" / f"{experiment}.tsv", 30)
    return place


def test_shared_stages_and_those_of_one_experiment_are_added_up(results):
    costs = read_costs(results / "one", ["axial"])
    assert [c.stage for c in costs] == ["ingest", "split", "slices", "train", "evaluate"]
    ingest, split, slices, train, _ = costs
    assert (ingest.jobs, ingest.minutes, ingest.longest, ingest.peak_mb) == (2, 3.0, 2.0, 300)
    assert ingest.cores == pytest.approx(0.5)
    assert (split.peak_mb, split.cores) == (None, None)
    assert slices.jobs == 1
    assert (train.jobs, train.peak_mb) == (2, 2001)
    assert train.minutes == pytest.approx(1201 / 60)
    assert (train.asked_mb, train.asked_minutes, train.asked_cores) == (16000, 1440, 2)
    assert ingest.asked_mb is None


def test_jobs_of_a_data_set_as_it_once_was_do_not_count(results):
    jobs = {"ingest": ["b", "c"], "train": ["fold-0"], "slices": []}
    costs = read_costs(results / "one", ["axial"], jobs)
    assert [(c.stage, c.jobs) for c in costs] == [
        ("ingest", 1),
        ("split", 1),
        ("train", 1),
        ("evaluate", 1),
    ]


def test_what_a_teacher_was_asked_is_counted(results):
    for fold, recipe in ((0, "axial"), (1, "axial"), (0, "other")):
        timed(results / "timings" / f"teach/large/fold-{fold}/{recipe}/a.tsv", 90)
    timed(results / "timings" / "teach/another/fold-0/axial/a.tsv", 90)
    costs = read_costs(results / "one", ["axial"], {"teach": ["a"]}, "large")
    assert [c.stage for c in costs][2:5] == ["slices", "teach", "train"]
    assert (costs[3].jobs, costs[3].minutes) == (2, 3.0)
    assert "teach" not in [c.stage for c in read_costs(results / "one", ["axial"])]


def test_without_files_nothing_is_said(tmp_path):
    assert read_costs(tmp_path / "one", ["axial"]) == []
