"""What all stages share: the settings, the cases and their split, and where things lie."""

import functools
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

try:
    from slicewise.sources import refuse_other_library

    refuse_other_library(Path(workflow.basedir))
except Exception as error:
    # first, as nothing else need fit a library of another version
    here = workflow.basedir
    unfit = f", so the slicewise of {here} is not what is installed; pip install -e {here}"
    print(f"error: {error}{unfit if isinstance(error, ImportError) else ''}", file=sys.stderr)
    sys.exit(1)

from slicewise import jobs, needs, overview
from slicewise.backends import check_backend
from slicewise.config import load_settings
from slicewise.errors import SlicewiseError, explained
from slicewise.files import data_folder, expanded, refuse_braces, sweep_halves
from slicewise.job import errors_in, pass_on_stops, sentence, warnings_said
from slicewise.records import CODE, MAKES, VOLUMES, Asked, Look, code_of
from slicewise.sources import CONVERSION, TRAINED_BY, code_digests, sources_of
from slicewise.surroundings import check_writable, folders_of, give_names
from slicewise.dataset import shapes
from slicewise.dataset.finding import find_cases
from slicewise.dataset.shards import predicted_shards, shards
from slicewise.dataset.split import (
    held_out_cases,
    split_cases,
    training_cases,
    warn_of_shared,
)

STARTED = time.time()
# all jobs inherit it: what one of them said of MLflow, the next ones need not
os.environ.setdefault("SLICEWISE_RUN", f"{os.getpid()}-{STARTED}")
# Of a training or a prediction. Each job reads it again, so no profile can say it.
# 0 will not do: to Kubernetes that is a request, too.
GPUS = int(os.environ.get("SLICEWISE_GPUS", 1)) or None

try:
    give_names()
    if workflow.is_main_process:
        check_writable([Path(".snakemake"), *Path(".snakemake").glob("*/")])
    DATA = data_folder()
    refuse_braces([workflow.basedir])
    check_backend()
    # each job reads these rules again
    with warnings_said(workflow.is_main_process):
        settings = load_settings(config)
        CASES = {case.name: case for case in find_cases(settings.dataset, DATA)}
        refuse_braces(path for case in CASES.values() for path in (*case.image, *case.mask))
        SPLIT = {a.case: a for a in split_cases(list(CASES.values()), settings.split, DATA)}
        if workflow.is_main_process:
            warn_of_shared(CASES.values(), SPLIT)
    against = settings.split.check_against
    CHECK_AGAINST = [str(expanded(table, "split.check_against")) for table in against]
    refuse_braces(CHECK_AGAINST)
except SlicewiseError as error:
    # no WorkflowError: Snakemake would add our file and line, and print it on
    # standard output in a dry run
    print(sentence(error), file=sys.stderr)
    sys.exit(1)
except OSError as error:
    if explained(error) is None:
        raise
    print(f"error: {explained(error)}", file=sys.stderr)
    sys.exit(1)

DATASET = settings.dataset.name
RESULTS = f"results/{DATASET}"


def result(name):
    """A file below the results of the data set, with wildcards as rules have them."""
    return f"{RESULTS}/{name}"


FOLDS = range(settings.split.folds)
IN_BUCKET = workflow.storage_settings.default_storage_provider is not None
# of what was ingested
CONTENT = settings.dataset.content.once_read
# the cases that jobs share to ingest and cut them
SHARDS = shards(CASES.values(), SPLIT.values())
SHARD_OF = {case: shard for shard, members in SHARDS.items() for case in members}


wildcard_constraints:
    experiment="|".join(map(re.escape, settings.experiments)),
    recipe="|".join(map(re.escape, settings.slices)),
    fold=r"\d+",
    case=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    shard=r"[A-Za-z0-9][A-Za-z0-9._-]*",


