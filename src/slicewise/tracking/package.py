"""What MLflow stores of a model so that it can be used anywhere: files, code, requirements.

The model is stored as MLflow's generic "python function": the ``.keras`` files
as they are and the name of the module that loads them. So nothing is pickled,
and neither Keras nor a model is loaded to store one. The code is one archive,
as a server is asked for each file by itself.
"""

from __future__ import annotations

import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import slicewise
from slicewise import backends
from slicewise.sources import imports_of

SERVING = "slicewise.inference.serving"
LOADER = "slicewise_model"
ARCHIVE = "slicewise.zip"
LOADING = f'''"""Loads the models that are stored here, by the code that is stored with them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("{ARCHIVE}")))

from {SERVING} import _load_pyfunc  # noqa: E402, F401
'''
"""MLflow puts the folder of this file into the path of modules, and no archives."""
CODE = Path(slicewise.__file__).parent
EPOCH = (1980, 1, 1, 0, 0, 0)
"""When all that is in the archive was changed, so that the same code gives the same bytes."""
BACKENDS = {"tensorflow", "jax", "torch"}
"""Any of them runs a model; the one that is needed is the one that made it."""


@contextmanager
def gathered(models: Mapping[str, Path]) -> Iterator[Path]:
    """Give a folder that holds several models, for the time of storing them.

    Parameters
    ----------
    models : mapping from name to Path
        Finished models, of an ensemble with what says how they are weighed; the folder has
        ``<name>.keras`` for each, a link, or ``<name>.json``.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder) / "models"
        place.mkdir()
        for name, path in models.items():
            (place / f"{name}{path.suffix}").symlink_to(path.resolve())
        yield place


def package_options(models: Path, place: Path, labels: Sequence[str] = ()) -> dict[str, Any]:
    """Return how to store finished models as one MLflow model.

    Parameters
    ----------
    models : Path
        A finished model (``.keras``), or a folder with nothing but such: their
        mean probability is taken.
    place : Path
        A folder for the code, which is copied from there.
    labels : sequence of str
        Names of the labels, to describe what comes out.

    Returns
    -------
    dict
        Arguments of ``mlflow.pyfunc.save_model`` and ``log_model``, and of
        ``mlflow.models.Model.log(flavor=mlflow.pyfunc, ...)``, which needs no
        active run.
    """
    # an example would hold a path that exists nowhere else, and MLflow would run the model on it
    warnings.filterwarnings("ignore", ".*An input example was not provided", module="mlflow")
    return {
        "loader_module": LOADER,
        "data_path": str(models),
        "code_paths": [str(path) for path in write_code(place)],
        "signature": signature(labels),
        "pip_requirements": requirements(),
    }


def write_code(place: Path) -> list[Path]:
    """Write what loads and runs a model: a module, and an archive of what that imports.

    Parameters
    ----------
    place : Path
        The folder.

    Returns
    -------
    list of Path
        The two files, the same bytes for the same code.
    """
    module = place / f"{LOADER}.py"
    module.write_text(LOADING, encoding="utf-8")
    archive = place / ARCHIVE
    with zipfile.ZipFile(archive, "w") as stream:
        for path in _reached(SERVING)[0]:
            entry = zipfile.ZipInfo(path.relative_to(CODE.parent).as_posix(), EPOCH)
            stream.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return [module, archive]


def signature(labels: Sequence[str] = ()) -> Any:
    """Return the MLflow signature of a model.

    Columns are of any type, because an image is a path or an array. MLflow
    looks into neither, whereas it would copy a column of declared arrays
    number by number.

    Parameters
    ----------
    labels : sequence of str
        Names of the labels, to describe what comes out.

    Returns
    -------
    mlflow.models.ModelSignature
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema(
            [
                ColSpec(AnyType(), "image"),
                *(ColSpec(AnyType(), name, False) for name in ("mask", "spacing", "affine")),
            ]
        ),
        outputs=Schema(
            [
                ColSpec(AnyType(), "mask"),
                *(ColSpec(DataType.double, f"{label}_ml") for label in labels),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("overwrite", DataType.boolean, False),
                ParamSpec("offset", DataType.long, 0),
            ]
        ),
    )


def requirements() -> list[str]:
    """Return the packages that a model needs, as ``name==version`` of those installed here.

    Found in the imports of the module that loads it. Of the backends of Keras
    there is the one in use here. slicewise itself is not among them, as its
    code is stored with the model.
    """
    distributions = _distributions()
    imported = _reached(SERVING)[1] - BACKENDS | {backends.chosen()}
    needed = {name for top in imported for name in distributions.get(top, [])}
    return sorted(f"{name}=={version(name)}" for name in needed)


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Return the packages that bring what can be imported; looked up once for all models."""
    return packages_distributions()


@cache
def _reached(start: str) -> tuple[list[Path], frozenset[str]]:
    """Return the files of slicewise that a module imports, sorted, and the outside packages."""
    files: set[Path] = set()
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        path = CODE.parent.joinpath(*module.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not module.startswith("slicewise") or not file.is_file():
            continue  # of others, or not a module but a name in one
        files.add(file)
        waiting.append(module.rpartition(".")[0] or module)
        waiting += imports_of(file)
    tops = {module.partition(".")[0] for module in seen}
    return sorted(files), frozenset(tops - sys.stdlib_module_names - {"slicewise"})
