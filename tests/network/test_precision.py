"""The precision of `auto` follows from the machine and the network, and from no clock."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest

from slicewise.network import backend, precision
from slicewise.network.precision import Machine, decide_precision

WIDE, NARROW = [16, 32, 64], [12, 24, 48]
XEON = Machine("tensorflow", instructions=["avx512_bf16", "amx_bf16"])


@pytest.mark.parametrize(
    ("machine", "filters", "chosen", "why"),
    [
        (XEON, WIDE, "mixed_bfloat16", "(amx_bf16, avx512_bf16)"),
        (XEON, NARROW, "float32", "one of network.filters has 12"),
        (XEON, [64, 32, 8], "float32", "has 8"),
        (Machine("tensorflow"), WIDE, "float32", "no instructions for it"),
        (Machine("jax", instructions=["avx512_bf16"]), WIDE, "float32", "jax has no fast"),
        (Machine("tensorflow", "A100", (8, 0)), WIDE, "mixed_bfloat16", "capability 8.0"),
        (Machine("tensorflow", "A100", (8, 0)), NARROW, "mixed_bfloat16", "A100"),
        (Machine("jax", "H100", (9, 0)), WIDE, "mixed_bfloat16", "capability 9.0"),
        (Machine("jax", "RTX 50", (12, 0)), WIDE, "mixed_bfloat16", "capability 12.0"),
        (Machine("tensorflow", "V100", (7, 0)), WIDE, "float32", "no units"),
        (Machine("tensorflow", "MI250"), WIDE, "float32", "nothing is known of bfloat16 on MI250"),
    ],
)
def test_auto(machine: Machine, filters: list[int], chosen: str, why: str) -> None:
    found, reason = decide_precision("auto", filters, machine)
    assert found == chosen
    assert why in reason


@pytest.mark.parametrize("wanted", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("machine", [XEON, Machine("tensorflow"), Machine("jax", "V100", (7, 0))])
def test_what_is_said_is_done(wanted: str, machine: Machine) -> None:
    assert decide_precision(wanted, NARROW, machine)[0] == wanted


def test_nothing_that_decides_looks_at_a_clock() -> None:
    for path in (precision.__file__, backend.__file__):
        tree = ast.parse(Path(str(path)).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert "time" not in [alias.name for alias in node.names]
            assert not (isinstance(node, ast.ImportFrom) and node.module in ("time", "timeit"))


CPUINFO = "processor\t: 0\nflags\t\t: fpu sse2 {flags}\nbugs\t\t:\n\nprocessor\t: 1\n"


@pytest.mark.parametrize(
    ("flags", "more", "found"),
    [
        ("avx512f avx512_bf16", {}, ["avx512_bf16"]),
        ("amx_bf16 avx512_bf16", {}, ["amx_bf16", "avx512_bf16"]),
        ("avx512f avx512_bf16x", {}, []),
        ("avx2", {}, []),
        ("avx512_bf16", {"TF_ENABLE_ONEDNN_OPTS": "0"}, []),
        ("avx512_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, []),
        ("avx512_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, ["avx512_bf16"]),
    ],
)
def test_instructions_of_a_processor(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: str,
    more: dict[str, str],
    found: list[str],
) -> None:
    for name in ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cpuinfo").write_text(CPUINFO.format(flags=flags))
    assert backend._instructions(tmp_path / "cpuinfo") == found
    assert backend._instructions(tmp_path / "nothing") == []


# --- GPUs and TPUs, by fakes of what the backends tell of them -----------------------------------


def jax_with(monkeypatch: pytest.MonkeyPatch, *devices: object) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(devices=lambda: list(devices)))
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # an import of it fails


def torch_with(monkeypatch: pytest.MonkeyPatch, hip: str | None = None, **cuda: object) -> None:
    named = {name: lambda *device, found=found: found for name, found in cuda.items()}
    fake = SimpleNamespace(cuda=SimpleNamespace(**named), version=SimpleNamespace(hip=hip))
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setitem(sys.modules, "tensorflow", None)


@pytest.mark.parametrize(
    ("platform", "kind", "told", "chosen", "why"),
    [
        ("gpu", "NVIDIA H100 80GB HBM3", {"compute_capability": "9.0"}, True, "capability 9.0"),
        ("cuda", "NVIDIA B200", {"compute_capability": "10.0"}, True, "capability 10.0"),
        ("gpu", "Tesla V100-SXM2-16GB", {"compute_capability": "7.0"}, False, "no units"),
        ("gpu", "NVIDIA A100-SXM4-40GB", {}, True, "by its name"),
        ("gpu", "NVIDIA H100 80GB HBM3", {}, True, "by its name"),
        ("gpu", "NVIDIA GeForce RTX 3090", {}, True, "by its name"),
        ("gpu", "NVIDIA GeForce RTX 4070 Ti", {"compute_capability": None}, True, "by its name"),
        ("gpu", "NVIDIA RTX 6000 Ada Generation", {}, True, "by its name"),
        ("gpu", "NVIDIA RTX A6000", {}, True, "by its name"),
        ("gpu", "NVIDIA L40S", {}, True, "by its name"),
        ("tpu", "TPU v4", {}, True, "by its name"),
        ("gpu", "NVIDIA GeForce RTX 2080 Ti", {}, False, "nothing is known"),
        ("gpu", "Quadro RTX 6000", {}, False, "nothing is known"),
        ("gpu", "Tesla T4", {}, False, "nothing is known"),
        ("gpu", "NVIDIA GeForce GTX 1080", {}, False, "nothing is known"),
        ("gpu", "Tesla P100-PCIE-16GB", {}, False, "nothing is known"),
        ("rocm", "AMD Instinct MI250", {"compute_capability": "gfx90a"}, False, "nothing is known"),
        ("cpu", "cpu", {}, False, "jax has no fast bfloat16 on processors"),
    ],
)
def test_jax_without_tensorflow(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    kind: str,
    told: dict[str, object],
    chosen: bool,
    why: str,
) -> None:
    jax_with(monkeypatch, SimpleNamespace(platform=platform, device_kind=kind, **told))
    found, reason = decide_precision("auto", NARROW, backend.machine())
    assert (found == "mixed_bfloat16") == chosen
    assert why in reason
    assert platform == "cpu" or kind in reason
    assert backend.has_gpu() == (platform != "cpu")


@pytest.mark.parametrize(
    ("capability", "hip", "chosen", "why"),
    [
        ((8, 6), None, "mixed_bfloat16", "A10 (compute capability 8.6) has units"),
        ((7, 5), None, "float32", "no units"),
        ((9, 4), "6.2", "float32", "nothing is known"),
    ],
)
def test_torch_without_tensorflow(
    monkeypatch: pytest.MonkeyPatch,
    capability: tuple[int, int],
    hip: str | None,
    chosen: str,
    why: str,
) -> None:
    name = "AMD Instinct MI300X" if hip else "NVIDIA A10"
    there = {"get_device_name": name, "get_device_capability": capability}
    torch_with(monkeypatch, hip, is_available=True, **there)
    found, reason = decide_precision("auto", NARROW, backend.machine())
    assert found == chosen
    assert why in reason
    torch_with(monkeypatch, is_available=False)
    assert decide_precision("auto", WIDE, backend.machine())[0] == "float32"


def test_this_machine_is_the_same_machine_twice() -> None:
    assert backend.machine() == backend.machine()
