"""What all stages share: the settings, the cases and their split, and where things lie."""

import functools
import hashlib
import os
import re
import shlex
import sys
import time
from pathlib import Path

from snakemake.path_modifier import PathModifier
from snakemake.settings.types import DeploymentMethod
from snakemake.sourcecache import LocalSourceFile
from snakemake.utils import min_version

min_version("9.0")

# As a module, this is not the folder of the main Snakefile; it may lie in a repository.
RULES = workflow.current_basedir
HOME = (
    Path(RULES.get_path_or_uri(secret_free=True)).absolute().parent
    if isinstance(RULES, LocalSourceFile)
    else None
)

try:
    from slicewise.sources import refuse_other_library

    if HOME is not None:
        refuse_other_library(HOME)
except Exception as error:
    # first, as nothing else need fit a library of another version
    here = HOME or RULES.join("..").get_path_or_uri(secret_free=True)
    remedy = f"pip install -e {shlex.quote(str(here))}"
    unfit = f", so the slicewise of {here} is not what is installed; {remedy}"
    print(f"error: {error}{unfit if isinstance(error, ImportError) else ''}", file=sys.stderr)
    sys.exit(1)

from slicewise import jobs, needs
from slicewise.backends import check_backend
from slicewise.config.configuration import read_configuration
from slicewise.config.load import load_settings, read_back
from slicewise.errors import SlicewiseError, explained
from slicewise.files import data_folder, expanded, refuse_unfit
from slicewise.job import sentence, warnings_said
from slicewise.retries import forget, has_failed, is_marked
from slicewise.sources import CONVERSION, LIBRARY, TRAINED_BY, code_digests, sources_of
from slicewise.study import Study, marks_beside
from slicewise.surroundings import check_image, check_writable, give_names, gpus_asked
from slicewise.syntax import syntax_of
from slicewise.dataset.columns import read_columns
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases, warn_of_shared, with_strata

STARTED = time.time()
# all jobs inherit it: what one of them said of MLflow, the next ones need not
os.environ.setdefault("SLICEWISE_RUN", f"{os.getpid()}-{STARTED}")
IN_BUCKET = workflow.storage_settings.default_storage_provider is not None
# Where the image of jobs lies; each job reads it again, too.
IMAGE = os.environ.get("SLICEWISE_IMAGE")


def given_on_command_line():
    """What `--config` says of this workflow, as a module of whatever key it is configured by."""
    given = workflow.config_settings.config
    if workflow.modifier.is_main_snakefile():
        return given
    main = workflow.modifier_stack[0].globals["config"]
    return next((given[key] for key in given if main.get(key) is config), {})


def results_root():
    """The folder of all results; the prefix of a module is put before it here.

    Snakemake would put it before inputs and outputs only, and jobs and records need it, too.
    """
    modifier = workflow.modifier
    root = modifier.path_modifier.replace_prefix("results")
    if Path(root).name != "results":
        raise SlicewiseError(
            f"module {modifier.namespace}: results cannot be called {root}; give the module a "
            "prefix, below which they lie in a folder results"
        )
    modifier.path_modifier = PathModifier(None, None, workflow)
    return root


try:
    give_names()
    if workflow.is_main_process:
        check_writable([Path(".snakemake"), *Path(".snakemake").glob("*/")])
    if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:
        check_image(IMAGE)
    # Of a training or a prediction. Each job reads it again, so no profile can say it.
    GPUS = gpus_asked(os.environ.get("SLICEWISE_GPUS", "1"))
    if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
        # the script beside environment.yml runs away from it, and asks for the lock by its digest
        lock = Path(workflow.source_path("../requirements.txt")).absolute()
        # from a repository, Snakemake brings it without the end of its last line
        pinned = lock.read_bytes().rstrip(b"\n") + b"\n"
        os.environ[f"SLICEWISE_LOCK_{hashlib.sha256(pinned).hexdigest()}"] = str(lock)
    DATA = data_folder()
    refuse_unfit([HOME or ""])
    check_backend()
    RESULTS = results_root()
    # each job reads these rules again
    if workflow.is_main_process:
        # of a key that stands twice, Snakemake took the last without a word
        read_configuration([Path(file) for file in workflow.configfiles])
    with warnings_said(workflow.is_main_process):
        read_back(config, given_on_command_line())
        settings = load_settings(config)
        there = find_cases(settings.dataset, DATA)
        refuse_unfit(path for case in there for path in (*case.image, *case.mask))
        split = split_cases(there, settings.split, DATA)
        columns = read_columns(there, settings, DATA)
        NEW = {}
        not_read = []
        if settings.segment is not None:
            # not at each start, and of each job: few runs are about new scans
            from slicewise.segmenting.scans import find_scans

            found = find_scans([expanded(settings.segment.scans, "segment.scans")])
            refuse_unfit(path for scan in found.scans for path in scan.sources)
            NEW = {scan.name: scan for scan in found.scans}
            if workflow.is_main_process:
                for line in found.aside:
                    print(line, file=sys.stderr)
            not_read = found.failures
        study = Study(settings, there, split, columns, scans=NEW, in_bucket=IN_BUCKET, root=RESULTS)
        study.starts.check()
        study.sweeps.check()
        # only shown; the split follows from them
        balanced = with_strata(columns, there, settings.split, DATA)
        if workflow.is_main_process:
            warn_of_shared(there, study.split)
    against = settings.split.check_against
    CHECK_AGAINST = [str(expanded(table, "split.check_against")) for table in against]
    refuse_unfit(CHECK_AGAINST)
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

