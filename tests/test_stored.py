"""What lies below results/ is read as it was written, or refused in one sentence."""

import io
import json
import logging
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from pydantic import Field

from slicewise.errors import SlicewiseError
from slicewise.stored import (
    AGAIN,
    SUMMARY,
    Form,
    Loose,
    check_numbers,
    kept,
    read_arrays,
    read_stored,
    read_stored_table,
    sealed,
    unsealed,
    write_sealed,
)


class _Two(Loose):
    name: str
    size: Annotated[float, Field(gt=0)]


TWO = Form(_Two)
WHOLE = {"name": "a", "size": 2.5, "more": [1]}


def refusal(action, *given, **more) -> str:
    with pytest.raises(SlicewiseError) as caught:
        action(*given, **more)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_what_is_whole_is_read_with_more_keys(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text(json.dumps(WHOLE))
    assert read_stored(path, TWO) == WHOLE


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON"),
        (b'{"name": "a", "si', "it is not JSON"),
        (json.dumps(WHOLE).encode("utf-16"), "it is no text in UTF-8"),
        (b"[1]", "valid dictionary"),
        (b"null", "valid dictionary"),
        (b'{"name": "a"}', "size: field required"),
        (b'{"name": 1, "size": 2.5}', "name: input should be a valid string"),
        (b'{"name": "a", "size": "2.5"}', "size: input should be a valid number"),
        (b'{"name": "a", "size": true}', "size: input should be a valid number"),
        (b'{"name": "a", "size": -1}', "size: input should be greater than 0"),
        (b'{"name": "a", "size": NaN}', "it holds NaN, which is no number"),
        (b'{"name": "a", "size": 1e999}', "size: input should be a finite number"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_is_one_sentence_with_the_remedy(tmp_path, content, why):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    said = refusal(read_stored, path, TWO)
    assert said.startswith(f"{path}: the file is damaged or was edited (")
    assert why in said
    assert said.endswith(f"; {AGAIN}")
    assert "\n" not in said


@pytest.mark.parametrize(
    "content", ["name: [", "name: a\n\tsize: 1", "- 1", "", "size: .nan\nname: a", "a: 2000-13-45"]
)
def test_damaged_yaml_is_one_sentence(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_text(content)
    said = refusal(read_stored, path, TWO, "train anew")
    assert said.startswith(f"{path}: ")
    assert said.endswith("; train anew")


def test_a_file_that_is_gone_is_no_damage(tmp_path):
    assert "it is gone" in refusal(read_stored, tmp_path / "a.json")
    assert "it is a folder" in refusal(read_stored, tmp_path)


def test_a_summary_without_its_mean_is_refused(tmp_path):
    path = tmp_path / "summary.json"
    numbers = {"mean": 0.5, "ci_low": None, "ci_high": None, "n": 1}
    label = {"dice": numbers, "nsd": numbers, "detection": {"patients": 1}}
    path.write_text(json.dumps({"test": {"liver": label, "mean": label}}))
    assert read_stored(path, SUMMARY)["test"]["mean"] == label
    path.write_text(json.dumps({"test": {"liver": label}}))
    assert "it lacks the mean over labels" in refusal(read_stored, path, SUMMARY)
    path.write_text(json.dumps({"test": {"mean": label | {"nsd": {"mean": "0.5"}}}}))
    assert "test.mean.nsd.mean" in refusal(read_stored, path, SUMMARY)


# --- sealed ------------------------------------------------------------------------------------


def test_an_edit_breaks_the_seal(tmp_path, caplog):
    path = tmp_path / "record.json"
    value = {"made_from": "x", "ml": {"liver": 12.5}, "pairs": [(1, 2)]}
    write_sealed(path, value)
    assert unsealed(path) == kept(path, "x") == {**value, "pairs": [[1, 2]]}
    assert kept(path, "y") is None
    assert not caplog.records
    path.write_text(path.read_text().replace("12.5", "13.5"))
    assert "it was edited, by the digest in it" in refusal(unsealed, path)
    assert kept(path, "x") is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{path}: the file is damaged or was edited")
    assert record.getMessage().endswith("; it is made anew")


def test_what_is_missing_is_made_without_a_word(tmp_path, caplog):
    assert kept(tmp_path / "a.json", "x") is None
    assert not caplog.records


def test_the_order_of_keys_is_sealed_too():
    # labels become numbers by their position
    assert sealed({"a": 1, "b": 2})["digest"] != sealed({"b": 2, "a": 1})["digest"]


# --- tables ------------------------------------------------------------------------------------


def table(path: Path, content: bytes) -> pd.DataFrame:
    path.write_bytes(content)
    return read_stored_table(
        path,
        ("case", "dice"),
        key=("case",),
        numbers=("dice",),
        dtype={"case": str},
        keep_default_na=False,
        na_values=[""],
    )


def test_a_table_is_read(tmp_path):
    found = table(tmp_path / "a.tsv", b'case\tdice\tnote\n001\t0.5\t"a\tb"\nNA\t\tx\n')
    assert list(found["case"]) == ["001", "NA"]
    assert found["dice"].tolist()[0] == 0.5


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"case\tdice\n1\t0.", "it ends within a row"),
        (b"case\tdice\n1\n", "line 2 has 1 cells of 2"),
        (b"case\tdice\n1\t0.5\t7\n", "line 2 has 3 cells of 2"),
        (b"case\n1\n", "it has no column dice"),
        (b"case\tdice\tdice\n1\t0.5\t1\n", "two of its columns have one name"),
        (b"case\tdice\n1\t0.5\n1\t0.6\n", "1 is there twice"),
        (b"case\tdice\n\t0.5\n", "a row has no case"),
        (b"case\tdice\n1\tgood\n", "column dice holds something else than numbers"),
        (b"case\tdice\n1\t1,5\n", "column dice holds something else than numbers"),
        (b"case\tdice\n1\tTrue\n", "column dice holds something else than numbers"),
        (b"case\tdice\n1\tinf\n", "column dice holds a number that cannot be"),
        (b"case\tdice\n1\t0.5\0\n", "zero bytes"),
        (b'case\tdice\n"1\t0.5\n', "line"),
        ("case\tdice\nä\t1\n".encode("latin-1"), "no text in UTF-8"),
        ("case\tdice\n1\t1\n".encode("utf-16"), "no text in UTF-8"),
        (b"case;dice\n1;0.5\n", "it has no column case, dice"),
    ],
)
def test_a_damaged_table_is_one_sentence(tmp_path, content, why):
    path = tmp_path / "metrics.tsv"
    said = refusal(table, path, content)
    assert said.startswith(f"{path}: the file is damaged or was edited (")
    assert why in said or why == "line"
    assert said.endswith(AGAIN)


