"""Records of what results were made from: written by jobs, compared by those that read them."""

import json
import os
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.job import script_job
from slicewise.records import (
    Asked,
    Look,
    Makers,
    differences,
    inputs_of,
    is_made_from,
    record_path,
    scores_are_current,
)
from slicewise.sources import code_digests


class Named(list):
    """A list some of whose items have names, as Snakemake hands it over."""

    def __init__(self, **named):
        lists = {k: v if isinstance(v, list) else [v] for k, v in named.items()}
        super().__init__(item for items in lists.values() for item in items)
        self.named = named

    def get(self, name, default=None):
        return self.named.get(name, default)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cut", "score"):
        path = tmp_path / "scripts" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {name}\n")
    return tmp_path


CUT, TABLE = "results/a/slices/all.json", "results/a/one/metrics.tsv"


def told(rule, output, cfg, code=(), **inputs):
    return SimpleNamespace(
        rule=rule,
        log=[f"results/a/logs/{rule}.log"],
        resources={},
        input=Named(**inputs),
        output=[output],
        params={"cfg": cfg, "code": digests(*code)},
    )


def digests(*code: str) -> dict[str, str]:
    return code_digests(map(Path, code))


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def cut(content: str = "1", cfg: object = None) -> None:
    cfg = {"size": 3, "labels": {"a": 1, "b": 2}} if cfg is None else cfg
    with script_job(told("cut", CUT, cfg, code=["scripts/cut.py"])):
        write(CUT, content)


def score() -> None:
    with script_job(told("score", TABLE, {}, cut=CUT, code=["scripts/score.py"])):
        write(TABLE, Path(CUT).read_text())


def why_cut(cfg: object) -> str | None:
    return Look().stale_because(Asked([CUT], cfg, digests("scripts/cut.py"), {}))


def why_scored() -> str | None:
    return Look().stale_because(Asked([TABLE], {}, digests("scripts/score.py"), {}))


ASKED = {"size": 3, "labels": {"a": 1, "b": 2}}


def test_what_was_made_as_it_is_asked_for_is_kept():
    cut()
    assert why_cut(ASKED) is None
    # how often a record is read, and where from, makes no difference
    assert why_cut(json.loads(json.dumps(ASKED))) is None


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"size": 4, "labels": {"a": 1, "b": 2}}, "size"),
        ({"size": 3, "labels": {"b": 2, "a": 1}}, "the order of labels"),
        ({"size": 3, "labels": {"a": 1, "b": 3}}, "labels.b"),
        ({"size": 3, "labels": {"a": 1}}, "labels.b"),
        ({"size": 3, "labels": {"a": 1, "b": 2}, "more": None}, "more"),
        ({"size": 3.5, "labels": {"a": 1, "b": 2}}, "size"),
    ],
)
def test_a_changed_setting_is_named(changed, named):
    cut()
    assert why_cut(changed) == f"made with other settings ({named})"


def test_an_edit_is_named_and_a_touch_is_none():
    cut()
    Path("scripts/cut.py").touch()
    assert why_cut(ASKED) is None
    Path("scripts/cut.py").write_text("# a comment\n")
    assert why_cut(ASKED) is None
    Path("scripts/cut.py").write_text("size = 3\n")
    assert why_cut(ASKED) == "made by other code (scripts/cut.py)"


def test_code_that_was_edited_before_its_job_began_is_what_was_run(here, monkeypatch):
    """As by a switch to another branch, and back, while `snakemake` runs."""
    monkeypatch.setattr("slicewise.sources.workflow_folder", lambda: here)
    script = here / "scripts" / "cut.py"
    job = told("cut", CUT, ASKED, code=["scripts/cut.py"])
    before = script.read_text()
    script.write_text("EDITED = 1\n")
    with script_job(job):
        write(CUT, "1")
    assert why_cut(ASKED) is None
    script.write_text(before)
    assert why_cut(ASKED) == "made by other code (scripts/cut.py)"


