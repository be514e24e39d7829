"""A stand-in for a Kubernetes cluster: an API server that records jobs, and runs them here.

It speaks as much of the API as snakemake-executor-plugin-kubernetes uses. Jobs that the schema
of Kubernetes or its rules of validation refuse are refused. A job is run as a kubelet runs it, as
far as a process can be a pod: with the variables of its secrets, in a work directory that is
empty but for the persistent volumes mounted into it, and that is gone afterwards.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import kubernetes_validate
import yaml

VERSION = kubernetes_validate.latest_version()
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
WORK = "/workdir"


def quantity(text: str) -> float:
    """Return the number that a quantity such as ``950m`` or ``8000M`` stands for."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", text).groups()
    return float(number) * UNITS[unit]


def faults(manifest: dict[str, Any]) -> list[str]:
    """Return what an API server has against a job: its schema, then rules of its validation.

    The rules are those of ``pkg/apis/core/validation`` that a schema cannot tell: an extended
    resource such as a GPU needs a limit, equal to its request; no request is above its limit; what
    is mounted is a volume of the pod; names are DNS labels.
    """
    try:
        # the plugin leaves out what the address says, and the server fills it in
        whole = {"apiVersion": "batch/v1", "kind": "Job", **manifest}
        kubernetes_validate.validate(whole, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [error.message]
    found = []
    pod = manifest["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    names = [manifest["metadata"]["name"], *volumes, *(c["name"] for c in pod["containers"])]
    found += [f"{name}: no DNS label" for name in names if not NAME.fullmatch(name)]
    for container in pod["containers"]:
        requests, limits = (container["resources"].get(k) or {} for k in ("requests", "limits"))
        for name, value in requests.items():
            if "/" in name and limits.get(name) != value:
                found.append(f"{name}: Limit must be set for non overcommitable resources")
            elif name in limits and quantity(value) > quantity(limits[name]):
                found.append(f"{name}: must be less than or equal to the limit")
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        found += [f"{name}: no such volume" for name in mounted - volumes]
    return found


class Cluster:
    """The server, and what was sent to it.

    Parameters
    ----------
    root : Path
        An empty folder for pods and volumes.
    environment : dict
        Variables that the image brings along.
    run : bool
        Run jobs; else they fail at once.

    Attributes
    ----------
    jobs : list of dict
        Manifests of the jobs that were accepted.
    secrets : dict
        Data of the secrets, by name.
    refused : list of str
        What was said of jobs that were not.
    """

    def __init__(self, root: Path, environment: dict[str, str], run: bool = True) -> None:
        self.root, self.environment, self.run = root, environment, run
        self.jobs: list[dict[str, Any]] = []
        self.secrets: dict[str, dict[str, str]] = {}
        self.refused: list[str] = []
        self._codes: dict[str, int | None] = {}
        self._pods: dict[str, subprocess.Popen[bytes]] = {}
        cluster = self

        class Handler(_Handler):
            owner = cluster

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "Cluster":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for name in list(self._pods):
            self.delete(name)

    def kubeconfig(self) -> Path:
        """Write the file by which clients find the server."""
        path = self.root / "kubeconfig"
        here = {"server": f"http://127.0.0.1:{self._server.server_port}"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": here}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def volume(self, claim: str) -> Path:
        """Return the folder of a persistent volume."""
        path = self.root / "volumes" / claim
        path.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, job: str) -> Path:
        return self.root / f"{job}.log"

    def create(self, manifest: dict[str, Any]) -> list[str]:
        """Take a job, or return why not."""
        why = faults(manifest)
        self.refused += why
        if not why:
            self.jobs.append(manifest)
            name = manifest["metadata"]["name"]
            self._codes[name] = None
            threading.Thread(target=self._run, args=(name, manifest), daemon=True).start()
        return why

    def _run(self, name: str, manifest: dict[str, Any]) -> None:
        if not self.run:
            self.log(name).touch()
            self._codes[name] = 1
            return
        pod = manifest["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        work = self.root / "pods" / name
        work.mkdir(parents=True)
        claims = {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"][1:]}
        for mount in container["volumeMounts"][1:]:
            place = Path(mount["mountPath"])
            if place.is_relative_to(WORK):  # others lie where the pod will look for them
                (work / place.relative_to(WORK)).symlink_to(self.volume(claims[mount["name"]]))
        given = dict(self.environment)
        for variable in container["env"]:
            key = variable["valueFrom"]["secretKeyRef"]
            given[variable["name"]] = base64.b64decode(self.secrets[key["name"]][key["key"]])
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                [*container["command"], *container["args"]],
                cwd=work,
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pods[name] = process
        code = process.wait()
        shutil.rmtree(work, ignore_errors=True)
        self._codes[name] = code

    def delete(self, name: str) -> None:
        process = self._pods.pop(name, None)
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def state(self, name: str) -> dict[str, Any]:
        """Return the status of a job."""
        code = self._codes[name]
        return {"active": 1} if code is None else {"succeeded" if code == 0 else "failed": 1}

    def container(self, name: str) -> dict[str, Any]:
        """Return the status of the only container of a job's pod."""
        code = self._codes[name]
        now = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
        facts = {"name": "snakemake", "image": "x", "imageID": "x", "ready": True}
        return {**facts, "restartCount": 0, "state": now}


class _Handler(BaseHTTPRequestHandler):
    owner: Cluster

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/secrets"):
            self.owner.secrets[body["metadata"]["name"]] = body["data"]
            self._answer(201, {"kind": "Secret", **body})
        elif self.path.startswith("/apis/batch/v1/") and self.path.endswith("/jobs"):
            why = self.owner.create(body)
            if why:
                self._answer(422, {"kind": "Status", "code": 422, "message": "; ".join(why)})
            else:
                self._answer(201, body)
        else:
            self._answer(404, {})

    def do_GET(self) -> None:
        address = urlparse(self.path)
        parts = address.path.strip("/").split("/")
        if parts[-1] == "status":
            name = parts[-2]
            self._answer(200, {"metadata": {"name": name}, "status": self.owner.state(name)})
        elif parts[-1] == "pods":
            name = parse_qs(address.query)["labelSelector"][0].removeprefix("job-name=")
            status = {"containerStatuses": [self.owner.container(name)]}
            self._answer(200, {"items": [{"metadata": {"name": name}, "status": status}]})
        elif parts[-1] == "log":
            if parse_qs(address.query).get("previous", [""])[0].lower() == "true":
                why = f'previous terminated container "snakemake" in pod "{parts[-2]}" not found'
                self._answer(400, {"kind": "Status", "code": 400, "message": why})
            else:
                self._answer(200, self.owner.log(parts[-2]).read_text(errors="replace"))
        else:
            self._answer(404, {})

    def do_DELETE(self) -> None:
        kind, name = self.path.split("?")[0].split("/")[-2:]
        if kind == "jobs":
            self.owner.delete(name)
        self._answer(200, {"kind": "Status", "status": "Success"})

    def _answer(self, code: int, body: Any) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        """Keep silent."""