def test_bounds_of_numbers(tmp_path):
    known = pd.DataFrame({"dice": [0.5, None, 1.0]})
    check_numbers("a", known, ["dice", "absent"], between=(0, 1))
    assert "a: " in refusal(check_numbers, "a", known * 2, ["dice"], between=(0, 1))


def test_a_stream_is_named_as_what_it_is():
    assert refusal(read_stored_table, io.StringIO("")).startswith("a table of MLflow: ")


# --- arrays ------------------------------------------------------------------------------------


def test_damaged_arrays_are_one_sentence(tmp_path):
    path = tmp_path / "samples.npz"
    np.savez(path, images=np.arange(100.0))
    np.testing.assert_array_equal(read_arrays(path, ["images"])["images"], np.arange(100.0))
    assert "it has no masks" in refusal(read_arrays, path, ["images", "masks"])
    whole = path.read_bytes()
    wrong = whole.replace(np.float64(50).tobytes(), np.float64(51).tobytes(), 1)
    assert wrong != whole
    for content in (b"", whole[: len(whole) // 2], b"PK" + whole[3:], wrong):
        path.write_bytes(content)
        assert str(path) in refusal(read_arrays, path, ["images"])
    np.save(path.with_suffix(".npy"), np.arange(3))
    path.write_bytes(path.with_suffix(".npy").read_bytes())
    assert "damaged" in refusal(read_arrays, path)
    np.savez(path, images=np.array([{}], dtype=object))
    assert "damaged" in refusal(read_arrays, path)
