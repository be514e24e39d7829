"""The workflow on a real Slurm: what its jobs ask for, and what becomes of them when they fail."""

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest
import SimpleITK as sitk

from tests.cluster import test_generic
from tests.cluster.conftest import (
    COMMAND,
    EPOCHS,
    FOLDS,
    FORKED,
    OFTEN,
    SCRIPT,
    Slurm,
    SlurmRun,
    command_of,
    need,
    running,
    same_results,
    write,
)
from tests.workflow.conftest import Workflow, copied

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
# What a user types, as the page has it.
SHOWN = {
    "run": COMMAND,
    "plan": COMMAND.replace("snakemake", "snakemake -n", 1),
    "each case": COMMAND.replace(" --config", " --group-components cases=1 checks=2 --config"),
    "partitions": "sinfo",
    "features": "sinfo --format '%N %f'",
    "queue": "squeue --me",
    "job": "scontrol show job JOBID",
    "cancel": "scancel JOBID",
    "cancel all": "scancel --me",
    "unlock": "snakemake --unlock",
    "environment": "make .venv/ready",
    "activate": "source .venv/bin/activate",
    # what the fixture `slurm` does, in a folder of its own
    "install": "tests/cluster/slurm install",
    "start": "tests/cluster/slurm start /tmp/slurm",
    "use": "source /tmp/slurm/environment",
    "stop": "tests/cluster/slurm stop /tmp/slurm",
    "generic": test_generic.COMMAND,
    **{f"gridengine: {what}": line for what, line in test_generic.TRIED.items()},
}
CANCELLED, OUT_OF_TIME, OUT_OF_MEMORY = FOLDS
# Less than TensorFlow needs; twice as much, which the second attempt gets, is enough.
LITTLE = 900


def freeze(processes: list[int]) -> None:
    """Let a training hang, so that what happens to it happens in its midst."""
    test_generic.tell(processes, signal.SIGSTOP)


def keep_frozen(processes: list[int]) -> None:
    """Let it hang whoever wakes it, until it is killed."""

    def hold() -> None:
        while any(command_of(process) for process in processes):
            freeze(processes)
            time.sleep(0.002)

    Thread(target=hold, daemon=True).start()


class Faults:
    """What befalls the trainings of a run, each in its first attempt."""

    def __init__(self, run: SlurmRun):
        self.run = run
        self.drained = False
        self.struck: set[int] = set()

    def saved(self, fold: int) -> bool:
        place = self.run.workflow.results / "rich" / "checkpoints" / f"fold-{fold}"
        return any(place.glob("*/step-*.npz"))

    def first(self, fold: int) -> dict[str, str]:
        return (attempts(self.run, fold) or [{"JobId": "", "JobState": "PENDING"}])[0]

    def over(self, fold: int) -> bool:
        return self.first(fold)["JobState"] not in ("PENDING", "RUNNING", "COMPLETING")

    def strike(self) -> bool:
        """Do what is due; return whether all of it was done and all first attempts are over."""
        slurm, first = self.run.slurm, {fold: self.first(fold) for fold in FOLDS}
        if not self.drained and all(job["JobState"] != "PENDING" for job in first.values()):
            # the node takes no more jobs, and those that it has go on
            slurm.drain()
            self.drained = True
            look_as_a_user(slurm, first[OUT_OF_TIME]["JobId"])
        for fold in {CANCELLED, OUT_OF_TIME} - self.struck:
            if self.drained and self.saved(fold):
                number = first[fold]["JobId"]
                freeze(processes := slurm.processes(number))
                self.struck.add(fold)
                if fold == CANCELLED:
                    slurm.run(SHOWN["cancel"].replace("JOBID", number))
                else:
                    # it cannot answer the warning
                    keep_frozen(processes)
                    slurm.run(f"scontrol update JobId={number} TimeLimit=1")
        return all(map(self.over, FOLDS))


def look_as_a_user(slurm: Slurm, number: str) -> None:
    assert re.search(r"^gpu +up 2-00:00:00 +1 +(drng|drain) one$", slurm.run("sinfo"), re.M)
    assert re.search(rf"^ +{number} +gpu .* R ", slurm.run(SHOWN["queue"]), re.M)
    assert "TresPerJob=gres:gpu:1" in slurm.run(SHOWN["job"].replace("JOBID", number))


