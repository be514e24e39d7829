"""What MLflow stores of a model so that it can be used anywhere: files, code, requirements.

The model is stored as MLflow's generic "python function": the ``.keras`` files
as they are and the name of the module that loads them. So nothing is pickled,
and neither Keras nor a model is loaded to store one.
"""

from __future__ import annotations

import sys
import warnings
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

LOADER = "slicewise.inference.serving"
CODE = Path(slicewise.__file__).parent
BACKENDS = {"tensorflow", "jax", "torch"}
"""Any of them runs a model; the one that is needed is the one that made it."""


@contextmanager
def gathered(models: Mapping[str, Path]) -> Iterator[Path]:
    """Give a folder that holds several models, for the time of storing them.

    Parameters
    ----------
    models : mapping from name to Path
        Finished models; the folder has ``<name>.keras`` for each, a link.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder) / "models"
        place.mkdir()
        for name, path in models.items():
            (place / f"{name}.keras").symlink_to(path.resolve())
        yield place


def package_options(models: Path, labels: Sequence[str] = ()) -> dict[str, Any]:
    """Return how to store finished models as one MLflow model.

    Parameters
    ----------
    models : Path
        A finished model (``.keras``), or a folder with nothing but such: their
        mean probability is taken.
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
        "code_paths": [str(CODE)],
        "signature": signature(labels),
        "pip_requirements": requirements(),
    }


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
    imported = _imported(LOADER) - BACKENDS | {backends.chosen()}
    needed = {name for top in imported for name in distributions.get(top, [])}
    return sorted(f"{name}=={version(name)}" for name in needed)


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Return the packages that bring what can be imported; looked up once for all models."""
    return packages_distributions()


@cache
def _imported(start: str) -> frozenset[str]:
    """Return the outside packages that a module imports, itself or through others of slicewise."""
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
        waiting.append(module.rpartition(".")[0] or module)
        waiting += imports_of(file)
    tops = {module.partition(".")[0] for module in seen}
    return frozenset(tops - sys.stdlib_module_names - {"slicewise"})