def check_results():
    """Stop where this user cannot write results, and sweep what was left half-written there.

    Not in a dry run, to which it is enough to read them.
    """
    try:
        if not IN_BUCKET:
            check_writable(folders_of(Path("results"), DATASET))
            sweep_halves(Path("results") / DATASET)
            sweep_halves(Path("results"), deep=False)
    except SlicewiseError as error:
        print(sentence(error), file=sys.stderr)
        sys.exit(1)


@functools.cache
def digests(script, templates, direct):
    base = Path(workflow.basedir)
    path = base / "scripts" / f"{script}.py"
    library = base / "src" / "slicewise"
    without = () if script == "convert" else CONVERSION
    shown = sorted(p for folder in templates for p in (library / folder).glob("[!.]*"))
    return code_digests([path, *sources_of(path, library, direct, without), *shown])


def code(script, *templates, direct=()):
    """Digests of a script, what it imports of the library, and templates, once a job needs them.

    They are a parameter and no input: an edit of what they do reruns, and neither a touch nor an
    edit of a comment does.
    """
    # in a bucket, what runs is the image's
    return lambda wildcards: {} if IN_BUCKET else digests(script, templates, direct)


def memory(mb):
    """Memory in MB of a job's first attempt; the next attempts get as much more each."""
    if callable(mb):
        return lambda wildcards, attempt: mb(wildcards) * attempt
    return lambda wildcards, attempt: mb * attempt


@functools.cache
def size_of(case):
    """How large a case is, by its header: known before anything is opened or made."""
    return shapes.size_of(CASES[case], settings.dataset)


def sizes_of(cases):
    return [size_of(case) for case in cases]


def memory_to_train(wildcards):
    experiment = settings.experiments[wildcards.experiment]
    return needs.train(
        sizes_of(validation_cases_of(wildcards.fold)),
        experiment,
        [settings.slices[recipe] for recipe in recipes_of(wildcards.experiment)],
        len(CONTENT["labels"]),
        gpu=GPUS is not None,
    )


def memory_to_predict(wildcards):
    experiment = settings.experiments[wildcards.experiment]
    return needs.predict(
        sizes_of(predicted_by(wildcards)),
        experiment,
        settings.slices[experiment.slices],
        len(CONTENT["labels"]),
        len(FOLDS),
    )


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
    return f"{RESULTS}/cases/{case}/{kind}.nii.gz"


def files_of(kind, cases):
    return [file_of(kind, case) for case in cases]


def in_bucket(paths):
    """Volumes that are inputs of a rule that depends on their records, where it has to fetch them."""
    return paths if IN_BUCKET else []


def by_path(paths):
    """The same volumes as a parameter, where a job finds them by their paths."""
    return [] if IN_BUCKET else paths


def converted_from(kind, cases):
    """The files that images or masks come from where these are no NIfTI files."""
    found = [CASES[case] for case in cases if CASES[case].needs_conversion]
    return [source(path) for case in found for path in getattr(case, kind)]


def trained_on(fold):
    return training_cases(SPLIT.values(), int(fold), len(FOLDS))


def validation_cases_of(fold):
    return held_out_cases(SPLIT.values(), int(fold), len(FOLDS))


def models_for(case):
    """The folds whose models predict a case: all for a test case, else the one that held it out."""
    if SPLIT[case].subset == "test":
        return list(FOLDS)
    return [SPLIT[case].fold or 0]


def recipes_of(experiment):
    """The slice recipes that an experiment trains on; the first is what it predicts."""
    return [settings.experiments[experiment].slices, *settings.experiments[experiment].also]


def case_records_of(cases):
    """The files that hold the case records of these cases, and of others of their shards."""
    members = dict.fromkeys(SHARD_OF[case] for case in cases)
    return [f"{RESULTS}/cases/_shards/{shard}.json" for shard in members]


def slices_of(recipe, cases):
    """The files that stand for the slices of these cases, and of others of their shards."""
    members = dict.fromkeys(SHARD_OF[case] for case in cases)
    return [f"{RESULTS}/slices/{recipe}/_shards/{shard}.json" for shard in members]