@pytest.fixture(scope="module")
def disturbed(slurm, fresh) -> Iterator[SlurmRun]:
    """A whole run, in which each of three trainings is stopped in another way."""
    workflow = copied(fresh.root, fresh.root.with_name("disturbed"))
    little = f"{LITTLE} * attempt if wildcards.fold == '{OUT_OF_MEMORY}' else 8000 * attempt"
    more = f'--set-resources train:constraint=tested "train:mem_mb={little}" '
    run = SlurmRun(
        workflow, more + "--slurm-partition-config profiles/slurm/partitions.yaml", slurm=slurm
    )
    try:
        run.until(Faults(run).strike, 900)
        # sent again, but not begun
        run.until(lambda: all(len(attempts(run, fold)) == 2 for fold in FOLDS))
        time.sleep(3)
        run.look()
        run.waiting = [attempts(run, fold)[1] for fold in FOLDS]
        slurm.resume()
        run.until(lambda: goes_on(run, CANCELLED))
        freeze(slurm.processes(attempts(run, CANCELLED)[1]["JobId"]))
        slurm.run("sbatch --partition=urgent --gres=gpu:4 --output=/dev/null --wrap=true")
        run.finish()
        run.look()
        yield run
    finally:
        slurm.resume()
        run.stop()


def attempts(run: SlurmRun, fold: int) -> list[dict[str, str]]:
    return run.of(f"train_wildcards_rich_{fold}")


def log_of(run: SlurmRun, job: dict[str, str]) -> str:
    """The log of a failed job, at the place that `snakemake` named."""
    (path,) = set(re.findall(rf"\(log: (\S+/{job['JobId']}\.log)\)", run.said))
    return Path(path).read_text()


def goes_on(run: SlurmRun, fold: int) -> bool:
    """Tell whether a training went on where an earlier attempt stopped, by its own log."""
    log = run.workflow.results / "logs" / "train" / "rich" / f"fold-{fold}.log"
    # Snakemake removes it before it starts the job
    return log.exists() and "going on after epoch" in log.read_text()


