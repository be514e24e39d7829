"""The memory that jobs ask for."""

from slicewise.config import load_settings
from slicewise.study import Study
from tests.study.studies import config, planned_study, swept


def test_memory_follows_the_sizes_of_what_a_job_reads(study):
    assert study.sizes_of(study.scored[:2]) == [study.size_of(case) for case in study.scored[:2]]
    small = study.memory.to_train("one", 0, gpu=False)
    given = config()
    given["experiments"]["one"]["network"] = {"filters": [64, 128, 256, 512, 1024]}
    given["experiments"]["one"]["training"] = {"batch": 512}
    large = load_settings(given)
    more = Study(large, list(study.cases.values()), list(study.split.values()))
    assert more.memory.to_train("one", 0, gpu=False) > small
    shard = next(iter(study.predictions.shards_of("one")))
    assert more.memory.to_predict("one", shard) >= study.memory.to_predict("one", shard) > 0


def test_memory_for_a_plan_is_that_of_the_largest():
    study = planned_study()
    recipe = study.estimated.slices["auto-laptop"]
    assert recipe.size == 256
    assert study.memory.to_train("made", 0, gpu=False) >= 8000
    assert study.estimated.experiments["one"] == study.settings.experiments["one"]


def test_the_best_asks_for_the_memory_of_the_largest_combination():
    study = swept(large=(2048, 4096))
    names = ("tuned", "tuned-filters4x8-batch2", "tuned-filters2048x4096-batch4")
    by_name = {name: study.memory.to_train(name, 0, gpu=False) for name in names}
    assert by_name["tuned"] == by_name["tuned-filters2048x4096-batch4"]
    assert by_name["tuned"] > by_name["tuned-filters4x8-batch2"]
