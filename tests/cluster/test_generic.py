"""The workflow on a cluster of three commands: Grid Engine, HTCondor, or processes here."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_size_in_bytes

from tests.cluster.conftest import FORKED, Run, need, running, same_results
from tests.workflow.conftest import Workflow, copied

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "profiles" / "cluster-generic"
SCRIPT = Path(__file__).parent / "gridengine"
# as docs/cluster.md has it
COMMAND = "snakemake --workflow-profile profiles/cluster-generic --configfile config/mydata.yaml"
# what the fixture `grid` does, in a folder of its own
TRIED = {
    "install": "tests/cluster/gridengine install",
    "start": "tests/cluster/gridengine start /tmp/gridengine",
    "use": "source /tmp/gridengine/environment",
    "stop": "tests/cluster/gridengine stop /tmp/gridengine",
}
# Less than TensorFlow needs; twice as much, which the second attempt gets, is enough.
LITTLE = 900
FIRST = "results/tiny/rich/fold-0/model.keras"
SCRIPTS = b"/scripts/"


@dataclass
class Cluster:
    """Three commands, as `snakemake` calls them."""

    commands: Path
    variables: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()

    def call(self, command: str, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [self.commands / command, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stdout.strip()

    def script(self, lines: str, mb: int = 1000, minutes: float = 1) -> str:
        resources = {"mem_mb": mb, "runtime": minutes}
        asked = json.dumps({"rule": "r", "threads": 1, "resources": resources})
        script = self.folder / f"job{len(list(self.folder.glob('job*')))}"
        script.write_text(f"#!/bin/sh\n# properties = {asked}\n{lines}\n")
        script.chmod(0o755)
        return str(script)

    def submit(self, lines: str, mb: int = 1000, minutes: float = 1) -> str:
        return self.call("submit", self.script(lines, mb, minutes))

    def status(self, job: str) -> str:
        return self.call("status", job)

    def end(self, job: str) -> str:
        """Wait until it is over; return how it ended."""
        until = time.monotonic() + 120
        while (status := self.status(job)) == "running":
            assert time.monotonic() < until
            time.sleep(0.2)
        return status

    def wait_for(self, name: str) -> int:
        """Wait for a file that a job writes a number of a process into."""
        until = time.monotonic() + 60
        while not (path := self.folder / name).exists() or not path.read_text().strip():
            assert time.monotonic() < until
            time.sleep(0.05)
        return int(path.read_text())

    def run(self, workflow: Workflow, more: str = "") -> Run:
        """Run the workflow on it."""
        commands = [
            f"--cluster-generic-{name}-cmd={self.commands / name}"
            for name in ("submit", "status", "cancel")
        ]
        often = (*commands, "--seconds-between-status-checks", "2", "--latency-wait", "10")
        return Run(workflow, more, COMMAND, often, self.variables)


PROCESSES = Cluster(Path(__file__).parent / "processes")


@pytest.fixture(scope="session")
def grid() -> Iterator[Cluster]:
    """A Grid Engine that all tests share."""
    need(SCRIPT, "sge_qmaster", "sge_execd", "qsub")
    with running(SCRIPT) as folder:
        text = (folder / "environment").read_text()
        variables = {name: value.strip("'") for name, value in re.findall(r"(SGE_\w+)=(\S+)", text)}
        yield Cluster(PROFILE / "gridengine", variables)


@pytest.fixture(scope="session")
def pool() -> Cluster:
    """A pool of HTCondor that runs already, as Debian 12 has none to install."""
    if "SLICEWISE_HTCONDOR" not in os.environ:
        pytest.skip("SLICEWISE_HTCONDOR=1 asks for it, where condor_submit reaches a pool")
    return Cluster(PROFILE / "htcondor")


@pytest.fixture(
    params=[
        "processes",
        pytest.param("grid", marks=pytest.mark.slow),
        pytest.param("pool", marks=pytest.mark.slow),
    ]
)
def cluster(request, tmp_path) -> Cluster:
    kind = PROCESSES if request.param == "processes" else request.getfixturevalue(request.param)
    return Cluster(kind.commands, kind.variables, tmp_path)


@pytest.fixture
def processes(tmp_path) -> Cluster:
    return Cluster(PROCESSES.commands, folder=tmp_path)


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_job_is_a_success_by_its_status_alone(cluster):
    jobs = [cluster.submit("exit 0"), cluster.submit("exit 3"), cluster.submit("kill -9 $$")]
    assert [cluster.end(job) for job in jobs] == ["success", "failed", "failed"]


def test_a_job_over_its_time_is_warned_and_fails(cluster):
    lines = "trap 'echo 1 > saved; exit 1' TERM\nsleep 600 & wait"
    # of a scheduler a whole minute
    job = cluster.submit(lines, minutes=0.005 if cluster.commands == PROCESSES.commands else 1)
    assert cluster.end(job) == "failed"
    assert (cluster.folder / "saved").exists()


def test_a_job_over_its_memory_fails(processes):
    job = processes.submit("head -c 300000000 /dev/zero | tail -c 299999999 | sleep 60", mb=100)
    assert processes.end(job) == "failed"
    said = (processes.folder / ".snakemake" / "processes" / "r.log").read_text()
    assert "exceeded memory limit" in said


def test_a_job_is_warned_before_it_is_killed(cluster):
    lines = "trap 'echo 1 > saved' TERM\necho $$ > here\nsleep 600 & wait\nsleep 600 & wait"
    job = cluster.submit(lines)
    process = cluster.wait_for("here")
    assert cluster.status(job) == "running"
    begun = time.monotonic()
    cluster.call("cancel", job)
    # snakemake waits no longer
    assert time.monotonic() - begun < 2
    assert cluster.end(job) == "failed"
    assert (cluster.folder / "saved").exists()
    assert not runs(process)


def test_a_job_that_is_not_known_failed(cluster):
    assert cluster.status("999999") == "failed"


def test_what_cancels_jobs_is_noted(cluster):
    sent = cluster.folder / "sent"
    cluster.variables = {**cluster.variables, "SNAKEMAKE_CLUSTER_SIDECAR_VARS": str(sent)}
    job = cluster.submit("exec sleep 600")
    assert sent.read_text() == f"{job} {cluster.commands / 'cancel'}\n"
    cluster.call("cancel", job)
    cluster.end(job)


def test_cancelling_ends_what_left_the_group_of_a_job(processes):
    lines = "trap '' TERM\nsetsid sh -c 'echo $$ > away; exec sleep 600' &\necho $$ > here\nwait"
    job = processes.submit(lines)
    numbers = [processes.wait_for("here"), processes.wait_for("away")]
    # with one that is gone
    processes.call("cancel", "1-1", job)
    assert processes.end(job) == "failed"
    assert not any(map(runs, numbers))


def test_a_number_that_is_used_again_is_another_job(processes):
    job = processes.submit("exec sleep 600")
    number, begun = job.split("-")
    other = f"{number}-{int(begun) - 1}"
    assert (processes.status(job), processes.status(other)) == ("running", "failed")
    processes.call("cancel", other)
    time.sleep(0.5)
    assert processes.status(job) == "running"
    processes.call("cancel", job)
    assert processes.end(job) == "failed"


def test_a_job_whose_leader_was_killed_runs_until_its_last_process_has_ended(processes):
    job = processes.submit("echo $$ > here\nexec sleep 600")
    process = processes.wait_for("here")
    os.kill(int(job.split("-")[0]), signal.SIGKILL)
    time.sleep(0.3)
    # else it would be sent again beside itself
    assert processes.status(job) == "running"
    processes.call("cancel", job)
    assert processes.end(job) == "failed"
    assert not runs(process)


@pytest.mark.slow
def test_a_gpu_is_for_all_cpus_of_a_job(grid, tmp_path):
    cluster = Cluster(grid.commands, grid.variables, tmp_path)
    # of four GPUs there are; if each CPU had one, it would wait for ever
    script = Path(cluster.script("exit 0", mb=8000))
    asked = '"threads": 8, "resources": {"gpu": 1, '
    text = script.read_text().replace('"threads": 1, "resources": {', asked)
    script.write_text(text)
    assert asked in text
    assert cluster.end(cluster.call("submit", str(script))) == "success"


@pytest.mark.slow
def test_a_job_does_not_wait_for_what_a_login_does(grid, tmp_path):
    """One waited for a minute for the lock of a tool in `~/.bash_profile`, and was out of time."""
    cluster = Cluster(grid.commands, grid.variables, tmp_path)
    job = cluster.submit("tr '\\0' ' ' </proc/$PPID/cmdline >said")
    assert cluster.end(job) == "success"
    shell = (tmp_path / "said").read_text()
    assert "bash" in shell and not shell.startswith("-"), shell


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_says_nothing_of_a_job(grid, tmp_path):
    deaf = Cluster(grid.commands, {**grid.variables, "SGE_QMASTER_PORT": "9"}, tmp_path)
    assert deaf.status("1") == "running"


def changed(grid: Cluster, folder: Path, old: str, new: str) -> Cluster:
    """Another site: the commands with something else in `submit`."""
    shutil.copytree(PROFILE, folder / "profile")
    submit = folder / "profile" / "gridengine" / "submit"
    text = submit.read_text()
    assert old in text
    submit.write_text(text.replace(old, new))
    return Cluster(submit.parent, grid.variables, folder)


@pytest.mark.slow
def test_a_pool_that_does_not_answer_says_nothing_of_a_job(pool, tmp_path):
    deaf = Cluster(pool.commands, {"_CONDOR_SCHEDD_HOST": "nobody@127.0.0.1"}, tmp_path)
    assert deaf.status("1") == "running"


@pytest.mark.slow
def test_a_pool_is_given_names_with_quotes_and_spaces(pool, tmp_path):
    folder = tmp_path / 'it\'s a "pool"'
    folder.mkdir()
    cluster = Cluster(pool.commands, {"TOLD": 'it\'s "this"'}, folder)
    assert cluster.end(cluster.submit('printf %s "$TOLD" > said')) == "success"
    assert (folder / "said").read_text() == 'it\'s "this"'


@pytest.mark.slow
def test_what_grid_engine_refuses_is_no_job(grid, tmp_path):
    site = changed(grid, tmp_path, "asked=(-l", "asked=(-l nothing_of_that_name=1 -l")
    assert site.call("submit", site.script("exit 0"), fails=True) == ""


@pytest.mark.slow
def test_a_job_that_cannot_start_fails_and_does_not_wait_for_ever(grid, tmp_path):
    site = changed(grid, tmp_path, '-o "$logs/"', "-o /nowhere/")
    assert site.end(site.submit("exit 0")) == "failed"
    assert site.end(site.submit("exit 0")) == "failed"


def test_what_a_job_asks_for_is_in_its_script(tmp_path):
    script = tmp_path / "job"

    def asked(properties: str) -> str:
        script.write_text(f"#!/bin/sh\n# properties = {properties}\ntrue\n")
        done = subprocess.run([PROFILE / "asked", script], check=True, capture_output=True)
        return done.stdout.decode()

    single = (
        '{"rule": "train", "wildcards": {"experiment": "a b;rm", "fold": "0"}, "threads": 2, '
        '"resources": {"mem_mb": 8000, "runtime": 1440, "gpu": 1}}'
    )
    assert asked(single) == "name=train.a_b_rm.0\ncpus=2\nmem_mb=8000\nminutes=1440\ngpus=1\n"
    group = '{"groupid": "cases", "threads": 8, "resources": {"mem_mb": 16000, "runtime": 40}}'
    assert asked(group) == "name=cases\ncpus=8\nmem_mb=16000\nminutes=40\ngpus=0\n"


def test_a_pool_tells_a_job_how_many_processors_it_has(tmp_path):
    """It may use all of its machine, and machines differ, so that a training would begin anew."""
    command = tmp_path / "condor_submit"
    command.write_text("#!/bin/sh\ncat >said\necho 7.0 - 7.0\n")
    command.chmod(0o755)
    found = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    cluster = Cluster(PROFILE / "htcondor", found, tmp_path)
    assert cluster.submit("exit 0") == "7"
    said = (tmp_path / "said").read_text().splitlines()
    # which counts whatever the shell has that sends it (`getenv`)
    assert {"request_cpus = 1", 'environment = "NSLOTS=1"', "getenv = true"} <= {*said}


def jobs_of(run: Run, words: tuple[bytes, ...] = (b"lead.py", b"=remote", SCRIPTS)) -> list[int]:
    """The processes that lead jobs of a run, or were started by these."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            here = (place / "cwd").resolve() == run.workflow.root
            command = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if here and any(word in command for word in words):
            found.append(int(place.name))
    return [process for process in found if runs(process)]


