"""Whose model predicts whom, and where masks lie."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.study.studies import study_of


@settings(max_examples=50, deadline=None)
@given(st.integers(8, 40), st.integers(1, 4), st.booleans())
def test_nobody_is_predicted_by_a_model_that_was_trained_on_them(cases, folds, in_bucket):
    study = study_of(cases=cases, folds=folds, in_bucket=in_bucket)
    predicted = [case for shard in study.predictions.shards_of("one").values() for case in shard]
    assert sorted(predicted) == study.scored
    for shard in study.predictions.shards_of("one"):
        told = study.predictions.told("one", shard)
        for each in told.segmented:
            assert each.folds
            for fold in each.folds:
                assert each.case not in study.training_cases(fold)
        models = study.predictions.of_folds("model.keras", "one", shard)
        needed = sorted({fold for each in told.segmented for fold in each.folds})
        assert models == [f"results/ct/one/fold-{fold}/model.keras" for fold in needed]


def test_each_prediction_has_the_record_of_its_shard(study):
    for shard, members in study.predictions.shards_of("one").items():
        for case in members:
            record = study.predictions.record_of_case("one", case)
            assert record == f"results/ct/one/predictions/_shards/{shard}.json"
            assert record in study.predictions.records_of("one")


def test_in_a_bucket_each_prediction_is_a_job():
    study = study_of(in_bucket=True)
    assert study.predictions.shards_of("one") == {case: [case] for case in study.scored}
