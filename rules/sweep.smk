"""Sweep: the combinations of settings that are tried, some epochs in each rung (sweep.md).

Needs what a training of each needs. Makes sweep/rung-<n>/<combination or place>.json with the history
of each, and sweep/rung-<n>.json, which says who goes on; the last names the best. Test patients are
no part of it: the best is trained to its end by the rule train, and it alone is predicted. Its page,
sweep.html, and sweep.tsv are made once it is scored.
"""


rule rung:
    """Train one combination until the end of a rung, going on from its checkpoint."""
    input:
        slices=ancient(lambda w: study.trainings.slices_of(w.sweep, 0)),
        taught=ancient(lambda w: study.sweeps.taught_at(w.sweep, w.rung, w.place)),
        case_records=lambda w: study.case_records_of(study.validation_cases(0)),
        truth=lambda w: in_bucket(files_of("mask", study.validation_cases(0))),
        plans=lambda w: study.sweeps.plans_at(w.sweep, w.rung, w.place),
        proposals=lambda w: study.plans_of(study.recipes_of(w.sweep)),
        starts=lambda w: study.sweeps.starts_at(w.sweep, w.rung, w.place),
        went_on=lambda w: study.sweeps.went_on(w.sweep, w.rung),
        leakage=ancient(result("leakage.json")),
        independent=ancient(lambda w: study.sweeps.checked_at(w.sweep, w.rung, w.place)),
    output:
        result("{sweep}/sweep/rung-{rung}/{place}.json"),
    log:
        result("logs/rung/{sweep}/rung-{rung}/{place}.log"),
    benchmark:
        result("timings/rung/{sweep}/rung-{rung}/{place}.tsv")
    conda:
        "../environment.yml"
    threads: lambda w: settings.experiments[w.sweep].training.threads or workflow.cores
    resources:
        gpu=GPUS,
        mem_mb=memory(lambda w: study.memory.to_train(w.sweep, 0, gpu=GPUS is not None)),
        runtime=1440,
    params:
        code=code("rung", direct=TRAINED_BY),
        # what the training goes on by until its end, so that it stays the same one
        training=rules.train.params.code,
        truth=lambda w: by_path(files_of("mask", study.validation_cases(0))),
        # no rule's output: its checkpoints and its run outlive a killed job, and the next rung's
        folder=lambda w: study.results,
        recipes=lambda w: [result(f"slices/{r}") for r in study.recipes_of(w.sweep)],
        cfg=lambda w: study.sweeps.rung(w.sweep, w.rung, w.place).dump(),
    script:
        "../scripts/rung.py"


rule promote:
    """Choose which combinations go on, by validation Dice."""
    input:
        records=lambda w: study.sweeps.records_of(w.sweep, w.rung),
    output:
        result("{sweep}/sweep/rung-{rung}.json"),
    log:
        result("logs/promote/{sweep}/rung-{rung}.log"),
    benchmark:
        result("timings/promote/{sweep}/rung-{rung}.tsv")
    localrule: True
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        code=code("promote"),
        cfg=lambda w: study.sweeps.promote(w.sweep, w.rung).dump(),
    script:
        "../scripts/promote.py"


rule sweep:
    """Write the page and the table of a sweep."""
    input:
        records=lambda w: study.sweeps.records(w.sweep),
        best=lambda w: study.sweeps.best_of(w.sweep),
        summaries=lambda w: [
            result(f"{name}/summary.json") for name in study.sweeps.page(w.sweep).seeds
        ],
    output:
        html=report(
            result("{sweep}/sweep.html"),
            caption="captions/sweep.rst",
            category="Experiments",
            labels={"experiment": "{sweep}", "what": "sweep"},
        ),
        table=result("{sweep}/sweep.tsv"),
    log:
        result("logs/sweep/{sweep}.log"),
    benchmark:
        result("timings/sweep/{sweep}.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        code=code("sweep", "report/templates"),
        cfg=lambda w: study.sweeps.page(w.sweep).dump(),
        tracking=result("{sweep}/tracking"),
    script:
        "../scripts/sweep.py"