def sent(run: Run, wildcards: str) -> str:
    """By what a job is known that was sent first for something."""
    line = r" with external jobid '(\S+)'"
    found = re.search(rf"wildcards: {wildcards}\n.*\nSubmitted job \d+{line}", run.said)
    assert found, run.said[-4000:]
    return found[1]


LONG = pytest.mark.skipif(
    "SLICEWISE_GRID" not in os.environ, reason="a quarter of an hour; SLICEWISE_GRID=1 asks for it"
)


def tell(processes: list[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def told(processes: list[int], number: int) -> Callable[[], bool]:
    """Whether stopped processes have got a signal, which they heed once they go on."""

    def has(process: int) -> bool:
        try:
            said = Path(f"/proc/{process}/status").read_text()
        except OSError:
            return True
        waiting = re.search(r"^ShdPnd:\s*(\w+)$", said, re.MULTILINE)
        assert waiting
        return not runs(process) or bool(int(waiting[1], 16) >> (number - 1) & 1)

    return lambda: all(map(has, processes))


def saved(workflow: Workflow) -> Callable[[], bool]:
    place = workflow.results / "rich" / "checkpoints" / "fold-0"
    return lambda: any(place.glob("*/step-*.npz"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    ["processes", pytest.param("grid", marks=LONG), pytest.param("pool", marks=LONG)],
)
def test_a_whole_run_is_that_of_one_machine_though_jobs_are_killed(kind, fresh, local, request):
    cluster = PROCESSES if kind == "processes" else request.getfixturevalue(kind)
    workflow = copied(fresh.root, fresh.root.with_name(kind))
    little = f"{LITTLE} * attempt if wildcards.fold == '2' else 8000 * attempt"
    # the other training is a fork
    looked_at = "train:experiment=rich,fold=0 train:experiment=rich,fold=2"
    cluster = Cluster(cluster.commands, {**cluster.variables, "FRESH_PYTHON": looked_at})
    run = cluster.run(workflow, f'--set-resources "train:mem_mb={little}"')
    try:
        run.until(saved(workflow), 600)
        cluster.call("cancel", sent(run, "experiment=rich, fold=0"))
        run.finish()
    finally:
        run.kill()
    log = (workflow.results / "logs" / "train" / "rich" / "fold-0.log").read_text()
    assert "going on after epoch" in log
    noted = workflow.root / ".snakemake"
    if kind == "processes":
        # Grid Engine of Debian limits no memory
        assert "exceeded memory limit" in (noted / "processes" / "train.rich.2.log").read_text()
    else:
        said = "".join(path.read_text() for path in noted.glob("cluster_logs/train.rich.0.*"))
        assert "training saved at step" in said
    same_results(workflow, local)
    assert workflow.due() == {}
    # nothing runs on, and nothing is left of what watched
    assert jobs_of(run) == []
    assert list(noted.glob("sent.*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_snakemake_leaves_no_jobs(local, tmp_path, number):
    workflow = copied(local.root, tmp_path / "slicewise")
    workflow.forget("rich")
    run = PROCESSES.run(workflow, FIRST)
    try:
        run.until(saved(workflow))
        # or it might end before it is told to
        training = jobs_of(run, (SCRIPTS,))
        assert training
        tell(training, signal.SIGSTOP)
        # with all of its group
        os.killpg(run.process.pid, number)
        run.process.wait(60)
        # which what watches does some seconds after a kill
        run.until(told(training, signal.SIGTERM), 60)
        tell(training, signal.SIGCONT)
        run.until(lambda: not jobs_of(run), 60)
    finally:
        run.kill()
    assert not (workflow.root / FIRST).exists(), run.said
    if number == signal.SIGKILL:
        workflow.snakemake("--unlock")
    again = Cluster(PROCESSES.commands, FORKED).run(workflow, FIRST)
    try:
        again.finish()
    finally:
        again.kill()
    weights = [w.used("rich")["resolved"]["weights_sha256"] for w in (workflow, local)]
    assert weights[0] == weights[1]


def test_profiles_of_clusters_agree():
    slurm, generic = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
        for name in ("slurm", "cluster-generic")
    )
    both = (slurm.keys() & generic.keys()) - {"executor"}
    assert {"groups", "retries", "max-checksum-file-size", "rerun-triggers"} <= both
    assert {key: slurm[key] for key in both} == {key: generic[key] for key in both}
    commands = [value for key, value in generic.items() if key.endswith("-cmd")]
    assert len(commands) == 4
    assert all(os.access(ROOT / command, os.X_OK) for command in commands)


def test_no_profile_takes_a_large_volume_that_was_touched_for_another():
    """Snakemake compares what is larger than this by its time, and all would be trained again."""
    written = [path.read_text() for path in (ROOT / "profiles").glob("*/config.yaml")]
    written += [(ROOT / "docs" / "module.md").read_text()]
    sizes = [re.findall(r"^max-checksum-file-size: (\S+)$", text, re.MULTILINE) for text in written]
    assert len(sizes) == 5 and all(each == sizes[0] for each in sizes)
    assert parse_size_in_bytes(*sizes[0]) >= 1e12