@functools.cache
def shards_of(experiment):
    """The cases that each job of a prediction segments, by the name of their shard."""
    size = settings.experiments[experiment].prediction.chunk
    return predicted_shards(SCORED, size, alone=IN_BUCKET)


def predicted_by(wildcards):
    return shards_of(wildcards.experiment)[wildcards.shard]


def folds_of_shard(wildcards):
    return sorted({fold for case in predicted_by(wildcards) for fold in models_for(case)})


def predictions_of(experiment, cases):
    return [f"{RESULTS}/{experiment}/predictions/{case}.nii.gz" for case in cases]


def prediction_records_of(experiment):
    """The files that stand for the predictions of an experiment."""
    folder = f"{RESULTS}/{experiment}/predictions/_shards"
    return [f"{folder}/{shard}.json" for shard in shards_of(experiment)]


def prediction_record_of(experiment, case):
    """The file that stands for the prediction of one case."""
    records = prediction_records_of(experiment)
    members = shards_of(experiment).values()
    return next(path for path, cases in zip(records, members) if case in cases)


# Of these Snakemake takes no `rules.train.output` where results lie in a bucket: it expands no
# path that carries the bucket.
def of_folds(name, wildcards, folds=FOLDS):
    """A file of each fold of an experiment."""
    return [f"{RESULTS}/{wildcards.experiment}/fold-{fold}/{name}" for fold in folds]


def of_wanted(name, **more):
    """A file of each experiment that is to be made."""
    return expand(f"{RESULTS}/{{experiment}}/{name}", experiment=settings.wanted, **more)


def training_settings(wildcards):
    experiment = settings.experiments[wildcards.experiment]
    return {
        # how predictions are shared out changes no result, so it must not retrain
        "experiment": experiment.model_dump(exclude={"prediction"}),
        "recipe": settings.slices[experiment.slices].model_dump(),
        "content": CONTENT,
        "train": trained_on(wildcards.fold),
        "validation_cases": validation_cases_of(wildcards.fold),
        # each patient counts once in the validation; what may choose is not scored by it
        "validation": {
            "may_select": len(FOLDS) == 1,
            "patients": {case: SPLIT[case].patient for case in validation_cases_of(wildcards.fold)},
        },
        # of each training case: scoring refuses all cases of a patient who was trained on
        "patients": {case: SPLIT[case].patient for case in trained_on(wildcards.fold)},
        "also": [settings.slices[recipe].model_dump() for recipe in experiment.also],
        "folds": len(FOLDS),
    }


# Test cases, and the cases that some model was not trained on (which validate it).
SCORED = sorted(
    case
    for case, place in SPLIT.items()
    if place.subset != "train" or (len(FOLDS) > 1 and place.fold is not None)
)
SCORED_CASES = [
    # of each fold, what it holds out validates it
    replace(SPLIT[case], subset="test" if SPLIT[case].subset == "test" else "validation").dump()
    for case in SCORED
]


LOOK = Look()
REMARKED = set()


def look_at_records():
    """Make jobs run again whose results say that they were made from something else.

    Snakemake compares only what it has noted below .snakemake, which the commonest remedies
    delete, and with some of its options not even that. Done once, not in each job.
    """
    if workflow.is_main_process and not IN_BUCKET:
        for each in workflow.rules:
            # what is asked for by its name was made by another job
            if each.output and each.name != "prediction":
                # asked for each job of a run before any of them starts; it names no file
                each.set_input(record=look_before(each))


