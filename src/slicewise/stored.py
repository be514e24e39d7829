"""Reading what lies below ``results/``: as it was written, or refused in one sentence.

Any of these files may have been cut by a crash, saved anew by an editor, or
edited by hand. Whoever reads one says what it must hold (a type, columns,
names); what does not is refused here, so that no reader meets it.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import zipfile
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tokenize import TokenError
from typing import IO, TYPE_CHECKING, Annotated, Any

import numpy as np
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from slicewise.errors import SlicewiseError
from slicewise.files import digest, most_unpacked, parse_json, write_json

if TYPE_CHECKING:
    import pandas as pd  # the rules, which every job reads, need none

_log = logging.getLogger(__name__)

AGAIN = "delete it and run snakemake again, which makes it anew"
SEAL = "digest"
"""Key of the digest of all other keys."""
LONGEST = 80

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


class Loose(BaseModel):
    """Keys of a form: more may be there, but no text stands for a number."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Form:
    """What a stored file must hold.

    Parameters
    ----------
    type : type
        Of its value, as pydantic understands it; classes of keys are `Loose`.
    """

    def __init__(self, type: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(type)

    def check(self, value: Any) -> Any:
        """Return a value as the type; raise ValueError, in a few words, for another form."""
        try:
            return self._adapter.validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            said = first["msg"][:1].lower() + first["msg"][1:]
            raise ValueError(f"{place}: {said}" if place else said) from None
        except (RecursionError, OverflowError):
            raise ValueError("it is nested too deeply, or holds too large a number") from None


class _Numbers(Loose):
    mean: float | None
    ci_low: float | None
    ci_high: float | None
    n: Count


class _Detection(Loose):
    patients: Count = 0
    unscored: Count = 0
    in_words: str = ""


class _Scores(Loose):
    __pydantic_extra__: dict[str, _Numbers]
    dice: _Numbers
    detection: _Detection = _Detection()


def _with_mean(subset: dict[str, _Scores]) -> dict[str, _Scores]:
    if "mean" not in subset:
        raise ValueError("it lacks the mean over labels")
    return subset


MAPPING = Form(dict[str, Any])
SUMMARY = Form(dict[str, Annotated[dict[str, _Scores], AfterValidator(_with_mean)]])
"""A ``summary.json``: by subset, then by label."""


def refused(path: object, why: object, remedy: str = AGAIN) -> SlicewiseError:
    """Return the error for a stored file that is not as it was written."""
    words = " ".join(str(why).split()) or type(why).__name__
    shown = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return SlicewiseError(f"{path}: the file is damaged or was edited ({shown}); {remedy}")


def text_of(path: str | os.PathLike[str], remedy: str = AGAIN) -> str:
    """Read the text of a stored file.

    Raises
    ------
    SlicewiseError
        When it is gone, a folder, or not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SlicewiseError(f"{path}: it is gone; run snakemake again, which makes it") from None
    except IsADirectoryError:
        raise refused(path, "it is a folder", remedy) from None
    except UnicodeDecodeError:
        raise refused(path, "it is no text in UTF-8", remedy) from None


def read_stored(path: str | os.PathLike[str], form: Form = MAPPING, remedy: str = AGAIN) -> Any:
    """Read a stored JSON or YAML file (by its suffix) as it is; `read_typed` makes its type of it.

    Parameters
    ----------
    path : path-like
        The file.
    form : Form
        What it must hold.
    remedy : str
        What to do about one that does not.

    Raises
    ------
    SlicewiseError
        When it is gone or cannot be read, or does not hold that.
    """
    value, _ = _read(path, form, remedy)
    return value


def read_typed(path: str | os.PathLike[str], form: Form, remedy: str = AGAIN) -> Any:
    """Read a stored file as `read_stored` does, and return what its form makes of it.

    Raises
    ------
    SlicewiseError
        As of `read_stored`.
    """
    _, typed = _read(path, form, remedy)
    return typed


def _read(path: str | os.PathLike[str], form: Form, remedy: str) -> tuple[Any, Any]:
    """Return the value of a stored file, and what its form makes of that."""
    text = text_of(path, remedy)
    try:
        value = parse_json(text) if Path(path).suffix == ".json" else _parse_yaml(text)
        return value, form.check(value)
    except ValueError as error:
        raise refused(path, error, remedy) from None


def _parse_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark
        line = "" if place is None else f" in line {place.line + 1}"
        raise ValueError(f"it is not YAML: {error.problem}{line}") from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError, AttributeError, TypeError):
        # dates of no calendar and the like end in PyYAML's constructors
        raise ValueError("it is not YAML") from None


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with a digest of itself, by which an edit is noticed."""
    return {**value, SEAL: digest(dict(value))}


def write_sealed(path: str | os.PathLike[str], value: Mapping[str, Any]) -> None:
    """Write a mapping as JSON, see `sealed`: for files of which no record has the hash."""
    write_json(path, sealed(value))


def kept(path: str | os.PathLike[str], made_from: str, form: Form = MAPPING) -> Any | None:
    """Return what `write_sealed` wrote, if it was made from just this (its key `made_from`).

    Returns
    -------
    object or None
        What the form makes of it; None also for one that is damaged, which is said: it is to be
        made again.
    """
    if not Path(path).exists():
        return None
    try:
        stored = unsealed(path, form, must=True)
    except SlicewiseError as error:
        _log.warning("%s", str(error).replace(AGAIN, "it is made anew"))
        return None
    of = stored.get if isinstance(stored, dict) else partial(getattr, stored)
    return stored if of("made_from", None) == made_from else None


def unsealed(
    path: str | os.PathLike[str], form: Form = MAPPING, remedy: str = AGAIN, *, must: bool = False
) -> Any:
    """Read what `write_sealed` wrote, without the digest; it may have none, unless it must.

    Returns
    -------
    object
        What the form makes of it, which is checked once: these files are many.

    Raises
    ------
    SlicewiseError
        As of `read_typed`, and when it was edited.
    """
    stored = read_stored(path, MAPPING, remedy)
    has_seal = SEAL in stored
    seal = stored.pop(SEAL, None)
    try:
        typed = form.check(stored)
    except ValueError as error:
        raise refused(path, error, remedy) from None
    if (must or has_seal) and (seal is None or seal != _digest_of(stored)):
        raise refused(path, "it was edited, by the digest in it", remedy)
    return typed


def _digest_of(stored: dict[str, Any]) -> str | None:
    try:
        return digest(stored)
    except (ValueError, RecursionError):  # it holds numbers that nobody wrote
        return None


def read_stored_table(
    path: str | os.PathLike[str] | IO[str],
    columns: Collection[str] = (),
    *,
    numbers: Sequence[str] | None = (),
    key: Sequence[str] = (),
    separator: str = "\t",
    remedy: str = AGAIN,
    **options: Any,
) -> pd.DataFrame:
    """Read a stored table.

    Parameters
    ----------
    path : path-like or text stream
        The file.
    columns : collection of str
        Columns that it must have.
    numbers : sequence of str, optional
        Columns that must hold finite numbers or nothing, where they are there; None for all.
    key : sequence of str
        Columns that together must differ in all rows, and be filled in.
    separator : str
        What stands between cells.
    remedy : str
        What to do about another one.
    **options
        For `pandas.read_csv`.

    Raises
    ------
    SlicewiseError
        When it cannot be read, was cut within a row, or does not hold that.
    """
    import pandas as pd

    named = "a table of MLflow" if isinstance(path, io.TextIOBase) else path
    text = path.read() if hasattr(path, "read") else text_of(path, remedy)
    try:
        _check_cells(text, [*dict.fromkeys([*columns, *key])], separator)
        table = pd.read_csv(io.StringIO(text), sep=separator, **options)
        _check_key(table, key)
    except (ValueError, csv.Error, OverflowError) as error:
        raise refused(named, error, remedy) from None
    check_numbers(named, table, table.columns if numbers is None else numbers, remedy)
    return table


def check_numbers(
    path: object,
    table: pd.DataFrame,
    names: Iterable[str],
    remedy: str = AGAIN,
    *,
    between: tuple[float, float] = (-np.finfo(float).max, np.finfo(float).max),
) -> None:
    """Refuse a table where columns, as far as they are there, hold something else than numbers.

    Parameters
    ----------
    path : object
        How it is named.
    table : DataFrame
        The table.
    names : iterable of str
        The columns, whose cells may be empty.
    remedy : str
        What to do about such a table.
    between : tuple of float
        The least and the greatest number that may be there.

    Raises
    ------
    SlicewiseError
        Naming the first such column.
    """
    import pandas as pd

    for name in table.columns.intersection(list(names)):
        column = table[name].dropna()
        if column.empty:
            continue
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            raise refused(path, f"column {name} holds something else than numbers", remedy)
        if not column.astype(float).between(*between).all():
            raise refused(path, f"column {name} holds a number that cannot be", remedy)


def _check_cells(text: str, columns: Collection[str], separator: str) -> None:
    """Refuse a table whose rows differ in length: pandas would shift or fill cells."""
    if not text.endswith("\n"):
        raise ValueError("it ends within a row" if text else "it is empty")
    if "\0" in text:
        raise ValueError("it holds zero bytes")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header = next(rows, [])
    if missing := [name for name in columns if name not in header]:
        raise ValueError(f"it has no column {', '.join(missing)}")
    if len(set(header)) < len(header):
        raise ValueError("two of its columns have one name")
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"line {rows.line_num} has {len(row)} cells of {len(header)}")


