"""Before and after a run: what is compared with its records, swept, and told."""

import base64
from collections import Counter
from contextlib import suppress

from snakemake.cli import get_argument_parser
from snakemake.io import is_callable, is_flagged
from snakemake.iocontainers import Wildcards

from slicewise import asked, overview
from slicewise.calm import FULL, Watch, leave_to_the_table
from slicewise.causes import by_cause
from slicewise.files import sweep_halves
from slicewise.job import errors_in, pass_on_stops, stopped_because
from slicewise.records import CODE, MAKES, STAMPED, Asked, Look, code_of, inputs_of, made_at
from slicewise.surroundings import folders_of
from slicewise.wording import some

LOOK = Look()
WATCH = Watch()
STALE = []
WHY = {}
"""By the first file of a job that is made again, what its record or its log says of it."""
REMARKED = set()
PUT_BACK = ("propose", "plan")
"""Of which rules the output is put back where settings are: a plan decides what is trained. What the
first makes the second reads."""
NAMES = {}
"""Of the rules that lie here, by what a workflow calls them that uses this one as a module."""


def note_rules():
    """Note which of the rules of the run are our own."""
    for name, proxy in rules._rules.items():
        maker = proxy.rule
        # what was left out, or was replaced, is no part of the run
        if workflow._rules.get(maker.name) is maker:
            NAMES[maker.name] = name


def is_our_own():
    """Tell whether this is the process and the workflow that somebody started, and not a module."""
    ours = HOME is not None and Path(workflow.main_snakefile).absolute() == HOME / "Snakefile"
    return workflow.is_main_process and ours


def tell_of_profile():
    """Say what a run without our profile does more than it need do; its results are right."""
    if "code" in map(str, workflow.rerun_triggers):
        print(
            "no profile of slicewise: comments edited in scripts and volumes touched make jobs run "
            "again, and the first bad case ends the run; profiles/default/config.yaml spares that",
            file=sys.stderr,
        )


def check_asked():
    """Refuse targets and rules that are not there, and say which configuration is run.

    Before Snakemake plans: it would answer with names of exceptions, or not at all. A workflow
    that uses this one as a module has targets of its own.
    """
    if not is_our_own():
        return
    options = workflow.resource_settings
    files = [str(path) for path in workflow.config_settings.configfiles or ()]
    configuration = asked.configured_by(files, sys.argv)
    known = {each.name: sorted(each.wildcard_names) for each in workflow.rules}
    known["all"] = []  # which is read after these
    changed = {
        "--set-resources": options.overwrite_resources,
        "--set-threads": options.overwrite_threads,
    }
    try:
        asked.refuse_rules(changed, known)
        if not IN_BUCKET:
            given = command_line()
            asked.refuse_targets(
                targets_asked(given, known), known, is_made, study.wanted.targets(), configuration
            )
            if given and given.report and not given.targets:
                asked.refuse_report(study.wanted.pages(), os.path.exists, configuration)
    except SlicewiseError as error:
        print(sentence(error), file=sys.stderr)
        sys.exit(1)
    if files:
        line = asked.introduction(configuration, len(there), settings.wanted, study.results)
        print(line, file=sys.stderr)


def command_line():
    """What the command line says, if it is one of Snakemake.

    Snakemake has read it, and tells a workflow only after it has read these rules.
    """
    if Path(sys.argv[0]).name != "snakemake":
        return None
    return get_argument_parser().parse_args(sys.argv[1:])


def targets_asked(given, known):
    """The rules and files that the command line asks for."""
    if given is None:
        return set()
    # these take a rule of any kind
    also = {*(given.until or ()), *(given.omit_from or ()), *(given.forcerun or ())} - known.keys()
    named = {*(given.targets or ()), *also}
    kept = {name for name in named if name in known or os.path.isabs(name)}
    return {*kept, *map(os.path.relpath, named - kept)}


def is_made(path):
    """Tell whether some rule makes a file, of cases, folds and experiments that are there."""
    matches = (made.match(path) for each in workflow.rules for made in each.products())
    return any(match and study.knows(match.groupdict()) for match in matches)


def wants_all():
    """Tell whether somebody asks for what Snakemake writes, or for less of it."""
    said = workflow.output_settings
    asked_for = said.verbose or said.quiet or said.printshellcmds or said.show_failed_logs
    return asked_for or os.environ.get(FULL) == "full"