def test_a_result_without_a_record_is_of_nobody_knows_what():
    cut()
    record_path(CUT).unlink()
    assert why_cut(ASKED) == "no record says what it was made from"
    record_path(CUT).write_text('{"made": 1')  # cut off
    assert why_cut(ASKED) == "no record says what it was made from"
    Path(CUT).unlink()
    assert why_cut(ASKED) is None  # Snakemake makes what is missing in any case


def test_what_was_made_from_something_else_is_found_by_records_alone():
    cut("1")
    score()
    assert why_scored() is None
    cut("2")
    assert why_scored() == f"made from another {CUT}"
    score()
    assert why_scored() is None
    # made again, it came out the same
    cut("2")
    assert why_scored() is None


def test_an_input_that_does_not_count_may_differ():
    cut("1")
    score()
    cut("2")
    found = Look().stale_because(Asked([TABLE], {}, digests("scripts/score.py"), {}, [CUT]))
    assert found is None


def test_what_a_job_has_read_is_known_by_the_paths_that_others_have_of_it():
    cut()
    assert inputs_of(TABLE) == {}
    score()
    assert inputs_of(TABLE) == {CUT: sha256(CUT)}


def test_a_file_that_its_maker_did_not_write_is_refused(capsys):
    cut("1")
    write(CUT, "edited by hand")
    with pytest.raises(SystemExit):
        score()
    assert f"error: {CUT}: it is not what the job wrote that made it; delete it" in (
        capsys.readouterr().err
    )
    assert not Path(TABLE).exists()
    assert not record_path(TABLE).exists()


def test_a_job_that_fails_leaves_no_record():
    cut()
    with pytest.raises(SystemExit), script_job(told("cut", CUT, {}, code=[])):
        raise SlicewiseError("no")
    assert not record_path(CUT).exists()


@pytest.mark.parametrize("touched", [False, True])
def test_a_job_that_fails_gives_back_the_record_of_what_it_left_as_it_was(touched):
    """Where all of its work is in its outputs."""
    cut()
    before = record_path(CUT).read_text()
    with pytest.raises(SystemExit), script_job(told("cut", CUT, {}, code=[]), whole=True):
        if touched:
            write(CUT, "2")
        raise SlicewiseError("no")
    assert record_path(CUT).exists() != touched
    assert touched or record_path(CUT).read_text() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("whole", [False, True])
def test_a_job_that_is_killed_leaves_the_record_of_what_it_left_as_it_was(whole):
    """As by a case that needs more memory than there is, and is taken away again."""
    cut()
    before = record_path(CUT).read_text()
    child = os.fork()
    if child == 0:
        try:
            with script_job(told("cut", CUT, {}, code=[]), whole=whole):
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert record_path(CUT).exists() == whole
    assert not whole or record_path(CUT).read_text() == before


def test_the_last_of_two_records_of_a_file_counts(monkeypatch):
    times = iter(range(1, 9))
    monkeypatch.setattr("slicewise.records.time.time", lambda: next(times))
    first, second = (f"results/a/predictions/{case}.nii.gz" for case in "ab")
    for output, content in (([first, second], "1"), ([second], "2")):
        job = told("predict", output[0], {}, code=[])
        job.output = output
        with script_job(job):
            for path in output:
                write(path, content)
    makers = Makers()
    assert makers.of(Path(first)) != makers.of(Path(second))
    # so a chunk of which a part was made again by another job is not taken for whole
    assert Look().stale_because(Asked([first], {}, [], {})) == "made together with others"


def test_records_move_with_their_results(here):
    cut()
    score()
    shutil.move(here / "results" / "a", here / "results" / "b")
    paths = [path.replace("/a/", "/b/") for path in (CUT, TABLE)]
    look = Look()
    assert look.stale_because(Asked(paths[:1], ASKED, digests("scripts/cut.py"), {})) is None
    assert look.stale_because(Asked(paths[1:], {}, digests("scripts/score.py"), {})) is None
    Path(paths[0]).unlink()
    cut("2")
    shutil.copytree(
        here / "results" / "a" / "slices", here / "results/b/slices", dirs_exist_ok=True
    )
    assert Look().stale_because(Asked(paths[1:], {}, digests("scripts/score.py"), {})) == (
        f"made from another {paths[0]}"
    )


