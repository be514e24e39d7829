"""The configuration that settings are compared with is the nearest."""

from pathlib import Path

import pytest
import yaml

from slicewise.dataset.rungs import Promoted
from slicewise.errors import SlicewiseError
from slicewise.evaluation.origin import settings_learnt
from slicewise.files import write_json
from slicewise.reproduce.configuration import candidates, setting_differences
from slicewise.reproduce.original import place_starts
from tests.dataset.test_proposal import SMALL
from tests.reproduce.conftest import CONFIG, DATASET
from tests.settings import used_settings


def written(folder: Path, name: str, content: object) -> None:
    (folder / "config").mkdir(exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (folder / "config" / name).write_text(text)


def test_the_nearest_configuration_counts(settings, tmp_path, monkeypatch):
    whole = CONFIG
    none = [f"no configuration of data set {DATASET} was found to compare with: --configfile"]

    def chosen() -> list[str]:
        return setting_differences(
            settings, "plain", candidates(tmp_path, tmp_path, DATASET), tmp_path / "results"
        )

    monkeypatch.chdir(tmp_path)
    for name, content in (
        ("broken.yaml", "a: [1"),
        ("empty.yaml", ""),
        ("list.yaml", "- 1"),
        ("overlay.yaml", {"experiments": {"plain": {"training": {"minutes": 1}}}}),
        ("other.yaml", whole | {"dataset": whole["dataset"] | {"name": "other"}}),
    ):
        written(tmp_path, name, content)
    assert chosen() == none
    without = {k: v for k, v in whole["experiments"].items() if k != "plain"}
    written(tmp_path, "a.yaml", whole | {"experiments": without, "run": ["rich"]})
    assert chosen() == ["config/a.yaml has no experiment plain that can be used"]
    written(tmp_path, "b.yaml", whole | {"split": {"validation": 2, "seed": 5}})
    assert chosen() == [
        "split.seed is 13 then, 5 in config/b.yaml",
        "split.validation is 1 then, 2 in config/b.yaml",
    ]
    written(tmp_path, "c.yaml", whole | {"tracking": {"register": True}, "run": ["rich"]})
    assert chosen() == []


def test_a_configuration_is_found_wherever_it_lies(settings, tmp_path, monkeypatch):
    """With the Snakefile in a clone, and the configuration in the folder of a project."""
    clone, project = tmp_path / "clone", tmp_path / "project"
    (clone / "config").mkdir(parents=True)
    (project / "study" / "one").mkdir(parents=True)
    monkeypatch.chdir(project)
    for place, change in (
        (clone / "config" / "a.yaml", 0),
        (project / "study" / "one" / "b.yml", 2),
        # neither results, nor what lies too deep, nor what is hidden
        (project / "results" / "c.yaml", 1),
        (project / ".kept" / "c.yaml", 1),
        (project / "study" / "one" / "deep" / "c.yaml", 1),
    ):
        place.parent.mkdir(exist_ok=True)
        changed = CONFIG | {"split": {"validation": 1, "seed": 13 + change}}
        place.write_text(yaml.safe_dump(changed))
    found = candidates(clone, project, DATASET)
    # the clone's is nearer to what it was, but it is not what the project runs
    assert set(found) == {"study/one/b.yml"}
    near = ["split.seed is 13 then, 15 in study/one/b.yml"]
    assert setting_differences(settings, "plain", found, project / "results") == near
    (tmp_path / "elsewhere").mkdir()
    elsewhere = candidates(clone, tmp_path / "elsewhere", DATASET)
    assert "../clone/config/a.yaml" in elsewhere

    # one that is named counts, and files over each other as snakemake has them
    over = project / "over.yaml"
    over.write_text("split: {seed: 13}\n")
    given = [Path("study/one/b.yml"), over]
    found = candidates(clone, project, DATASET, given)
    assert list(found) == ["study/one/b.yml and over.yaml"]
    assert setting_differences(settings, "plain", found, project / "results") == []
    for text in ("a: [1", "- 1"):
        over.write_text(text)
        with pytest.raises(SlicewiseError, match=r"over\.yaml: .*; correct (it|the path)"):
            candidates(clone, project, DATASET, [over])
    with pytest.raises(SlicewiseError, match=r"gone\.yaml: no such file"):
        candidates(clone, project, DATASET, [project / "gone.yaml"])


def test_of_a_planned_experiment_only_what_is_written_beside_the_plan_is_compared(
    settings, tmp_path
):
    def differences(**beside) -> list[str]:
        planned = {"preset": "auto", "effort": "quick", **beside}
        here = CONFIG | {"experiments": {"plain": planned}, "run": ["plain"]}
        return setting_differences(settings, "plain", {"here.yaml": here}, tmp_path / "results")

    # what the plan said then is in the settings of the run
    assert settings["experiments"]["plain"]["training"]["epochs"] == 2
    assert differences() == []
    assert differences(training={"epochs": 2}) == []
    assert differences(training={"epochs": 3}) == [
        "experiments.plain.training.epochs is 2 then, 3 in here.yaml"
    ]


def test_an_ensemble_is_compared_with_its_members(tmp_path):
    def config(epochs: int, **beside) -> dict:
        plain = {"slices": "axial48", "training": {"epochs": epochs}}
        rates = {"optimizer.learning_rate": [0.01, beside.pop("rate", 0.02)]}
        experiments = {
            "plain": plain,
            "planned": {"preset": "auto", "effort": "quick"},
            "again": {"preset": "auto", "effort": "quick"},
            "swept": {"slices": "axial48", "sweep": rates},
            "both": {"ensemble": ["plain", "planned", "again", "swept"], **beside},
        }
        return CONFIG | {"experiments": experiments, "run": ["both"]}

    plan, best = tmp_path / "plan-quick.json", tmp_path / "swept" / "sweep" / "rung-0.json"
    write_json(plan, SMALL.dump())
    write_json(best, Promoted(go_on=["swept-lr0.02"]).model_dump())
    kept = settings_learnt(config(2), "both", [str(plan)], [str(best)])
    then = yaml.safe_load(kept["settings.yaml"])
    assert then["experiments"]["planned"]["network"]["filters"] == [8, 16]

    def differences(*arguments, **beside) -> list[str]:
        here = {"here.yaml": config(*arguments, **beside)}
        return setting_differences(then, "both", here, tmp_path / "results")

    assert differences(2) == []
    assert differences(3) == ["experiments.plain.training.epochs is 2 then, 3 in here.yaml"]
    # a combination that is tried no more
    rate = "experiments.swept.optimizer.learning_rate is 0.02 then, 0.001 in here.yaml"
    assert differences(2, rate=0.03) == [rate]
    assert differences(2, postprocessing={"fill_holes": True}) == [
        "experiments.both.postprocessing.fill_holes is False then, True in here.yaml"
    ]


def test_a_model_that_is_started_from_is_compared_by_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def config(name: str) -> dict:
        tuned = {"slices": "axial48", "training": {"start_from": name}}
        return CONFIG | {"experiments": CONFIG["experiments"] | {"tuned": tuned}, "run": ["tuned"]}

    then = yaml.safe_load(used_settings(config("results/tiny/plain"), "tuned"))
    place_starts(then, tmp_path / "results")

    def differences(name: str) -> list[str]:
        return setting_differences(then, "tuned", {"a.yaml": config(name)}, tmp_path / "results")

    assert differences("results/tiny/plain") == []
    assert differences(str(tmp_path / "results" / "tiny" / "plain")) == []
    (line,) = differences("results/tiny/rich")
    assert line.startswith("experiments.tuned.training.start_from is ")
