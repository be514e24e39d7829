"""The precision of `auto` follows from the machine and the network, and from no clock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from slicewise.model import backend, precision
from slicewise.model.precision import Machine, decide_precision

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


def test_this_machine_is_the_same_machine_twice() -> None:
    assert backend.machine() == backend.machine()
