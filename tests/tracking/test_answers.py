"""A real server behind a proxy that answers oddly: nothing is held for sent that is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slicewise.files import read_json
from slicewise.tracking import Connection, Mirror, Run, sync
from tests.tracking.conftest import FACTS, begin, no_judge, points, row, run_of, tracker
from tests.tracking.outage import Server
from tests.tracking.proxy import Answer, Odd, Proxy, proxied

pytestmark = pytest.mark.slow

DATA = "0123456789abcdef" * 4
JSON = {"Content-Type": "application/json"}
EMPTY: Answer = (200, JSON, b"{}")
NOTHING: Answer = (200, JSON, b"")
LIST: Answer = (200, JSON, b"[]")
NULL: Answer = (200, JSON, b"null")
PAGE: Answer = (200, {"Content-Type": "text/html"}, b"<html><form>Log in</form></html>")
GONE: Answer = (404, {"Content-Type": "text/html"}, b"<html>not found</html>")
BROKEN: Answer = (500, JSON, b'{"error_code": "INTERNAL_ERROR", "message": "no space left"}')
REFUSED: Answer = (403, JSON, b'{"error_code": "PERMISSION_DENIED", "message": "no"}')
BUSY: Answer = (429, {**JSON, "Retry-After": "0"}, b"{}")
ELSEWHERE: Answer = (302, {"Location": "/login", "Content-Type": "text/html"}, b"")
OTHER_ID: Answer = (
    200,
    JSON,
    json.dumps({"run": {"info": {"run_id": "0" * 32, "experiment_id": "1"}}}).encode(),
)


def when(method: str, part: str, answer: Answer | str) -> Odd:
    """Answer so to requests of a kind."""

    def odd(found: str, path: str) -> Answer | str | None:
        if path == "/login":
            return PAGE
        return answer if method in ("*", found) and part in path else None

    return odd


WAYS: dict[str, Odd] = {
    "all: {}": when("*", "/api/", EMPTY),
    "all: nothing": when("*", "/api/", NOTHING),
    "all: []": when("*", "/api/", LIST),
    "all: null": when("*", "/api/", NULL),
    "all: page": when("*", "/", PAGE),
    "all: 404": when("*", "/", GONE),
    "all: 500": when("*", "/api/", BROKEN),
    "all: 403": when("*", "/api/", REFUSED),
    "all: 429": when("*", "/api/", BUSY),
    "all: redirect": when("*", "/api/", ELSEWHERE),
    "all: cut": when("*", "/api/", "cut"),
    "create: {}": when("POST", "/runs/create", EMPTY),
    "create: page": when("POST", "/runs/create", PAGE),
    "create: other id": when("POST", "/runs/create", OTHER_ID),
    "create: lost": when("POST", "/runs/create", "lost"),
    "experiment: {}": when("POST", "/experiments/create", EMPTY),
    "get: {}": when("GET", "/runs/get", EMPTY),
    "get: other id": when("GET", "/runs/get", OTHER_ID),
    "batch: {}": when("POST", "/runs/log-batch", EMPTY),
    "batch: lost": when("POST", "/runs/log-batch", "lost"),
    "update: {}": when("POST", "/runs/update", EMPTY),
    "upload: page": when("PUT", "/mlflow-artifacts", PAGE),
    "upload: redirect": when("PUT", "/mlflow-artifacts", ELSEWHERE),
    "upload: {}": when("PUT", "/mlflow-artifacts", EMPTY),
    "upload: lost": when("PUT", "/mlflow-artifacts", "lost"),
    "list: {}": when("GET", "/mlflow-artifacts", EMPTY),
    "model: {}": when("POST", "/logged-models", EMPTY),
    "model: page": when("*", "/logged-models", PAGE),
    "ready: {}": when("PATCH", "/logged-models", EMPTY),
    "model: lost": when("POST", "/logged-models", "lost"),
    "outputs: lost": when("POST", "/runs/outputs", "lost"),
    "outputs: {}": when("POST", "/runs/outputs", EMPTY),
}


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with proxied(server.uri) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
        yield proxy


def train(results: Path, experiment: str, said: list[str]) -> Run:
    with tracker(results, experiment, said) as one:
        run = begin(one)
        for epoch in (1, 2, 3):
            run.epoch(row(epoch, 1 / epoch))
        model = results / "tiny" / experiment / "model.keras"
        model.write_bytes(b"weights")
        run.trained(FACTS, {}, model, ["liver"])
        run.scored({"test/dice_mean": 0.9}, {"test": DATA})
        run.contents({"overlays/p1.txt": "a picture"})
        run.finish()
    return run


def check(results: Path, experiment: str, run: Run) -> None:
    """Compare the server with the files."""
    mirror = Mirror(Connection(results))
    found = run_of(results, experiment)
    assert found.info.status == "FINISHED"
    assert found.data.tags["slicewise.run"] == run.record.id
    assert found.data.metrics["test/dice_mean"] == 0.9
    shown = [(step, value) for step, _, value in points(results, found.info.run_id, "train/loss")]
    assert shown == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert found.data.params["resolved.steps"] == "7"
    client = mirror.connection.client
    assert "environment.txt" in {f.path for f in client.list_artifacts(found.info.run_id)}
    (overlay,) = client.list_artifacts(found.info.run_id, "overlays")
    assert overlay.file_size == len("a picture")
    number = mirror.connection.experiments()["slicewise/tiny"]
    mark = f"tags.`slicewise.run` = '{run.record.id}'"
    assert len(client.search_runs([number], mark)) == 1, "one run, whatever was answered"
    models = client.search_logged_models([number], f"source_run_id = '{found.info.run_id}'")
    assert [str(model.status) for model in models] == ["READY"]
    (score,) = client.get_logged_model(models[0].model_id).metrics
    assert (score.key, score.value) == ("test/dice_mean", 0.9)
    assert (score.dataset_name, score.dataset_digest) == ("tiny/test", DATA[:36])
    (weights,) = client.list_logged_model_artifacts(models[0].model_id, "data/models")
    assert weights.file_size == len(b"weights")
    assert [output.model_id for output in found.outputs.model_outputs] == [models[0].model_id]


@pytest.mark.parametrize("way", WAYS)
def test_after_an_odd_answer_sync_brings_all(
    tmp_path: Path, proxy: Proxy, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, said = tmp_path / "results", list[str]()
    proxy.odd = WAYS[way]
    run = train(results, "odd", said)
    assert len(said) <= 1, "one sentence at most"
    assert all("\n" not in line and "Traceback" not in line for line in said)
    proxy.odd = lambda method, path: None
    sent = run.folder / "sent.json"
    for store in read_json(sent).values() if sent.is_file() else ():
        client = Connection(results).client
        assert client.get_run(store["run_id"]).data.tags["slicewise.run"] == run.record.id
    if not Mirror(Connection(results)).is_pending(run.folder):
        check(results, "odd", run)  # so nothing may lack
    else:
        assert said, "what is not sent is said"
    sync(results, "*", no_judge, lambda line: None)
    check(results, "odd", run)


def test_an_empty_id_of_an_earlier_version_does_not_count(tmp_path: Path, proxy: Proxy) -> None:
    results = tmp_path / "results"
    proxy.odd = when("*", "/", GONE)
    run = train(results, "empty", [])
    sent = {proxy.uri: {"run_id": "", "files": {}, "state": run.state}}
    (run.folder / "sent.json").write_text(json.dumps(sent))
    proxy.odd = lambda method, path: None
    mirror = Mirror(Connection(results))
    assert mirror.run_id(run.folder) is None
    assert mirror.is_pending(run.folder)
    sync(results, "*", no_judge, lambda line: None)
    check(results, "empty", run)


def test_no_name_or_secret_is_in_any_byte_that_is_sent(
    tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    monkeypatch.setenv("OTHER_TOKEN", "planted-7c1e5f")
    table = results / "tiny" / "cases.tsv"
    table.parent.mkdir(parents=True)
    table.write_text(
        "case\tpatient\timage\timage_sha256\tmask\tmask_sha256\n"
        "c1\tp1\tSURNAME_GIVEN.nii.gz\taa\tSURNAME (20)\tbb\n"
    )
    with tracker(results, "names") as one:
        run = begin(one)
        run.epoch(row(1, 0.5))
        run.files({"cases.tsv": table})
        reason = "data/x/SURNAME_GIVEN.nii.gz: not with planted-7c1e5f"
        run.finish("FAILED", reason)
    assert not Mirror(Connection(results)).is_pending(run.folder)
    sent = b"\n".join(proxy.bodies)
    assert b"the image of case c1: not with ***" in sent
    assert b"c1\tp1\taa\tbb" in sent
    assert b"SURNAME" not in sent
    assert b"planted-7c1e5f" not in sent
    assert not any("SURNAME" in path for _, path in proxy.seen)