def show_calmly():
    """Show how far the run is, instead of every job with all its files.

    Whoever asks for more, or for less, gets what Snakemake writes.
    """
    logs = workflow.logger_manager.get_logfile()
    if wants_all() or not is_our_own() or not logs:
        return
    totals = Counter(NAMES.get(job.rule.name, job.rule.name) for job in needed_jobs())
    WATCH.begin(workflow.logger_manager.logger, logs[0], totals, NAMES)


def join_in(name, handler):
    """Do as a module what is done before or after a run, beside what the workflow does itself."""
    # what takes over a single rule, which this file is read again for, has this done already
    if workflow.modifier.is_main_snakefile() or "compare" not in NAMES.values():
        return
    before = getattr(workflow, name)

    def both(log):
        before(log)
        handler(log)

    setattr(workflow, name, both)


def check_results():
    """Stop where this user cannot write results, and sweep what was left half-written there.

    Not in a dry run, to which it is enough to read them.
    """
    try:
        if not IN_BUCKET:
            check_writable(folders_of(Path(RESULTS), study.name))
            sweep_halves(Path(RESULTS) / study.name)
            sweep_halves(Path(RESULTS), deep=False)
    except SlicewiseError as error:
        print(sentence(error), file=sys.stderr)
        sys.exit(1)


def look_at_records():
    """Make jobs run again whose results say that they were made from something else.

    Snakemake compares only what it has noted below .snakemake, which the commonest remedies
    delete, and with some of its options not even that. Done once, not in each job.
    """
    if workflow.is_main_process and not IN_BUCKET:
        for each in workflow.rules:
            name = NAMES.get(each.name)
            # what is asked for by its name was made by another job
            if name and each.output and name != "prediction":
                # asked for each job of a run before any of them starts; it names no file
                each.set_input(record=look_before(each))


def ask_all_for_reasons():
    """Have Snakemake ask jobs for their own reasons, too, that wait for what is made again.

    Whatever comes after a job that is to be done, it asks for none, as if it followed from that. What
    only waits for an `ancient` file does not: it, and all that is made from it, stayed as it was,
    whatever had changed (snakemake#4166).
    """
    dag = workflow.dag
    update_all, walk = dag.update_needrun, dag.bfs

    def follows(job, after):
        files = dag.depending[job][after]
        return not all(path.is_ancient and os.path.exists(path) for path in files)

    def walk_what_follows(direction, *jobs, **how):
        if direction is not dag.depending:
            yield from walk(direction, *jobs, **how)
            return
        seen = [*jobs]
        known = {*jobs}
        for job in seen:
            yield job
            later = [each for each in direction[job] if each not in known and follows(job, each)]
            seen += later
            known.update(later)

    async def update_needrun(*given, **named):
        dag.bfs = walk_what_follows
        try:
            return await update_all(*given, **named)
        finally:
            dag.bfs = walk

    dag.update_needrun = update_needrun


def look_before(maker):
    """Return the input function that compares the record of a rule's job with what is asked for."""

    def compare(wildcards):
        # there is no graph of jobs before
        if "update_needrun" not in vars(workflow.dag):
            ask_all_for_reasons()
        made, asked = asked_of(maker, wildcards)
        outputs = asked.outputs
        put_back_plans(NAMES[maker.name], wildcards)
        why = stale_because(NAMES[maker.name], made, asked)
        log = log_of(maker.name, wildcards)
        failed = has_failed(log)
        there = is_all_there(asked)
        if not why and there and (failed or is_noted_wrongly(made, asked)):
            # its record holds: what made it due may have been taken back, and Snakemake has noted
            # the job that failed; or results were put back, or renamed
            for path in made:
                workflow.persistence.cleanup_metadata(path)
            forget(log)
        if not why and not workflow.persistence.metadata(made[0]):
            # without its notes, Snakemake goes by the times of files alone
            timed = [str(maker.benchmark.apply_wildcards(wildcards))] if maker.benchmark else []
            LOOK.keep(outputs, sum(asked.volumes.values(), []), timed)
        if why:
            # of these, Snakemake takes those whose jobs are part of the run anyway
            workflow.dag.forcefiles.update(outputs)
            STALE.append((maker, wildcards))
            WHY[outputs[0]] = why
            if maker.name not in REMARKED:
                so = (
                    "which no touch changes"
                    if workflow.touch
                    else "so it and its like are made again"
                )
                print(f"{outputs[0]}: {why}, {so}", file=sys.stderr)
                REMARKED.add(maker.name)
        if failed and not there:
            # Snakemake does not miss what only other results are made from, which are there: it
            # would find nothing to do, and what was made before the fault would stand
            workflow.dag.forcefiles.update(outputs)
            WHY[outputs[0]] = "its job failed"
        if any(path in workflow.dag.targetfiles and not Path(path).exists() for path in outputs):
            # A model that is asked for by its name waits for the leakage check, which is
            # `ancient`. While that is made again, Snakemake overlooks that the model is missing
            # (snakemake#4166).
            workflow.dag.forcefiles.update(given(maker, "plan", wildcards))
        if NAMES[maker.name] in ("train", "rung"):
            part, at, named = trained_by(NAMES[maker.name], wildcards)
            led = functools.partial(part.led_to, *at)
            waits = functools.partial(part.waits_for, *at)
            workflow.dag.forcefiles.update(slices_due(named, led))
            workflow.dag.forcefiles.update(plans_overlooked(named, outputs, waits))
        return []

    return compare


