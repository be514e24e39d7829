"""Another workflow uses this one as a module, from its own folder, once or more."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from slicewise.files import read_json
from tests.workflow.conftest import (
    CHECKOUT,
    CONFIG,
    TEST,
    TRAINING,
    TRIGGERS,
    Workflow,
    committed,
)

MAIN = """
configfile: "organs.yaml"


module liver:
    snakefile: "{snakefile}"
    config: config["liver"]
    prefix: "organs/one"


use rule * from liver as liver_*


module other:
    snakefile: "{snakefile}"
    config: config["other"]


use rule * from other as other_*


{more}


rule all:
    default_target: True
    input:
        rules.liver_all.input,
        rules.other_all.input,
"""


class Using(Workflow):
    """A workflow that has two modules, and none of the files of this one."""

    def environment(self, **more: str) -> dict[str, str]:
        own = {"SLICEWISE_DATA": str(self.root / "data"), "PYTHONPATH": str(CHECKOUT / "src")}
        return {**super().environment(), **own, **more}

    def write(self, snakefile: str, more: str = "") -> None:
        text = MAIN.format(snakefile=snakefile, more=more)
        (self.root / "Snakefile").write_text(text)

    def configure(self, **organs: dict[str, Any]) -> None:
        (self.root / "organs.yaml").write_text(yaml.safe_dump(organs, sort_keys=False))


def organ(name: str, threads: int = 1) -> dict[str, Any]:
    settings = copy.deepcopy(CONFIG)
    settings["dataset"]["name"] = name
    settings["run"] = ["plain"]
    settings["experiments"]["plain"]["training"] |= {"epochs": 1, "threads": threads}
    return settings


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Using:
    using = Using(tmp_path_factory.mktemp("using") / "organs of mine")
    using.root.mkdir()
    for name in (*TRAINING[:4], TEST[0]):
        using.add_patient(name, "test" if name in TEST else "train")
    using.configure(liver=organ("first"), other=organ("second"))
    using.write(str(CHECKOUT / "Snakefile"))
    return using


@pytest.mark.slow
def test_two_modules_run_side_by_side_each_with_what_is_before_and_after_a_run(
    used: Using,
) -> None:
    said = used.snakemake()
    assert said.count("no profile of slicewise: ") == 2, "once a module, and not by each job"
    prefixed = used.root / "organs" / "one" / "results"
    for results, dataset in ((prefixed, "first"), (used.root / "results", "second")):
        record = read_json(results / dataset / "plain" / "_made" / "metrics.tsv.json")
        assert record, "what it was made from is noted, whatever the prefix"
        assert (results / "mlflow.db").is_file()
        assert f"Mean Dice per patient in 3-D, {dataset}:" in said
    assert "slicewise ui --results organs/one/results" in said
    assert sorted(path.name for path in (used.root / "results").iterdir() if path.is_dir()) == [
        "mlartifacts",
        "second",
    ]
    assert used.due() == {}
    # Snakemake's notes are the main workflow's own; the records are ours
    notes = used.root / ".snakemake"
    notes.rename(notes.with_name("set aside"))
    assert used.due() == {}
    shutil.rmtree(notes, ignore_errors=True)
    notes.with_name("set aside").rename(notes)


@pytest.mark.slow
def test_a_setting_of_one_module_runs_that_one_alone(used: Using) -> None:
    changed = organ("second")
    changed["experiments"]["plain"]["training"]["epochs"] = 2
    used.configure(liver=organ("first"), other=changed)
    due = used.due()
    assert due["other_train"] == 1
    assert not [name for name in due if name.startswith("liver_")]
    asked = used.due("other_trained")
    assert asked["other_train"] == 1 and "other_report" not in asked, "targets have names, too"
    used.configure(liver=organ("first"), other=organ("second"))
    given = "other={experiments: {plain: {training: {epochs: '3'}}}}"
    due = used.due("--config", given)
    assert due["other_train"] == 1, "numbers on the command line are numbers in a module, too"
    assert not [name for name in due if name.startswith("liver_")]


@pytest.mark.slow
def test_a_single_rule_of_a_module_can_be_taken_over(used: Using) -> None:
    own = "use rule train from liver as liver_train with:\n    threads: 2\n"
    used.write(str(CHECKOUT / "Snakefile"), own)
    said = used.snakemake("--dry-run", "--forcerun", "liver_train")
    block = said.split("rule liver_train:")[1].split("rule ")[0]
    assert "threads: 2" in block
    assert "other_train:" not in said
    used.write(str(CHECKOUT / "Snakefile"))


@pytest.mark.slow
def test_a_module_comes_from_a_commit_of_a_repository(used: Using, tmp_path: Path) -> None:
    used.write(committed(tmp_path / "slicewise"))
    assert used.due(*TRIGGERS) == {}, "it is the same code"
    used.write(str(CHECKOUT / "Snakefile"))


def test_results_keep_their_name(used: Using) -> None:
    text = MAIN.format(snakefile=CHECKOUT / "Snakefile", more="")
    other = text.replace('prefix: "organs/one"', 'replace_prefix: {"results": "livers"}')
    (used.root / "Snakefile").write_text(other)
    said = used.snakemake("--dry-run", fails=True)
    assert "error: module liver: results cannot be called livers" in said
    assert "Traceback" not in said
    used.write(str(CHECKOUT / "Snakefile"))


def test_what_spares_a_module_work_is_what_our_profile_says() -> None:
    page = (CHECKOUT / "docs" / "module.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(page.split("```yaml")[1].split("```")[0])
    ours = yaml.safe_load((CHECKOUT / "profiles" / "default" / "config.yaml").read_text("utf-8"))
    own = {"configfile", "show-failed-logs", "printshellcmds"}
    assert shown == {key: value for key, value in ours.items() if key not in own}