VOLUME = {"image": ["data/a.nii"]}


def read_volume(content: str = "four") -> Path:
    """Run a job that reads a volume, and pretend that it was written long before."""
    write(VOLUME["image"][0], content)
    os.utime(VOLUME["image"][0], (1000, 1000))
    with script_job(told("ingest", CUT, {}, **VOLUME, code=[])):
        write(CUT, "x")
    return Path(VOLUME["image"][0])


def why_read(look: Look | None = None, files: dict[str, list[str]] = VOLUME) -> str | None:
    return (look or Look()).stale_because(Asked([CUT], {}, [], files))


@pytest.mark.parametrize("time", [1000, 500, 2000])
def test_another_volume_of_equal_size_is_found_however_old_it_is(time):
    """As `rsync -a` and `cp -p` bring one along: older than all results."""
    path = read_volume()
    assert why_read() is None
    path.write_text("five")
    os.utime(path, (time, time))
    # neither size nor time: then nothing tells them apart but reading all data each time
    assert why_read() == (None if time == 1000 else "made from another data/a.nii")


def test_a_volume_of_the_future_is_refused_before_anything_is_made_of_it(capsys):
    """As from a machine whose clock is ahead: Snakemake deletes what is older than its input."""
    path = read_volume()
    age(path, time.time() + 30)
    with script_job(told("cut", CUT, {}, **VOLUME, code=[])):
        pass
    age(path, time.time() + 7200)
    with pytest.raises(SystemExit), script_job(told("cut", CUT, {}, **VOLUME, code=[])):
        pytest.fail("it was read")
    said = capsys.readouterr().err
    assert "data/a.nii: it was last changed in the future (20" in said
    assert "touch the file" in said


@pytest.mark.parametrize("name", ["others", "other_marks"])
@pytest.mark.parametrize("path", ["shared/cases.tsv", "results/b/cases.tsv"])
def test_another_file_of_others_is_found_however_old_it_is(name, path):
    """A colleague's results may be copied without their records, with the times of then."""
    write(path, "theirs")
    with script_job(told("leakage", CUT, {}, **{name: path}, code=[])):
        write(CUT, "x")
    assert why_read(files={name: [path]}) is None
    Path(path).touch()
    assert why_read(files={name: [path]}) is None
    write(path, "theirs, too")
    os.utime(path, (1000, 1000))
    assert why_read(files={name: [path]}) == f"made from another {path}"


def test_a_result_of_others_that_was_edited_is_refused(capsys):
    cut()
    write(CUT, "edited by hand")
    with pytest.raises(SystemExit), script_job(told("leakage", TABLE, {}, others=CUT)):
        pass
    assert f"error: {CUT}: it is not what the job wrote that made it" in capsys.readouterr().err


def test_another_volume_of_another_size_is_found():
    path = read_volume()
    path.write_text("a longer one")
    os.utime(path, (1000, 1000))
    assert why_read() == "made from another data/a.nii"


def test_a_volume_that_was_touched_is_read_once(monkeypatch):
    path = read_volume()
    path.touch()
    look = Look()
    assert why_read(look) is None
    look.note_touched()
    monkeypatch.setattr("slicewise.records.sha256", None)  # nothing is read
    assert why_read() is None


def test_what_is_touched_and_cannot_be_noted_is_read_again(monkeypatch):
    path = read_volume()
    path.touch()
    look = Look()
    assert why_read(look) is None

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("slicewise.files.write_json", refuse)
    look.note_touched()
    monkeypatch.undo()
    assert why_read() is None


def test_more_or_fewer_volumes_are_others():
    read_volume()
    write("data/b.nii", "more")
    assert why_read(files={"image": ["data/a.nii", "data/b.nii"]}) == "made from other files"
    assert why_read(files={}) == "made from other files"
    assert why_read(files=VOLUME | {"mask": []}) is None