def test_each_command_of_the_page_is_tried():
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S)
    assert sorted("".join(blocks).splitlines()) == sorted(SHOWN.values())
    for target in re.findall(r"\]\(([^)#:]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_the_environment_is_the_one_that_make_makes(slurm):
    said = slurm.run(f"make -n -B -C {ROOT} {SHOWN['environment'].split()[1]}")
    assert ".venv/bin/python -m pip install" in said
    # the plugin is in the lock
    assert "snakemake-executor-plugin-slurm==" in (ROOT / "requirements.txt").read_text()
    # the script that started this Slurm finds nothing to install
    slurm.run(str(ROOT / SHOWN["install"].split()[0]) + " install")


def test_a_shell_uses_it_by_what_the_page_says(slurm):
    command = SHOWN["use"].replace("/tmp/slurm", str(slurm.folder))
    foreign = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
    for shown in ("partitions", "features"):
        said = subprocess.run(
            ["bash", "-c", f"{command} && {SHOWN[shown]}"],
            env=foreign,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "one" in said
    assert "tested" in said


def test_jobs_get_what_the_rules_ask_for(disturbed):
    # rule or group: memory, time, GPUs, partition
    expected = {
        "evaluate": ("4000M", "01:00:00", None, "cpu"),
        "report": ("4000M", "01:00:00", None, "cpu"),
        "compare": ("4000M", "01:00:00", None, "cpu"),
        "predict": ("6000M", "04:00:00", "gres:gpu:1", "gpu"),
        f"train_wildcards_rich_{CANCELLED}": ("8000M", "1-00:00:00", "gres:gpu:1", "gpu"),
    }
    for rule, wanted in expected.items():
        job = disturbed.of(rule)[0]
        keys = ("MinMemoryNode", "TimeLimit", "TresPerJob", "Partition")
        assert tuple(job.get(key) for key in keys) == wanted, rule
    for fold in FOLDS:
        assert {job["Features"] for job in attempts(disturbed, fold)} == {"tested"}
    # as many as `training.threads` says, and all that the profile gives
    assert attempts(disturbed, CANCELLED)[0]["NumCPUs"] == "1"
    assert disturbed.of("predict")[0]["NumCPUs"] == "8"


def test_shards_share_a_job(disturbed, local):
    shards = len(list((local.results / "cases" / "_shards").glob("*.json")))
    assert 2 < shards <= 5  # of five cases
    assert len(re.findall(r"^ *rule ingest:$", disturbed.said, re.M)) == shards
    (job,) = [j for j in disturbed.jobs.values() if "group_cases" in j["StdOut"]]
    # side by side, each with its memory, one stage after the other
    assert (job["NumCPUs"], job["MinMemoryNode"]) == (str(shards), f"{2000 * shards}M")
    assert job["TimeLimit"] == "00:40:00"


def test_folds_train_side_by_side(disturbed):
    folds = {f"rule_train_wildcards_rich_{fold}" for fold in FOLDS}
    assert any(folds <= together for together in disturbed.together)


def test_a_cancelled_training_is_sent_again(disturbed):
    first, second = attempts(disturbed, CANCELLED)
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    log = log_of(disturbed, first)
    # warned, it saved what it had
    assert re.search(r"error: training saved at step \d+ of epoch \d, because ", log), log
    assert goes_on(disturbed, CANCELLED)


def test_a_training_that_is_out_of_time_is_sent_again(disturbed):
    first, second = attempts(disturbed, OUT_OF_TIME)
    assert (first["JobState"], second["JobState"]) == ("TIMEOUT", "COMPLETED")
    log = log_of(disturbed, first)
    assert "DUE TO TIME LIMIT" in log
    # it did not answer the warning
    assert "Killed" in log
    assert goes_on(disturbed, OUT_OF_TIME)


def test_a_training_that_is_out_of_memory_gets_more(disturbed):
    first, second = attempts(disturbed, OUT_OF_MEMORY)
    assert first["JobState"] not in ("COMPLETED", "RUNNING")
    assert second["JobState"] == "COMPLETED"
    assert "exceeded memory limit" in log_of(disturbed, first)
    memory = [job["MinMemoryNode"] for job in (first, second)]
    assert memory == [f"{LITTLE}M", f"{2 * LITTLE}M"]
    # the rules' own memory grows likewise
    assert attempts(disturbed, CANCELLED)[1]["MinMemoryNode"] == "16000M"


def test_a_training_that_makes_way_for_an_urgent_job_goes_on_in_the_same_job(disturbed):
    job = attempts(disturbed, CANCELLED)[1]
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")
    assert goes_on(disturbed, CANCELLED)


def test_jobs_wait_while_their_node_drains(disturbed):
    assert [job["JobState"] for job in disturbed.waiting] == ["PENDING"] * 3
    reasons = [job["Reason"] for job in disturbed.waiting]
    # of the first in the queue; others may be said to wait for it
    assert any(re.match("Nodes_required.*DRAIN|ReqNodeNotAvail", why) for why in reasons), reasons


def test_the_numbers_are_those_of_a_run_without_slurm(disturbed, local):
    same_results(disturbed.workflow, local)


def test_mlflow_holds_one_run_a_fold(disturbed, local):
    def runs(workflow):
        client = workflow.client()
        experiment = client.get_experiment_by_name("slicewise/tiny")
        return client, client.search_runs([experiment.experiment_id])

    (client, found), (_, expected) = runs(disturbed.workflow), runs(local)
    names = sorted(run.info.run_name for run in found)
    assert names == sorted(run.info.run_name for run in expected)
    assert {run.info.status for run in found} == {"FINISHED"}
    values = {run.info.run_name: run.data.metrics for run in expected}
    for run in found:
        for key in ("train/loss", "val/dice", "test/dice_mean"):
            assert run.data.metrics.get(key) == values[run.info.run_name].get(key)
        assert "superseded_by" not in run.data.tags
    # the job that made it, the last attempt
    for fold in FOLDS:
        folder = disturbed.workflow.results / "rich" / "tracking" / f"fold-{fold}"
        assert [p.name for p in folder.iterdir()] == ["001"]
        run_id = disturbed.workflow.run_id("rich", f"fold-{fold}")
        steps = [p.step for p in client.get_metric_history(run_id, "train/loss")]
        assert sorted(steps) == list(range(1, EPOCHS + 1))
        tag = client.get_run(run_id).data.tags["slurm_job"]
        assert tag in {job["JobId"] for job in attempts(disturbed, fold)}


def test_then_nothing_is_to_be_done(disturbed, slurm):
    workflow = disturbed.workflow
    assert workflow.due() == {}
    assert "Nothing to be done" in slurm.run(SHOWN["plan"], workflow)


def test_a_training_that_failed_goes_on_with_the_next_snakemake(slurm, local, tmp_path):
    workflow = copied(local.root, tmp_path / "slicewise")
    workflow.forget("rich")
    model = "results/tiny/rich/fold-0/model.keras"
    runs = [SlurmRun(workflow, f"{model} --retries 0", slurm=slurm)]
    try:
        runs[0].until(lambda: Faults(runs[0]).saved(0))
        (job,) = attempts(runs[0], 0)
        freeze(slurm.processes(job["JobId"]))
        slurm.run(SHOWN["cancel"].replace("JOBID", job["JobId"]))
        runs[0].until(lambda: runs[0].process.poll() is not None)
        assert runs[0].process.returncode != 0
        assert "training saved at step" in log_of(runs[0], job)
        # the sentence is repeated at the end
        assert re.search(r"^error: training saved at step \d+ of", runs[0].said, re.M)
        runs.append(SlurmRun(workflow, model, variables=FORKED, slurm=slurm))
        runs[1].finish()
    finally:
        for run in runs:
            run.stop()
    assert goes_on(runs[1], 0)
    weights = [w.used("rich", 0)["resolved"]["weights_sha256"] for w in (workflow, local)]
    assert weights[0] == weights[1]
    tracked = (workflow.results / "rich" / "tracking" / "fold-0").iterdir()
    assert [path.name for path in tracked] == ["001"]


def write_table(workflow: Workflow, cases: dict[str, tuple[str, str]], test: list[str]) -> None:
    """Make a data set of links: of each case the patient whose files it has, and their format."""
    rows = []
    for name, (patient, suffix) in cases.items():
        row = {"case": name, "subset": "test" if name in test else "train"}
        for kind, word in (("image", "orig"), ("mask", "liver")):
            source = workflow.image(patient).with_name(f"{patient}_{word}.nii.gz")
            made = source.with_name(f"{patient}_{word}.{suffix}")
            if not made.exists():
                sitk.WriteImage(sitk.ReadImage(str(source)), str(made))
            link = made.with_name(f"{name}_{word}.{suffix}")
            if not link.exists():
                link.hardlink_to(made)
            row[kind] = str(link.relative_to(workflow.root / "data"))
        rows.append(row)
    pd.DataFrame(rows).to_csv(workflow.root / "data" / "cases.tsv", sep="\t", index=False)
    settings = workflow.settings()
    settings["dataset"] |= {"layout": "table", "root": "cases.tsv"}
    write(workflow, settings)


@pytest.fixture
def full(slurm):
    """A cluster on which nothing begins."""
    slurm.drain()
    yield slurm
    slurm.resume()


@pytest.mark.parametrize(("suffix", "sent"), [("nii.gz", 2), ("nrrd", 20)])
def test_two_hundred_cases_are_few_submissions(full, fresh, tmp_path, suffix, sent):
    workflow = copied(fresh.root, tmp_path / "slicewise")
    names = [f"c{k:03d}" for k in range(200)]
    write_table(workflow, dict.fromkeys(names, ("p01", suffix)), names[::5])
    run = SlurmRun(workflow, slurm=full)
    try:
        run.until(lambda: len(run.of("cases")) == sent)
        time.sleep(2)
        run.look()
        assert len(run.jobs) == sent
        # ten batches, of which eight at a time, each with 2 GB
        assert ("8", "16000M") in {(j["NumCPUs"], j["MinMemoryNode"]) for j in run.jobs.values()}
        # Ctrl-C takes what waits out of the queue
        os.killpg(run.process.pid, signal.SIGINT)
        run.until(lambda: run.process.poll() is not None)
        assert {job["JobState"] for job in run.look().values()} == {"CANCELLED"}
    finally:
        run.stop()


def test_a_killed_snakemake_leaves_jobs_that_can_be_taken_out(full, fresh, tmp_path):
    workflow = copied(fresh.root, tmp_path / "slicewise")
    run = SlurmRun(workflow, slurm=full)
    try:
        run.until(lambda: len(run.of("cases")) == 1)
        os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
        assert [job["JobState"] for job in run.look().values()] == ["PENDING"]
        full.run(SHOWN["cancel all"])
        run.until(lambda: [j["JobState"] for j in run.look().values()] == ["CANCELLED"])
        assert "Unlocked" in full.run(SHOWN["unlock"], workflow)
        assert "rule ingest:" in full.run(SHOWN["plan"], workflow)
    finally:
        run.stop()


def test_a_bad_case_spares_the_others_that_have_jobs_of_their_own(slurm, fresh, tmp_path):
    workflow = copied(fresh.root, tmp_path / "slicewise")
    cases = {"p01": "nrrd", "p02": "nrrd", "p03": "nii.gz", "p04": "nii.gz", "p08": "nii.gz"}
    write_table(workflow, {name: (name, suffix) for name, suffix in cases.items()}, ["p08"])
    bad = {"p02": "p02_orig.nrrd", "p03": "p03_orig.nii.gz"}
    for name in bad.values():
        (path,) = (workflow.root / "data").rglob(name)
        path.write_bytes(b"no image")
    run = SlurmRun(workflow, "results/tiny/cases.tsv --retries 0", SHOWN["each case"], slurm=slurm)
    try:
        run.until(lambda: run.process.poll() is not None)
        assert run.process.returncode != 0
        place = workflow.results / "cases"
        assert {p.parent.name for p in place.glob("*/record.json")} == cases.keys() - bad.keys()
        assert {p.parent.name for p in place.glob("*/image.nii.gz")} == {"p01"}
        # their sentences are repeated at the end, as without a cluster
        for name in bad.values():
            assert re.search(rf"^error: .*{re.escape(name)}", run.said, re.M), run.said[-3000:]
    finally:
        run.stop()


SMALL = """
rule all:
    input: expand("{n}.done", n=range(3)), "gpu.txt", "large.done"
rule many:
    output: touch("{n,[0-9]}.done")
    resources: mem_mb=1000, runtime=5
    shell: "true"
rule gpu:
    output: "gpu.txt"
    resources: mem_mb=1000, runtime=5, gpu=1, gpu_model="large", slurm_partition="gpu"
    shell: "scontrol --oneliner show job --details $SLURM_JOB_ID > {output}"
rule large:
    output: touch("large.done")
    resources: mem_mb=lambda wildcards, attempt: 500 * attempt, runtime=5
    shell: "python3 -c 'len(bytes(range(100)) * 6_000_000)'"
"""


@pytest.fixture(scope="module")
def limited() -> Iterator[Slurm]:
    """Another Slurm, in which the kernel limits memory, where that is allowed."""
    need(SCRIPT, "slurmctld", "slurmdbd", "mariadbd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CGROUPS", "1")
        with running(SCRIPT) as folder:
            yield Slurm(folder)


@pytest.fixture(scope="module")
def small(limited, tmp_path_factory) -> tuple[Path, str, list[dict[str, str]]]:
    """A run without trainings: its folder, what it said, and the accounts of its jobs."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "Snakefile").write_text(SMALL)
    command = "snakemake --executor slurm --jobs 10 --cores 4 --retries 1 --slurm-no-account "
    command += "--slurm-status-command sacct --slurm-efficiency-report --slurm-array-jobs many"
    done = subprocess.run(
        [*shlex.split(command), *OFTEN],
        cwd=folder,
        # forks are in no cgroup of Slurm's
        env={**os.environ, **limited.environment, "FRESH_PYTHON": "all"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = ("JobID", "State", "Comment", "ReqTRES")
    told = limited.run(f"sacct --noheader --parsable2 --format={','.join(names)}")
    rows = [dict(zip(names, line.split("|"), strict=True)) for line in told.splitlines()]
    # of the jobs that this run sent, and their steps
    numbers = set(re.findall(r"(?:jobid|SLURM job ID) (\d+)", done.stderr))
    kept = [row for row in rows if re.split("[._]", row["JobID"])[0] in numbers]
    return folder, done.stderr, kept


def test_jobs_of_one_rule_are_one_array(small):
    _, said, accounts = small
    (number,) = re.findall(r"Submitted array job .* SLURM job ID (\d+)", said)
    states = {row["JobID"]: row["State"] for row in accounts}
    assert [states[f"{number}_{k}"] for k in (1, 2, 3)] == ["COMPLETED"] * 3


def test_one_of_several_kinds_of_gpus_is_asked_for(small):
    folder, _, _ = small
    said = (folder / "gpu.txt").read_text()
    assert "TresPerJob=gres:gpu:large:1" in said
    assert re.search(r"GRES=gpu:large:1\(IDX:[23]\)", said)


def test_the_kernel_ends_what_is_over_its_memory(small, limited):
    _, said, accounts = small
    if "proctrack/cgroup" not in (limited.folder / "slurm.conf").read_text():
        pytest.skip("this user may not limit memory by cgroups of version 1")
    assert "OUT_OF_MEMORY" in {row["State"] for row in accounts}
    assert "Trying to restart job" in said


def test_what_jobs_used_of_what_they_asked_for_is_a_table(small):
    folder, _, _ = small
    (path,) = folder.glob("efficiency_report_*.csv")
    table = pd.read_csv(path)
    assert {"rule_gpu", "rule_large"} <= set(table["RuleName"])
    of_gpu = table[table["RuleName"] == "rule_gpu"].iloc[0]
    assert of_gpu["RequestedMem_MB"] == 1000
    assert 0 < of_gpu["Memory Usage (%)"] < 100


def test_without_gpus_none_is_asked_for(local):
    said = local.snakemake("--dry-run", "--forceall", SLICEWISE_GPUS="0")
    assert "rule train:" in said
    assert "gpu=" not in said
