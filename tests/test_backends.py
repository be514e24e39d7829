"""Which backend Keras gets, and that a missing one is said before any job."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from slicewise import backends
from slicewise.errors import SlicewiseError


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine without KERAS_BACKEND and without settings of Keras; say what is installed."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def has(*names: str, configured: object = None, told: str | None = None) -> None:
        monkeypatch.setattr(backends, "_installed", lambda name: name in names)
        if configured is not None:
            (tmp_path / "keras.json").write_text(json.dumps(configured))
        if told is not None:
            monkeypatch.setenv("KERAS_BACKEND", told)

    return has


@pytest.mark.parametrize(
    ("installed", "configured", "told", "expected"),
    [
        (("tensorflow", "jax"), None, None, "tensorflow"),
        (("tensorflow",), None, None, "tensorflow"),
        (("jax",), None, None, "jax"),
        (("jax",), {"backend": "tensorflow"}, None, "jax"),  # as Keras writes it by itself
        (("tensorflow", "jax"), {"backend": "jax"}, None, "jax"),
        (("tensorflow", "jax"), ["no", "settings"], None, "tensorflow"),
        (("tensorflow", "jax"), {"backend": "jax"}, "tensorflow", "tensorflow"),
        (("tensorflow",), None, "jax", "jax"),
        (("tensorflow",), None, "", "tensorflow"),
    ],
)
def test_the_backend_is_the_one_asked_for_or_the_one_there(
    machine, installed, configured, told, expected
):
    machine(*installed, configured=configured, told=told)
    assert backends.chosen() == expected
    assert backends.choose() == expected == os.environ["KERAS_BACKEND"]


@pytest.mark.parametrize(
    ("installed", "told", "said"),
    [
        (
            ("tensorflow",),
            "jax",
            "KERAS_BACKEND=jax: jax is not installed.*gpu-jax.*KERAS_BACKEND=ten",
        ),
        (("jax",), "tensorflow", "KERAS_BACKEND=tensorflow: tensorflow is not installed"),
        ((), None, "the Keras backend tensorflow: tensorflow is not installed"),
        (("jax",), "Jax", "KERAS_BACKEND=Jax: trainings run on tensorflow or jax"),
        (("torch",), "torch", "KERAS_BACKEND=torch: trainings run on tensorflow or jax"),
    ],
)
def test_a_backend_that_will_not_do_is_one_sentence(machine, installed, told, said):
    machine(*installed, told=told)
    with pytest.raises(SlicewiseError, match=said):
        backends.check_backend()


def test_the_backend_that_is_there_will_do(machine):
    machine("jax")
    backends.check_backend()
    machine("tensorflow", "jax", told="jax")
    backends.check_backend()


def test_keras_gets_the_backend_that_was_chosen():
    code = "from slicewise.network import backend; import keras; print(keras.backend.backend())"
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "jax"
