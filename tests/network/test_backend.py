"""The calls that Keras does not cover: threads, instructions, memory, standard error, versions."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pytest

from slicewise.network import backend

FLAGS = "processor : 0\nflags : fpu avx512_bf16 amx_bf16 sse\n"


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A processor that knows bfloat16, and no limit to what oneDNN may use of it."""
    for name in ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "cpuinfo"
    path.write_text(FLAGS, encoding="utf-8")
    return path


def test_instructions_for_bfloat16_are_read_from_the_flags(cpuinfo: Path) -> None:
    assert backend._instructions(cpuinfo) == [
        name for name in backend.INSTRUCTIONS if name in ("avx512_bf16", "amx_bf16")
    ]
    cpuinfo.write_text("flags : fpu sse\n", encoding="utf-8")
    assert backend._instructions(cpuinfo) == []
    assert backend._instructions(cpuinfo.with_name("none")) == []


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("ONEDNN_MAX_CPU_ISA", "avx2", False),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core_bf16", True),
        ("ONEDNN_MAX_CPU_ISA", "default", True),
        ("TF_ENABLE_ONEDNN_OPTS", "0", False),
        ("TF_ENABLE_ONEDNN_OPTS", "1", True),
    ],
)
def test_no_instruction_counts_that_onednn_was_told_to_leave(
    cpuinfo: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, used: bool
) -> None:
    monkeypatch.setenv(name, value)
    assert bool(backend._instructions(cpuinfo)) == used


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"), True),
        (RuntimeError("OOM when allocating tensor"), True),
        (ValueError("shapes differ"), False),
    ],
)
def test_errors_that_say_that_memory_ran_out(error: Exception, expected: bool) -> None:
    assert backend.is_out_of_memory(error) == expected


def test_known_chatter_is_left_out_and_all_else_kept(capfd: pytest.CaptureFixture[str]) -> None:
    with backend.without_chatter():
        os.write(2, b"oneDNN custom operations are on\nan error that counts\n")
    assert capfd.readouterr().err == "an error that counts\n"


def test_what_was_written_is_kept_when_an_error_ends_the_block(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="inside"), backend.without_chatter():
        os.write(2, b"the last words\n")
        raise ValueError("inside")
    assert capfd.readouterr().err == "the last words\n"


def test_a_seed_makes_every_generator_repeat() -> None:
    draws = []
    for seed in (3, 3, 4):
        assert backend.prepare(seed=seed) >= 1
        normal = keras.ops.convert_to_numpy(keras.random.normal((4,)))
        draws.append(np.concatenate([normal, np.random.random(4)]))  # noqa: NPY002
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_a_batch_is_shared_by_nothing_where_there_is_one_device() -> None:
    assert backend.shared_by(["CPU:0"], abs) is abs
    assert backend.devices(wanted=1) == []


def test_versions_name_the_backend_and_what_computes() -> None:
    known = backend.versions()
    assert known["backend"] == keras.backend.backend()
    assert known["keras"] == version("keras")
    assert known["numpy"] == np.__version__
    assert set(known) == {"backend", "keras", "numpy", keras.backend.backend()}