def is_noted_wrongly(made, asked):
    """Tell whether Snakemake has noted another job than the one that has made what is there.

    So it is where results are put back from a copy, or get the name of others; and where a job was
    killed: what it was to `update` Snakemake puts back, and notes it as if the job had made it.
    """
    noted = workflow.persistence.metadata(made[0])
    told = getattr(noted, "params", None)
    if told and asked.settings is not None and repr(asked.settings) not in told:
        return True
    read = getattr(noted, "input_checksums", None) or {}
    for path, sha in inputs_of(asked.outputs[0]).items():
        if not read.get(path, sha).endswith(sha):
            return True
    kept = all(is_flagged(path, "update") for path in made)
    return kept and (getattr(noted, "starttime", None) or 0) * 1000 > made_at(asked)


def stale_because(name, made, asked):
    """Say why what a job has made is not what it would make now; put it back, if it was that before.

    `made` are its outputs as Snakemake has them.
    """
    why = LOOK.stale_because(asked)
    if name not in PUT_BACK or (why is None and is_all_there(asked)) or others_at_work():
        return why
    if not LOOK.put_back(asked):
        return why
    for path in made:
        # what Snakemake has noted is of the one that was there
        workflow.persistence.cleanup_metadata(path)
    return LOOK.stale_because(asked)


def put_back_plans(name, wildcards):
    """Put back the plans that a job reads before it is asked whether it was made from others."""
    jobs = [("propose", {"effort": str(effort)}) for effort in settings.planned.values()]
    if name in ("train", "rung"):
        part, at, _ = trained_by(name, wildcards)
        jobs += part.led_to(*at)
    elif name == "independent":
        jobs.append(("plan", dict(wildcards.items())))
    for made_by in PUT_BACK:
        for each, of in jobs:
            if each == made_by and named_here(made_by):
                is_stale(made_by, *of.items())


def is_all_there(asked):
    """Tell whether all files of a job are there."""
    return all(Path(path).exists() for path in asked.outputs)


def others_at_work():
    """Tell whether somebody runs this folder, whose plans had better stay as they are."""
    return any((Path(workflow.persistence.path) / "locks").glob("*"))


def trained_by(name, wildcards):
    """Return what knows the trainings of a job, what it calls the job, and experiments and folds."""
    if name == "train":
        at = (wildcards.experiment, wildcards.fold)
        return study.trainings, at, [at]
    at = (wildcards.sweep, wildcards.rung, wildcards.place)
    return study.sweeps, at, [(each, 0) for each in study.sweeps.rung(*at).combinations]


def asked_of(maker, wildcards):
    """Return the outputs of a rule's job with their flags, and what it would be told now."""
    made = [path.apply_wildcards(wildcards) for path in maker.output]
    params = {name: maker.params.get(name) for name in ("cfg", MAKES, *CODE)}
    told = {name: p(wildcards) if callable(p) else p for name, p in params.items()}
    return made, Asked(
        [str(path) for path in made],
        told["cfg"],
        code_of(told),
        {name: [*given(maker, name, wildcards)] for name in STAMPED},
        [str(path.apply_wildcards(wildcards)) for path in maker.input if is_ancient(path)],
        told[MAKES] or [],
    )