def test_a_volume_that_was_deleted_is_no_reason_to_make_all_from_it_again():
    """It is made again where something needs it, and compared then."""
    path = read_volume()
    path.unlink()
    look = Look()
    assert why_read(look) is None
    assert not look.touched
    write("data/a.nii", "five")
    assert why_read() == "made from another data/a.nii"


def age(path: str, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


def times(*paths: str) -> list[int]:
    return [int(Path(path).stat().st_mtime) for path in paths]


def test_results_out_of_order_get_one_time():
    """With what Snakemake takes for outputs beside them, and with what was looked at before."""
    cut()
    score()
    write("results/a/timings/score.tsv", "s")
    timed = ["results/a/timings/score.tsv"]
    for k, path in enumerate(["scripts/cut.py", "scripts/score.py", CUT, TABLE, *timed]):
        age(path, 1000 + k)
    Look().keep([TABLE], [CUT, "scripts/score.py"], timed)
    assert times(CUT, TABLE, *timed) == [1002, 1003, 1004]  # in order: as it is
    age("scripts/cut.py", 2000)
    look = Look()
    look.keep([TABLE], ["scripts/score.py"], timed)
    look.keep([CUT], ["scripts/cut.py"])
    assert len({*times(CUT, TABLE, *timed)}) == 1
    assert times(CUT)[0] > 2000


@pytest.mark.parametrize("old", [TABLE, "results/a/timings/score.tsv"])
def test_a_result_that_is_older_than_what_its_record_names_is_out_of_order(old):
    cut()
    score()
    write("results/a/timings/score.tsv", "s")
    age(old, 1000)
    Look().keep([TABLE], [], ["results/a/timings/score.tsv"])
    assert times(old)[0] > 1000


def asked_cut(cfg: object) -> Asked:
    return Asked([CUT], cfg, digests("scripts/cut.py"), {})


def test_what_was_there_before_is_put_back_with_its_time_and_its_record():
    cut("as it was")
    score()
    age(CUT, 100)
    then = times(CUT)
    look = Look()
    other = {"size": 9}
    assert look.stale_because(asked_cut(other)) and not look.put_back(asked_cut(other))
    cut("of other settings", other)
    assert why_scored() is not None
    again = Look()
    assert again.stale_because(asked_cut(ASKED)) == "made with other settings (size, labels)"
    assert again.put_back(asked_cut(ASKED))
    assert again.stale_because(asked_cut(ASKED)) is None
    assert Path(CUT).read_text() == "as it was" and times(CUT) == then
    assert why_scored() is None, "what was made from it is still of it"
    # and there and back again, also where its job was killed and left none
    assert Look().put_back(asked_cut(other)) and Path(CUT).read_text() == "of other settings"
    Path(CUT).unlink()
    assert Look().put_back(asked_cut(ASKED)) and Path(CUT).read_text() == "as it was"


def test_what_somebody_edited_is_neither_kept_nor_replaced():
    cut("as it was")
    assert not Look().put_back(asked_cut({"size": 9}))
    cut("of other settings", {"size": 9})
    Path(CUT).write_text("edited by hand")
    assert not Look().put_back(asked_cut(ASKED))
    assert Path(CUT).read_text() == "edited by hand"


def test_what_was_made_by_other_code_or_is_damaged_is_not_put_back():
    cut("as it was")
    assert not Look().put_back(asked_cut({"size": 9}))
    cut("of other settings", {"size": 9})
    edited = Asked([CUT], ASKED, {"scripts/cut.py": "edited"}, {})
    assert not Look().put_back(edited)
    for former in (Path(CUT).parent / "_made" / "former" / Path(CUT).name).iterdir():
        former.write_text('{"text": 3}')
    assert not Look().put_back(asked_cut(ASKED))


def test_a_few_that_were_there_before_are_kept():
    for size in range(6):
        cut(f"of {size}", {"size": size})
        for _ in range(2):
            Look().put_back(asked_cut({"size": size + 1}))
    kept = [*(Path(CUT).parent / "_made" / "former" / Path(CUT).name).iterdir()]
    assert sorted(json.loads(each.read_text())["text"] for each in kept) == ["of 3", "of 4", "of 5"]
    assert Look().put_back(asked_cut({"size": 4}))


def test_what_no_record_vouches_for_keeps_its_time():
    cut()
    score()
    record_path(TABLE).unlink()
    age(TABLE, 1000)
    Look().keep([TABLE], [CUT])
    Look().keep(["results/a/missing.tsv"], [CUT])
    assert times(TABLE) == [1000]


def test_nothing_is_written_where_results_lie_in_a_bucket(here):
    output = ".snakemake/storage/s3/bucket/results/a/one/metrics.tsv"
    with script_job(told("score", output, {}, code=[])):
        write(output, "x")
    assert not [*here.rglob("_made")]


def test_differences_are_named_by_their_keys():
    assert differences({"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "c": [1, 2]}}) == ["a.b", "a.c"]
    assert differences([1], {"a": 1}) == ["all"]
    assert differences({}, {}) == []


def config_of(experiment: str, content: str, fold: int = 0) -> str:
    path = f"results/a/{experiment}/fold-{fold}/config.yaml"
    write(path, content)
    return path


def scored(experiment: str, **inputs: object) -> Path:
    output = f"results/a/{experiment}/metrics.tsv"
    with script_job(told("evaluate", output, {}, **inputs)):
        write(output, "x")
    return Path(output).parent


def test_scores_are_those_of_the_trainings_that_lie_there(here):
    write("results/a/one/plan.json", "1")
    configs = [config_of("one", "first", fold) for fold in (0, 1)]
    folder = scored("one", plan="results/a/one/plan.json", configs=configs)
    write("results/a/one/plan.json", "2")
    assert scores_are_current(folder), "a plan makes no model"
    config_of("one", "second", 1)
    assert not scores_are_current(folder)
    config_of("one", "first", 1)
    assert scores_are_current(folder), "trained again, and the same came out"
    config_of("one", "of an experiment that had more folds", 7)
    assert scores_are_current(folder)
    shutil.move(here / "results", here / "copied")
    folder = here / "copied" / "a" / "one"
    assert scores_are_current(folder)
    (folder / "fold-0" / "config.yaml").write_text("second")
    assert not scores_are_current(folder)
    record_path(folder / "metrics.tsv").unlink()
    assert scores_are_current(folder), "nothing tells"


def test_a_page_is_of_the_scores_that_lie_beside_it(here):
    folder = scored("one", configs=config_of("one", "first"))
    page, scores = folder / "report.html", folder / "metrics.tsv"
    with script_job(told("report", str(page), {}, metrics=str(scores))):
        write(page, "page")
    assert is_made_from(page, scores)
    assert is_made_from(page, folder / "of which its record says nothing.tsv")
    shutil.copytree(here / "results", here / "copied")
    write(scores, "y")
    assert not is_made_from(page, scores)
    page, scores = (here / "copied" / "a" / "one" / path.name for path in (page, scores))
    assert is_made_from(page, scores)
    record_path(page).unlink()
    assert not is_made_from(page, scores), "the job was killed"
    record_path(scores).unlink()
    assert is_made_from(page, scores), "nothing tells"


def test_scores_of_an_ensemble_are_of_its_members_and_weights():
    write("results/a/both/ensemble.json", "equal")
    configs = [config_of(name, name) for name in ("one", "two")]
    folder = scored("both", configs=configs, ensemble="results/a/both/ensemble.json")
    config_of("both", "of an experiment that was called so")
    assert scores_are_current(folder)
    write("results/a/both/ensemble.json", "weighed")
    assert not scores_are_current(folder)
    write("results/a/both/ensemble.json", "equal")
    config_of("two", "trained again")
    assert not scores_are_current(folder)


def test_scores_of_what_was_an_ensemble_or_an_experiment_are_of_that():
    folder = scored("one", configs=config_of("one", "first"))
    write("results/a/one/ensemble.json", "equal")
    assert not scores_are_current(folder)
    mixed = "results/a/one/ensemble.json"
    scored("one", configs=config_of("two", "member"), ensemble=mixed)
    assert scores_are_current(folder)
    Path(mixed).unlink()
    assert not scores_are_current(folder)
