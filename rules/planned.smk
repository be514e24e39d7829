"""What a dry run ends with: which stages would run, and why."""

import atexit

from slicewise import planned


def tell_planned():
    """Say it once Snakemake has said what it has to say; it calls nothing at the end of a dry run."""
    if is_our_own():
        atexit.register(print_planned)
        if workflow.output_settings.dryrun and not wants_all():
            leave_to_the_table(workflow.logger_manager.logger)


def print_planned():
    if not workflow.dryrun or workflow._dag is None:
        return
    jobs = planned_jobs()
    if place := os.environ.get(planned.ASKED):
        planned.write_planned(place, jobs)
    elif jobs and not workflow.output_settings.quiet:
        more = [] if wants_all() else ["each job with its files: the same with --verbose"]
        print("\n".join([*planned.table(jobs), *more]), file=sys.stderr)


def needed_jobs():
    """Return the jobs that would run, stage by stage; of rules without a file there is nothing."""
    dag = workflow.dag
    jobs = [job for job in dag.needrun_jobs(exclude_finished=False) if job.output]
    # a stage comes after those that it reads from
    place = {}
    for depth, level in enumerate(dag.toposorted(set(jobs))):
        place.update((job.rule.name, depth) for job in level)
    return sorted(jobs, key=lambda job: (place[job.rule.name], job.rule.name, str(job.output[0])))


def planned_jobs():
    """Return what is said of the jobs that would run: why, and where it stands how long they took."""
    return [
        planned.PlannedJob(
            NAMES.get(job.rule.name, job.rule.name),
            "/".join(map(str, job.wildcards)),
            [str(path) for path in job.output],
            planned.cause_of(workflow.dag.reason(job), WHY.get(str(job.output[0]), "")),
            str(job.benchmark or ""),
        )
        for job in needed_jobs()
    ]