def given(maker, name, wildcards):
    """Yield the files of a named input of a rule's job."""
    found = maker.input.get(name, [])
    for item in found if isinstance(found, list) else [found]:
        if callable(item) or getattr(item, "callable", None):
            made = maker.apply_input_function(item, wildcards)[0]
            yield from [made] if isinstance(made, str) else map(str, made)
        else:
            yield str(item.apply_wildcards(wildcards))


def slices_due(trainings, led):
    """Return what stands for slices that were deleted, if a training is due that reads them.

    `trainings` are experiments and folds, one of which is trained, and `led` returns the jobs before it.

    Snakemake knows these files alone, which are there. Nothing is trained for cutting again, and
    while that is done Snakemake overlooks why the training is due (snakemake#4166), so its plan is
    to be written, too.
    """
    deleted = study.trainings.slices_deleted(*trainings[0])
    if not deleted:
        return []
    # of what it follows from, no file is missed while the training itself is there
    training, *before = led()
    due = is_due(*training) or any(is_made_again(name, of) for name, of in before)
    return [*deleted, *training_plans(trainings)] if due else []


def training_plans(trainings):
    """The plans of some trainings, given as experiments and folds."""
    return [study.result(f"{name}/fold-{fold}/plan.json") for name, fold in trainings]


def plans_overlooked(trainings, outputs, waits):
    """Return the plans of trainings that are missing, if something they wait for is made again.

    That may be there: it can have been made by other code or from other cases, be asked for, or have
    outlived a Snakemake that was killed. While what is `ancient` is made again, Snakemake overlooks
    that all else is missing, ends after it, and calls that a success (snakemake#4166).
    """
    missing = not all(map(os.path.exists, outputs))
    again = missing and any(is_made_again(name, of) for name, of in waits())
    return training_plans(trainings) if again else []


@functools.cache
def unfinished():
    """The files that killed runs were at, by the notes of Snakemake."""
    notes = Path(workflow.persistence.path) / "incomplete"
    marks = [note.relative_to(notes) for note in notes.rglob("*") if note.is_file()]
    # the path in base64, in parts where it is too long for a name
    coded = ("".join(part.removeprefix("@") for part in mark.parts) for mark in marks)
    paths = set()
    for each in coded:
        # Snakemake's own notes lie there, too
        with suppress(ValueError):
            paths.add(base64.urlsafe_b64decode(each).decode())
    return paths


def is_due(name, wildcards):
    """Tell whether a job is to be done, by its own files and records."""
    asked = asked_by_name(name, *wildcards.items())
    missing = asked is not None and not is_there(name, wildcards)
    # nobody looks at a rung once it is known who went on from it
    promoted = name == "rung" and is_there("promote", {n: wildcards[n] for n in ("sweep", "rung")})
    return (missing and not promoted) or is_made_again(name, wildcards)


def is_there(name, wildcards):
    """Tell whether what a job makes is there."""
    asked = asked_by_name(name, *wildcards.items())
    return asked is not None and is_all_there(asked)


def is_made_again(name, wildcards):
    """Tell whether a job is to be done even if what it makes is there."""
    asked = asked_by_name(name, *wildcards.items())
    if asked is None:
        return False
    dag = workflow.dag
    forced = named_here(name) in dag.forcerules or not dag.forcefiles.isdisjoint(asked.outputs)
    return forced or is_stale(name, *wildcards.items())


@functools.cache
def is_stale(name, *wildcards):
    """Tell whether what a job has made is of something else, or of a run that was killed."""
    made, asked = asked_of(named_here(name), Wildcards(fromdict=dict(wildcards)))
    cut_short = not unfinished().isdisjoint(asked.outputs)
    return cut_short or stale_because(name, made, asked) is not None


@functools.cache
def asked_by_name(name, *wildcards):
    """What a job of one of our own rules would be told now; None if there is no such rule."""
    maker = named_here(name)
    return maker and asked_of(maker, Wildcards(fromdict=dict(wildcards)))[1]


@functools.cache
def named_here(name):
    """The rule of the run that has one of our own names, whatever it is called here."""
    return next((each for each in workflow.rules if NAMES.get(each.name) == name), None)


def tell_what_is_left():
    """Name what is still as it was, where Snakemake overlooked it as something else was to be done.

    Where what was asked for is not even there, the run did not succeed.
    """
    look = Look()
    asked = [asked_of(maker, wildcards)[1] for maker, wildcards in STALE]
    # what --until and --omit-from leave out is left by who asked
    within = {str(path) for job in workflow.dag.jobs for path in job.output}
    left = [
        each.outputs[0] for each in asked if each.outputs[0] in within and look.stale_because(each)
    ]
    if left and not workflow.touch:
        more = some(left, 3)
        print(f"{more}: still to be made again; run the same command once more", file=sys.stderr)
    if missing := targets_missing():
        more = some(missing, 3)
        print(f"error: {more}: not made yet; run the same command once more", file=sys.stderr)
        sys.exit(1)


