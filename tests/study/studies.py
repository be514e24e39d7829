"""Studies of phantoms, of which no file is there."""

from pathlib import Path

from slicewise.config import load_settings
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.study import Study

NOWHERE = Path("no folder: phantoms need none")


def config(cases: int = 9, folds: int = 3, **keys) -> dict:
    return {
        "dataset": {
            "name": "ct",
            "layout": "phantom",
            "labels": {"liver": 1},
            "other_labels": "background",
            "phantom": {"cases": cases, "size": 64, "slices": [16, 20]},
        },
        "split": {"test": 0.25, "folds": folds},
        "slices": {"axial64": {"size": 64}, "coronal64": {"plane": "coronal", "size": 64}},
        "experiments": {
            "one": {"slices": "axial64", "also": ["coronal64"], "prediction": {"chunk": 2}},
            "two": {"slices": "coronal64"},
        },
        "run": ["one"],
        **keys,
    }


def study_of(*, in_bucket: bool = False, **keys) -> Study:
    loaded = load_settings(config(**keys))
    cases = find_cases(loaded.dataset, NOWHERE)
    return Study(loaded, cases, split_cases(cases, loaded.split, NOWHERE), in_bucket=in_bucket)


def planned_study(**keys) -> Study:
    planned = {"preset": "auto", "effort": "laptop", "training": {"epochs": 3}}
    experiments = {"one": {"slices": "axial64"}, "made": planned}
    return study_of(experiments=experiments, run=["made"], **keys)


def swept(large: tuple[int, int] = (32, 64), **keys) -> Study:
    """A study of an experiment that is the best of four, with another seed."""
    tried = {"network.filters": [[4, 8], [*large]], "training.batch": [2, 4], "budget": 15}
    tuned = {"slices": "axial64", "training": {"epochs": 60, "seeds": [5, 6]}, "sweep": tried}
    return study_of(folds=1, experiments={"tuned": tuned}, run=None, **keys)


def starting(start_from: str, folds: int = 3, **also: str) -> Study:
    """Return a study whose experiment two starts from a model."""
    experiments = config()["experiments"]
    experiments["two"]["training"] = {"start_from": start_from}
    if "one" in also:
        experiments["one"]["training"] = {"start_from": also["one"]}
    return study_of(folds=folds, experiments=experiments, run=["two"])
