"""The workflow on Kubernetes: what is submitted, and what comes of it in a bucket.

No cluster is at hand: the real plugin talks to a stand-in (`kubernetesapi`), and the bucket is that
of moto's server.
"""

import copy
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import kubernetes_validate
import pytest
import yaml
from conftest import CHECKOUT, CONFIG, Workflow, checked_out
from kubernetesapi import VERSION, Cluster, faults, quantity
from moto.server import ThreadedMotoServer

from slicewise.dataset.shards import FEWEST
from slicewise.files import read_json
from tests import forked

BUCKET = "slicewise"
SECRET = "planted-7d20aa"
MODEL = "results/tiny/plain/fold-0/model.keras"
REPORT = "results/tiny/plain/report.html"
COMPARISON = "results/tiny/comparison.html"


@dataclass
class Site:
    """A checkout, a cluster and a bucket."""

    workflow: Workflow
    cluster: Cluster
    endpoint: str

    def snakemake(self, *arguments: str, **options: Any) -> str:
        """Run the workflow with the profile; data lie on a second volume."""
        data = str(self.workflow.root / "data")
        environment = {
            "KUBECONFIG": str(self.cluster.kubeconfig()),
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",  # nobody listens
            "MLFLOW_TRACKING_PASSWORD": SECRET,
            "SLICEWISE_DATA": data,
            "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": self.endpoint,
            "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "somebody",
            "SNAKEMAKE_STORAGE_S3_SECRET_KEY": SECRET,
        }
        return self.workflow.snakemake(
            *arguments,
            *("--workflow-profile", "profiles/kubernetes", "--seconds-between-status-checks", "1"),
            *("--kubernetes-persistent-volumes", "slicewise-results:/workdir/results"),
            f"slicewise-data:{data}",
            *("--envvars", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD", "SLICEWISE_DATA"),
            **options,
            **environment,
        )

    def bucket(self) -> Any:
        client = boto3.resource(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="somebody",
            aws_secret_access_key=SECRET,
        )
        return client.Bucket(BUCKET)

    def put(self, key: str) -> None:
        """Put a file into the bucket that is not to be read."""
        self.bucket().put_object(Key=key, Body=b"-")

    def job(self, rule: str) -> dict[str, Any]:
        """Return the manifest of the first job of a rule."""
        return next(j for j in self.cluster.jobs if f"--allowed-rules {rule}" in command(j))


def command(manifest: dict[str, Any]) -> str:
    return container(manifest)["args"][1]


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (only,) = manifest["spec"]["template"]["spec"]["containers"]
    return only


@pytest.fixture
def site(tmp_path):
    if shutil.which("rsync") is None:
        reason = "rsync is not installed (Debian: apt install rsync)"
        if os.environ.get("SLICEWISE_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    workflow = checked_out(tmp_path / "slicewise")
    for name in ("p01", "p02", "p03", "p04"):
        workflow.add_patient(name, "train")
    workflow.add_patient("p08", "test")
    workflow.write_settings({**copy.deepcopy(CONFIG), "run": ["plain"]})
    # in place of the image: the environment of the tests, with the library of the checkout. The
    # plugin's first command installs what is there already, for which the image has no network.
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pip").write_text("#!/bin/sh\n")
    (programs / "pip").chmod(0o755)
    pythons = [str(Path(python).parent) for python in (forked.python(), sys.executable)]
    path = os.pathsep.join([str(programs), *pythons, "/usr/bin", "/bin"])
    image = {"PATH": path, "PYTHONPATH": str(workflow.root / "src"), "HOME": str(tmp_path)}
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        (tmp_path / "cluster").mkdir()
        with Cluster(tmp_path / "cluster", {**image, "LANG": "C.UTF-8"}) as cluster:
            host, port = server.get_host_and_port()
            yield Site(workflow, cluster, f"http://{host}:{port}")
    finally:
        server.stop()


@pytest.mark.slow
def test_all_stages_run_in_pods_and_leave_their_results_in_the_bucket(site):
    said = site.snakemake()
    jobs = len(site.cluster.jobs)
    # the plan of the training is made where `snakemake` runs, and `all` is no job
    assert f"{jobs + 2} of {jobs + 2} steps (100%) done" in said, "some job was no pod"
    kept = {item.key: item.size for item in site.bucket().objects.all()}
    for name in (MODEL, REPORT, COMPARISON, "results/tiny/plain/predictions/p08.nii.gz"):
        assert kept[name] > 1000, name
    assert "results/tiny/logs/train/plain/fold-0.log" in kept
    # what is no rule's output is on the volume; scoring has removed the checkpoints
    volume = site.cluster.volume("slicewise-results") / "tiny" / "plain"
    assert read_json(volume / "tracking" / "fold-0" / "001" / "run.json")["models"]
    assert not list((volume / "checkpoints").rglob("*.npz"))
    assert not list((site.cluster.root / "pods").iterdir())
    assert not (site.workflow.results / "plain").exists(), "results belong into the bucket"

    for manifest in site.cluster.jobs:
        assert faults(manifest) == []
        mounts = {m["mountPath"]: m["name"] for m in container(manifest)["volumeMounts"]}
        assert mounts["/workdir/results"] == "slicewise-results"
        assert SECRET not in str(manifest)
    given = {variable["name"] for variable in container(manifest)["env"]}
    assert {"MLFLOW_TRACKING_PASSWORD", "SNAKEMAKE_STORAGE_S3_SECRET_KEY"} <= given

    training, slices = (container(site.job(rule))["resources"] for rule in ("train", "split"))
    for part in ("requests", "limits"):
        assert training[part]["nvidia.com/gpu"] == "1"
        assert quantity(training[part]["memory"]) >= 8e9
        assert "nvidia.com/gpu" not in slices[part]

    assert "Nothing to be done" in site.snakemake("--dry-run")
    assert len(site.cluster.jobs) == jobs


def test_the_manifests_of_the_namespace_are_valid():
    folder = CHECKOUT / "profiles" / "kubernetes"
    made = list(yaml.safe_load_all((folder / "cluster.yaml").read_text()))
    for manifest in made:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    claims = {m["metadata"]["name"] for m in made if m["kind"] == "PersistentVolumeClaim"}
    profile = yaml.safe_load((folder / "config.yaml").read_text())
    mounted = dict(v.split(":") for v in profile["kubernetes-persistent-volumes"])
    assert mounted.keys() == claims
    (pod,) = (m["spec"] for m in made if m["kind"] == "Pod")
    assert {v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"]} == claims
    images = {c["image"] for c in (*pod["containers"], *pod["initContainers"])}
    assert images == {profile["container-image"]}


def test_the_image_is_made_of_what_the_context_lets_through():
    lines = (CHECKOUT / "Dockerfile").read_text().splitlines()
    copied = {s for line in lines if line.startswith("COPY ") for s in line.split()[1:-1]}
    ignore = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    assert copied == {line[1:] for line in ignore if line.startswith("!")}
    assert all((CHECKOUT / name).exists() for name in copied)


@pytest.fixture
def submitted(site):
    """Submits a training whose inputs seem to be there; the job is not run."""
    site.cluster.run = False
    bucket = site.bucket()
    bucket.create()  # no matter whether another test has made it
    # what that left there would be older than what is put
    bucket.objects.all().delete()
    for number in range(FEWEST):
        site.put(f"results/tiny/cases/_shards/train-{number}.json")
        site.put(f"results/tiny/cases/_slices/axial48/train-{number}.json")
    site.put("results/tiny/leakage.json")
    site.put("results/tiny/plain/fold-0/plan.json")

    def submit(*arguments: str, **environment: str) -> str:
        allowed = ("--allowed-rules", "train")
        return site.snakemake(MODEL, *allowed, *arguments, fails=True, **environment)

    return submit


def test_without_gpus_no_job_asks_for_one(site, submitted):
    """Kubernetes takes 0 for a request, too."""
    submitted(SLICEWISE_GPUS="0")
    (manifest,) = site.cluster.jobs
    assert "gpu" not in str(container(manifest)["resources"])
    assert "tolerations" not in manifest["spec"]["template"]["spec"]


def test_what_kubernetes_refuses_is_told(site, submitted):
    """By the plugin's own default a GPU has a request and no limit; hence the profile's scale."""
    said = submitted("--default-resources", "gpu_manufacturer='nvidia'")
    assert site.cluster.jobs == []
    assert "nvidia.com/gpu: Limit must be set for non overcommitable resources" in said