def look_before(maker):
    """Return the input function that compares the record of a rule's job with what is asked for."""

    def given(name, wildcards):
        found = maker.input.get(name, [])
        for item in found if isinstance(found, list) else [found]:
            if callable(item) or getattr(item, "callable", None):
                made = maker.apply_input_function(item, wildcards)[0]
                yield from [made] if isinstance(made, str) else map(str, made)
            else:
                yield str(item.apply_wildcards(wildcards))

    def compare(wildcards):
        made = [path.apply_wildcards(wildcards) for path in maker.output]
        outputs = [str(path) for path in made]
        params = {name: maker.params.get(name) for name in ("cfg", MAKES, *CODE)}
        told = {name: p(wildcards) if callable(p) else p for name, p in params.items()}
        volumes = {name: [*given(name, wildcards)] for name in VOLUMES}
        asked = Asked(
            outputs,
            told["cfg"],
            code_of(told),
            volumes,
            [str(path.apply_wildcards(wildcards)) for path in maker.input if is_ancient(path)],
            told[MAKES] or [],
        )
        why = LOOK.stale_because(asked)
        if not why and not workflow.persistence.metadata(made[0]):
            # without its notes, Snakemake goes by the times of files alone
            timed = [str(maker.benchmark.apply_wildcards(wildcards))] if maker.benchmark else []
            LOOK.keep(outputs, sum(volumes.values(), []), timed)
        if why:
            # of these, Snakemake takes those whose jobs are part of the run anyway
            workflow.dag.forcefiles.update(outputs)
            if maker.name not in REMARKED:
                so = (
                    "which no touch changes"
                    if workflow.touch
                    else "so it and its like are made again"
                )
                print(f"{outputs[0]}: {why}, {so}", file=sys.stderr)
                REMARKED.add(maker.name)
        if any(path in workflow.dag.targetfiles and not Path(path).exists() for path in outputs):
            # A model that is asked for by its name waits for the leakage check, which is
            # `ancient`. While that is made again, Snakemake overlooks that the model is missing
            # (snakemake#4166).
            workflow.dag.forcefiles.update(given("plan", wildcards))
        return []

    return compare


def is_ancient(path):
    return isinstance(path, str) and bool(getattr(path, "flags", {}).get("ancient"))


def print_overview(experiments=settings.wanted):
    # not at the start: each job reads these rules, and none needs it
    from slicewise.tracking import pending_runs

    results = Path("results")
    pending = pending_runs(results, DATASET)
    for line in overview.lines(results / DATASET, experiments, pending):
        print(line, file=sys.stderr)


def scored_experiments():
    """The experiments whose scores are those of the settings: made now, or not due."""
    dag = workflow.dag
    found = {
        job.wildcards.experiment
        for job in dag.jobs
        if job.rule.name == "evaluate" and (dag.finished(job) or not dag.needrun(job))
    }
    return [name for name in settings.wanted if name in found]


def print_errors():
    # what is scored is known, whatever failed after it
    print_overview(scored_experiments())
    errors = errors_in((Path("results") / DATASET / "logs").rglob("*.log"), STARTED)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)


def kept_of(experiments):
    """What people keep beside the pages: a run makes again what was deleted of it."""
    if IN_BUCKET:
        return []  # it would all be fetched
    models = ("model.keras", "history.csv", "config.yaml")
    each = [f"fold-{fold}/{name}" for fold in FOLDS for name in models]
    each += ["metrics.tsv", "summary.json", "figures/curves.png"]
    tables = ["split.tsv", "cases.tsv", "comparison.tsv", "comparison_cases.tsv"]
    names = [*tables, *(f"{one}/{name}" for one in experiments for name in each)]
    shards = [path for name in experiments for path in prediction_records_of(name)]
    return [*shards, *(f"{RESULTS}/{name}" for name in names)]


def jobs_of(experiment):
    """The names of the jobs that led to an experiment's scores, by rule, where there are several."""
    folds = [f"fold-{fold}" for fold in FOLDS]
    return {
        **dict.fromkeys(("ingest", "slices"), list(SHARDS)),
        **dict.fromkeys(("plan", "train"), folds),
        "convert": [case for case in CASES if CASES[case].needs_conversion],
        "phantom": list(CASES) if settings.dataset.layout == "phantom" else [],
        "predict": list(shards_of(experiment)),
    }
