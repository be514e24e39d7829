"""What all stages share: the settings, the cases and their split, and where things lie."""

import functools
import os
import re
import sys
import time
from pathlib import Path

from slicewise import overview
from slicewise.config import load_settings
from slicewise.errors import SlicewiseError
from slicewise.job import errors_in, sentence
from slicewise.sources import sources_of
from slicewise.volumes.layouts import find_cases
from slicewise.volumes.split import (
    batches,
    chunks,
    held_out_cases,
    split_cases,
    training_cases,
)

STARTED = time.time()
# all jobs inherit it: what one of them said of MLflow, the next ones need not
os.environ.setdefault("SLICEWISE_RUN", f"{os.getpid()}-{STARTED}")
DATA = Path(os.environ.get("SLICEWISE_DATA", "data"))
# Of a training or a prediction. Each job reads it again, so no profile can say it.
# 0 will not do: to Kubernetes that is a request, too.
GPUS = int(os.environ.get("SLICEWISE_GPUS", 1)) or None

try:
    settings = load_settings(config)
    CASES = {case.name: case for case in find_cases(settings.dataset, DATA)}
    SPLIT = {a.case: a for a in split_cases(list(CASES.values()), settings.split)}
except SlicewiseError as error:
    # no WorkflowError: Snakemake would add our file and line, and print it on
    # standard output in a dry run
    print(sentence(error), file=sys.stderr)
    sys.exit(1)

DATASET = settings.dataset.name
FOLDS = range(settings.split.folds)
IN_BUCKET = workflow.storage_settings.default_storage_provider is not None
CONTENT = settings.dataset.content.model_dump()
BATCHES = batches(CASES.values(), SPLIT.values())
BATCH_OF = {case: batch for batch, members in BATCHES.items() for case in members}


wildcard_constraints:
    dataset=re.escape(DATASET),
    experiment="|".join(map(re.escape, settings.experiments)),
    recipe="|".join(map(re.escape, settings.slices)),
    fold=r"\d+",
    case=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    batch=r"(train|test|case)-[A-Za-z0-9._-]+",


@functools.cache
def code(script, *templates, direct=()):
    """A script, what it imports of the library, and templates: an edit reruns, a touch does not."""
    if IN_BUCKET:
        return []  # what runs is the image's
    # relative, so that a workflow that was moved as a whole has nothing to rerun
    base = Path(os.path.relpath(workflow.basedir))
    path, library = base / "scripts" / f"{script}.py", base / "src" / "slicewise"
    shown = sorted(p for folder in templates for p in (library / folder).glob("[!.]*"))
    return [str(p) for p in (path, *sources_of(path, library, direct), *shown)]


def memory(mb):
    """Memory in MB of a job's first attempt; the next attempts get as much more each."""
    return lambda wildcards, attempt: mb * attempt


def source(path):
    """A file of the data set; with results in a bucket, it lies on a volume that all jobs mount."""
    if not IN_BUCKET:
        return str(path)
    # read once from start to end, so a link will do for a copy
    return access.sequential(storage.fs(str(path.resolve())))


@functools.cache
def file_of(kind, case):
    """The NIfTI file of a case's image or mask: its source, or what was made of it."""
    sources = getattr(CASES[case], kind)
    if sources and not CASES[case].needs_conversion:
        return source(sources[0])
    return f"results/{DATASET}/cases/{case}/{kind}.nii.gz"


def converted_from(kind, cases):
    """The files that images or masks come from where these are no NIfTI files."""
    found = [CASES[case] for case in cases if CASES[case].needs_conversion]
    return [source(path) for case in found for path in getattr(case, kind)]


def trained_on(fold):
    return training_cases(SPLIT.values(), int(fold), len(FOLDS))


def watched_by(fold):
    return held_out_cases(SPLIT.values(), int(fold), len(FOLDS))


def models_for(case):
    """The folds whose models predict a case: all for a test case, else the one that held it out."""
    if SPLIT[case].subset == "test":
        return list(FOLDS)
    return [SPLIT[case].fold or 0]


def recipes_of(experiment):
    """The slice recipes that an experiment trains on; the first is what it predicts."""
    return [settings.experiments[experiment].slices, *settings.experiments[experiment].also]


def passports_of(cases):
    """The files that hold the passports of these cases, and of others of their batches."""
    found = dict.fromkeys(BATCH_OF[case] for case in cases)
    return [f"results/{DATASET}/cases/_batches/{batch}.json" for batch in found]


def slices_of(recipe, cases):
    """The files that stand for the slices of these cases, and of others of their batches."""
    found = dict.fromkeys(BATCH_OF[case] for case in cases)
    return [f"results/{DATASET}/slices/{recipe}/_batches/{batch}.json" for batch in found]


def training_settings(wildcards):
    experiment = settings.experiments[wildcards.experiment]
    return {
        # how predictions are batched changes no result, so it must not retrain
        "experiment": experiment.model_dump(exclude={"prediction"}),
        "recipe": settings.slices[experiment.slices].model_dump(),
        "content": CONTENT,
        "train": trained_on(wildcards.fold),
        "watched": watched_by(wildcards.fold),
        "folds": len(FOLDS),
    }


# Test cases, and the cases that some model was not trained on (which validate it).
SCORED = sorted(
    case
    for case, place in SPLIT.items()
    if place.subset != "train" or (len(FOLDS) > 1 and place.fold is not None)
)
SCORED_CASES = [
    [a.case, a.patient, "test" if a.subset == "test" else "validation", a.fold]
    for a in map(SPLIT.get, SCORED)
]


def print_overview():
    # not at the start: each job reads these rules, and none needs it
    from slicewise.tracking import pending_runs

    results = Path("results")
    pending = pending_runs(results, DATASET)
    for line in overview.lines(results / DATASET, settings.wanted, pending):
        print(line, file=sys.stderr)


def print_errors():
    errors = errors_in((Path("results") / DATASET / "logs").rglob("*.log"), STARTED)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)


def jobs_of(experiment):
    """The names of the jobs that led to an experiment's scores, by rule, where there are several."""
    parts = chunks(SCORED, settings.experiments[experiment].prediction.chunk)
    folds = [f"fold-{fold}" for fold in FOLDS]
    return {
        **dict.fromkeys(("phantom", "ingest", "slices"), list(BATCHES)),
        **dict.fromkeys(("plan", "train"), folds),
        "convert": [case for case in CASES if CASES[case].needs_conversion],
        "predict": [str(number) for number in parts],
    }
