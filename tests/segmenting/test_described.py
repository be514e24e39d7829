"""What `slicewise inspect` says."""

from __future__ import annotations

from pathlib import Path

from slicewise.files import write_json
from slicewise.segmenting.described import NOT_KNOWN, described
from slicewise.segmenting.models import choose
from tests.segmenting.made import experiment


def lines(text: str) -> dict[str, str]:
    return {line[:12].strip(): line[12:] for line in text.splitlines()}


def test_an_experiment_and_a_file_alone(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "x")
    dice = {"mean": 0.9123, "ci_low": 0.85, "ci_high": 0.95, "n": 7}
    write_json(folder / "summary.json", {"test": {"mean": {"dice": dice}}})
    said = lines(described(choose(str(folder))))
    assert said["model"].endswith("(2 models)")
    assert said["finds"] == "organ0 (5), organ1 (6), with their mask values"
    assert said["takes"] == "CT in Hounsfield units"
    assert said["slices"] == "axial, 32 × 32 pixels, 1 slice at once"
    assert said["trained on"] == "2 cases of 2 patients"
    assert said["test Dice"] == "0.912 (95 % interval 0.850 to 0.950) of 7 test patients"
    assert said["data"] == f"SHA-256 {'5' * 16}"
    assert said["run"] == "not tracked"
    (folder / "fold-0" / "model.keras").rename(tmp_path / "alone.keras")
    said = lines(described(choose(str(tmp_path / "alone.keras"))))
    assert {said[name] for name in ("trained on", "settings", "test Dice", "run")} == {NOT_KNOWN}