result = study.result


def any_of(names):
    """A pattern of these names; where there is none, of nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


TRAINED = any_of(study.trainings.experiments)
ENSEMBLES = any_of(settings.ensembles)


wildcard_constraints:
    experiment=any_of(settings.named),
    sweep=any_of(settings.sweeps),
    rung=r"\d+",
    place=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    recipe="|".join(map(re.escape, settings.slices)),
    effort="quick|laptop|workstation|gpu",
    fold=r"\d+",
    case=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    shard=r"[A-Za-z0-9][A-Za-z0-9._-]*",


@functools.cache
def digests(script, templates, direct):
    name = f"scripts/{script}.py"
    path = HOME / name if HOME else Path(workflow.sourcecache.get_path(RULES.join(f"../{name}")))
    without = () if script == "convert" else CONVERSION
    shown = sorted(p for folder in templates for p in (LIBRARY / folder).glob("[!.]*"))
    reached = sources_of(path, LIBRARY, direct, without)
    return {name: syntax_of(path).digest, **code_digests([*reached, *shown])}


def code(script, *templates, direct=()):
    """Digests of a script, what it imports of the library, and templates, once a job needs them.

    They are a parameter and no input: an edit of what they do reruns, and neither a touch nor an
    edit of a comment does.
    """
    # in a bucket, what runs is the image's
    return lambda wildcards: {} if IN_BUCKET else digests(script, templates, direct)


def memory(mb):
    """Memory in MB of a job's first attempt; the next attempts get as much more each.

    But for one that only says again what is wrong with its input.
    """

    def asked(wildcards, attempt, rulename):
        once = mb(wildcards) if callable(mb) else mb
        return once if attempt > 1 and is_marked(log_of(rulename, wildcards)) else once * attempt

    return asked


def log_of(rulename, wildcards):
    """The log of a rule's job."""
    maker = next(each for each in workflow.rules if each.name == rulename)
    return str(maker.log[0].apply_wildcards(wildcards))


def source(path):
    """A file of the data set; with results in a bucket, it lies on a volume that all jobs mount."""
    if not IN_BUCKET:
        return str(path)
    # read once from start to end, so a link will do for a copy
    return access.sequential(storage.fs(str(path.resolve())))


@functools.cache
def file_of(kind, case):
    """The NIfTI file of a case's image or mask: its source, or what was made of it."""
    sources = getattr(study.cases[case], kind)
    if sources and not study.cases[case].needs_conversion:
        return source(sources[0])
    return result(f"cases/{case}/{kind}.nii.gz")


def files_of(kind, cases):
    """The NIfTI files of cases; a case that lacks its mask gets no further than ingest."""
    return [file_of(kind, case) for case in study.whole(cases)]


def files_of_scans(names):
    """The files of new scans, of one after the other."""
    return [source(path) for name in names for path in NEW[name].sources]


def told_scans(names):
    """What a job is told of new scans, whose files are its inputs."""
    return [
        jobs.ToldScan(
            name=name,
            files=len(NEW[name].sources),
            members=NEW[name].members,
            dicom=NEW[name].dicom,
        )
        for name in names
    ]


new_scans = jobs.Segment(
    title=f"{study.name}/{study.segmented.experiment}" if settings.segment is not None else "",
    scans=sorted(NEW),
    failures=not_read,
)


def predicted_by(wildcards):
    """The cases that a job of a prediction segments."""
    return study.predictions.cases_of(wildcards.experiment, wildcards.shard)


def converted_from(kind, cases):
    """The files that images or masks come from where these are no NIfTI files."""
    converted = [study.cases[case] for case in cases if study.cases[case].needs_conversion]
    return [source(path) for case in converted for path in getattr(case, kind)]


def in_bucket(paths):
    """Volumes that are inputs of a rule that depends on their records, where it has to fetch them."""
    return paths if IN_BUCKET else []


def by_path(paths):
    """The same volumes as a parameter, where a job finds them by their paths."""
    return [] if IN_BUCKET else paths
