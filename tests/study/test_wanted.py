"""What is to be made, and can be asked for."""

from tests.study.studies import study_of


def test_what_is_kept_is_of_wanted_experiments_alone(study):
    kept = study.wanted.kept()
    assert len(kept) == len(set(kept))
    assert "results/ct/comparison.tsv" in kept
    assert "results/ct/one/fold-2/model.keras" in kept
    assert not any("/two/" in path for path in kept)
    assert set(study.predictions.records_of("one")) <= set(kept)
    assert study_of(in_bucket=True).wanted.kept() == [], "it would all be fetched"
    assert study.wanted.of("report.html") == ["results/ct/one/report.html"]
    assert study.wanted.of_folds("x") == [f"results/ct/one/fold-{k}/x" for k in range(3)]


def test_what_can_be_asked_for_is_of_cases_folds_and_experiments_that_are_there(study):
    experiment = next(iter(study.settings.experiments))
    fold = {"experiment": experiment, "fold": "0"}
    assert f"{study.results}/{experiment}/fold-0/model.keras" in study.wanted.targets()
    assert study.knows({}) and study.knows(fold)
    assert study.knows({"experiment": experiment, "case": study.scored[0]})
    shard = next(iter(study.predictions.shards_of(experiment)))
    assert study.knows({"experiment": experiment, "shard": shard})
    assert study.knows({"shard": next(iter(study.shards))})
    assert not study.knows({**fold, "fold": str(len(study.folds))})
    assert not study.knows({"experiment": "nobody's", "fold": "0"})
    assert not study.knows({"experiment": experiment, "case": "nobody"})
    assert not study.knows({"shard": "none"})