def _check_key(table: pd.DataFrame, key: Sequence[str]) -> None:
    if not key:
        return
    cells = table[list(key)]
    if cells.isna().to_numpy().any() or (cells == "").to_numpy().any():
        raise ValueError(f"a row has no {' or '.join(key)}")
    twice = cells[cells.duplicated()]
    if len(twice):
        raise ValueError(f"{', '.join(map(str, twice.iloc[0]))} is there twice")


def read_arrays(
    path: str | os.PathLike[str], names: Collection[str] = (), remedy: str = AGAIN
) -> dict[str, np.ndarray]:
    """Read the arrays of a stored ``.npz`` file.

    Raises
    ------
    SlicewiseError
        When it is damaged or lacks one of the names.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > most_unpacked(Path(path).stat().st_size):
            raise ValueError("it unpacks to more than such a file holds")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except UNREADABLE as error:
        raise refused(path, error, remedy) from None
    if missing := [name for name in names if name not in arrays]:
        raise refused(path, f"it has no {', '.join(missing)}", remedy)
    return arrays


ODD_ARRAY = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,  # a lone .npy file: no with block
    SyntaxError,
    IndexError,
    ArithmeticError,
    RecursionError,
    TokenError,  # of the text that tells a shape
    MemoryError,  # a shape of more than there is memory
)
"""What numpy's parser of headers, and Python's below it, take exception to."""
UNREADABLE = (
    *ODD_ARRAY,
    OSError,
    EOFError,
    NotImplementedError,  # a compression that Python does not know
    RuntimeError,  # a zip that says it is encrypted
    zipfile.BadZipFile,
    zlib.error,
)
"""What a damaged ``.npz`` file ends in."""
