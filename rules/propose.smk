"""Propose: what to train, by the training cases and an effort (`preset: auto`).

Needs the records of training cases. Makes plan-<effort>.json: recipe, network and training, each
value with its reason, which jobs read whose recipe or experiment is that of a plan. A changed plan
says what changed before anything is cut by it.
"""


rule propose:
    """Say what to train on the training cases, and why."""
    input:
        # of these alone, so that no test case changes it
        case_records=study.case_records_of(study.planned_on),
    output:
        # what was planned before is read, and compared
        update(result("plan-{effort}.json")),
    log:
        result("logs/propose/{effort}.log"),
    benchmark:
        result("timings/propose/{effort}.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.cases(len(study.cases))),
        runtime=10,
    params:
        code=code("propose"),
        cfg=lambda w: jobs.Propose(
            content=settings.dataset.content, cases=study.planned_on, effort=w.effort
        ).dump(),
    script:
        "../scripts/propose.py"
