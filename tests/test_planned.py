"""What a dry run ends with: stages, how many jobs, how long, and why."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slicewise.errors import SlicewiseError
from slicewise.planned import (
    FOLLOWS,
    NOT_MADE,
    PlannedJob,
    cause_of,
    sentences,
    table,
    why,
    write_planned,
)

NOTHING = {
    **dict.fromkeys(("forced", "input_changed", "code_changed", "params_changed"), False),
    "software_stack_changed": False,
    **{
        name: set()
        for name in ("missing_output", "incomplete_output", "updated_input", "updated_input_run")
    },
}


def reason(**changed: Any) -> SimpleNamespace:
    return SimpleNamespace(**NOTHING | changed)


def job(stage: str, name: str, cause: str, timing: str = "") -> PlannedJob:
    return PlannedJob(stage, name, [f"results/x/{stage}/{name}.json"], cause, timing)


def timed(folder: Path, name: str, seconds: float) -> str:
    path = folder / f"{name}.tsv"
    path.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    return str(path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"missing_output": {"a"}, "forced": True}, NOT_MADE),
        ({"missing_output": {"a"}, "updated_input_run": {"b"}}, NOT_MADE),
        ({"updated_input_run": {"b"}, "forced": True}, FOLLOWS),
        ({"updated_input": {"b"}, "updated_input_run": {"b"}}, FOLLOWS),
        ({"updated_input": {"b", "c"}, "updated_input_run": {"b"}}, "c was changed"),
        ({"incomplete_output": {"a"}}, "left unfinished"),
        ({"params_changed": "set"}, "made with other settings"),
        ({"forced": True}, "asked for again"),
        ({}, FOLLOWS),
    ],
)
def test_a_reason_is_said_in_words(changed: dict[str, Any], said: str) -> None:
    assert cause_of(reason(**changed)) == said


def test_what_a_record_says_comes_before_what_snakemake_says() -> None:
    stale = "made with other settings (training.epochs)"
    assert cause_of(reason(missing_output={"a"}, forced=True), stale) == stale


def test_stages_are_listed_with_what_they_take_and_why(tmp_path: Path) -> None:
    jobs = [
        job("ingest", "a", NOT_MADE, timed(tmp_path, "a", 4)),
        # of this one nothing is known, but of another job of its stage
        job("ingest", "b", "made from another b.nii.gz", str(tmp_path / "b.tsv")),
        job("train", "one/0", "made by other code (a.py, b.py, c.py and 4 more)"),
        job("train", "one/1", "made by other code (a.py, b.py, c.py and 4 more)"),
        job("report", "one", FOLLOWS, timed(tmp_path, "one", 7200)),
    ]
    assert table(jobs) == [
        "stage   jobs  takes  why",
        "ingest     2    8 s  1 not made yet: a; 1 made from another b.nii.gz: b",
        "train      2      –  made by other code (a.py and 6 more)",
        f"report     1  2.0 h  {FOLLOWS}",
        "together 5 jobs: 2.0 h one after the other, and train, as before",
    ]
    assert table([]) == []
    (*_, last) = table(jobs[2:4])
    assert last == "together 2 jobs; how long they take is not known yet"


def test_a_stage_that_was_timed_elsewhere_takes_as_long(tmp_path: Path) -> None:
    timed(tmp_path, "a", 100)
    timed(tmp_path, "b", 200)
    (tmp_path / "broken.tsv").write_text("s\n-\n")
    jobs = [job("predict", name, NOT_MADE, str(tmp_path / f"{name}.tsv")) for name in "xyz"]
    assert table(jobs)[1].split()[:4] == ["predict", "3", "8", "min"]


def test_many_reasons_are_cut_short() -> None:
    jobs = [job("ingest", f"p{k}", f"made from another p{k}.nii.gz") for k in range(6)]
    said = table(jobs)[1]
    assert said.endswith("; 3 for other reasons")


def test_of_a_file_the_changes_are_named_at_their_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = "results/x/report/one.json"
    stale = "made with other settings (training.epochs)"
    jobs = [job("train", "one/0", stale), job("predict", "one/0", FOLLOWS)]
    own = job("report", "one", FOLLOWS)
    assert sentences(page, []) == [f"{page} is as it would be made now."]
    assert sentences(page, [*jobs, own])[0] == f"{page} is not there; 3 jobs would make it."
    place = tmp_path / page
    place.parent.mkdir(parents=True)
    place.touch()
    assert sentences(page, [*jobs, own]) == [
        f"{page} would be made again, as what it is made from would be.",
        "What changed:",
        f"  results/x/train/one/0.json: {stale}",
    ]
    own = job("report", "one", "made by other code (a.py)")
    assert sentences(page, [own]) == [f"{page} would be made again: made by other code (a.py)."]


def test_another_file_of_the_same_job_has_its_reason(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.touch()
    own = PlannedJob("train", "one/0", ["model.keras", str(history)], "left unfinished")
    assert sentences(str(history), [own]) == [f"{history} would be made again: left unfinished."]


def test_the_answer_of_snakemake_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").touch()
    kept = PlannedJob("train", "one/0", ["a.json"], "left unfinished")

    def run(command: list[str], env: dict[str, str], **_: Any) -> SimpleNamespace:
        assert command[1:] == [
            *("a.json", "--snakefile", str(tmp_path / "Snakefile"), "--cores", "1", "--dry-run"),
            *("--configfile", "mr.yaml"),
        ]
        write_planned(env["SLICEWISE_PLANNED"], [kept])
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr("subprocess.run", run)
    for path in ("a.json", "./a.json", tmp_path / "a.json"):
        said = why(Path(path), [Path("mr.yaml")], tmp_path)
        assert said == ["a.json would be made again: left unfinished."]


def test_its_errors_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "chatter\nerror: x.html: this is no rule\n"
    answer = SimpleNamespace(returncode=1, stdout="", stderr=told)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: answer)
    with pytest.raises(SlicewiseError, match=r"^x\.html: this is no rule$"):
        why(Path("x.html"), [], tmp_path)


def test_a_file_that_is_there_and_nothing_makes_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "MissingRuleException:\nNo rule to produce old.html (if you use input functions …)."
    answer = SimpleNamespace(returncode=1, stdout=told, stderr="configuration mr.yaml: 3 cases\n")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: answer)
    with pytest.raises(SlicewiseError, match=r"^old\.html: no job of mr\.yaml makes this; name"):
        why(Path("old.html"), [Path("mr.yaml")], tmp_path)