def targets_missing():
    """Return what was asked for of our own rules, and is not there."""
    if IN_BUCKET or workflow.touch or workflow.dag_settings.allowed_rules:
        return []
    jobs = [job for job in workflow.dag.targetjobs if job.rule.name in NAMES]
    wanted = {str(path) for job in jobs for path in job.output or job.input}
    return sorted(path for path in wanted if not os.path.exists(path))


def is_ancient(path):
    """Tell whether a file may differ from what was read; slices, found by a function, may not."""
    return not is_callable(path) and bool(getattr(path, "flags", {}).get("ancient"))


def print_overview(experiments=settings.wanted):
    # not at the start: each job reads these rules, and none needs it
    from slicewise.tracking import pending_runs

    results = Path(RESULTS)
    pending = pending_runs(results, study.name)
    for line in overview.lines(
        *(results / study.name, experiments, pending),
        crossed=len(study.folds) > 1,
        stale=stale_pages(experiments),
    ):
        print(line, file=sys.stderr)


def stale_pages(experiments):
    """The scores and pages that would be made otherwise now: who asked for a part has others yet."""
    if IN_BUCKET:
        return []
    look = Look()
    own = [{"experiment": name} for name in experiments]
    unscored = [of for of in own if not is_scored(of["experiment"], look)]
    unreported = [of for of in own if of in unscored or is_other("report", of, look)]
    stale = [*(("evaluate", of) for of in unscored), *(("report", of) for of in unreported)]
    stale += [("data", {})] if is_other("data", {}, look) else []
    stale += [("compare", {})] if unscored or is_other("compare", {}, look) else []
    stale += [("index", {})] if stale or is_other("index", {}, look) else []
    asked = [asked_by_name(rule, *of.items()) for rule, of in stale]
    return {Path(path) for each in asked if each for path in each.outputs}


def is_scored(experiment, look):
    """Tell whether scores are those of the settings, and not of what is to be trained anew."""
    jobs = study.predictions.scored_by(experiment)
    if any(is_other(rule, of, look) for rule, of in jobs):
        return False
    trained = [of for rule, of in jobs if rule == "train" and not is_there(rule, of)]
    # where a training was begun for other settings, its former model is gone
    plans = [asked_by_name("plan", *of.items()) for of in trained]
    scores = asked_by_name("evaluate", ("experiment", experiment))
    return scores is None or not any(plan and made_at(plan) > made_at(scores) for plan in plans)


def is_other(rule, of, look):
    """Tell whether what a job has made is there, and is not what it would make now."""
    asked = asked_by_name(rule, *of.items())
    return asked is not None and look.stale_because(asked) is not None


def scored_experiments():
    """The experiments whose scores are those of the settings: made now, or not due."""
    dag = workflow.dag
    found = {
        job.wildcards.experiment
        for job in dag.jobs
        if NAMES.get(job.rule.name) == "evaluate" and (dag.finished(job) or not dag.needrun(job))
    }
    return [name for name in settings.wanted if name in found]


def print_errors():
    # what is scored is known, whatever failed after it
    print_overview(scored_experiments())
    errors = errors_in((Path(RESULTS) / study.name / "logs").rglob("*.log"), STARTED)
    stopped = stopped_because()
    if stopped is not None and stopped not in errors:
        errors.append(stopped)
    cases = {str(path): case.name for case in there for path in (*case.image, *case.mask)}
    for error in by_cause(errors, cases, len(there)):
        print(f"error: {error}", file=sys.stderr)
    show_segmented(errors)


def show_segmented(errors):
    """Write the page of the new scans that have masks where others have none."""
    if IN_BUCKET or not any(NAMES.get(job.rule.name) == "masks" for job in workflow.dag.jobs):
        return
    from slicewise.segmenting.pages import Output, write_pages

    output = Output(Path(result(f"segmented/{study.segmented.experiment}")))
    if done := output.finished(NEW):
        write_pages(output, new_scans.title, errors, done)
        print(f"scans that have masks: {output.folder / 'gallery.html'}", file=sys.stderr)
