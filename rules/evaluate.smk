"""Evaluate: each case in 3-D on its own grid (Dice, distances in mm), means and intervals.

Needs predictions and ground truth. Makes metrics.tsv and summary.json, and deletes the checkpoints
of the trainings, which it can no longer need.
"""


rule evaluate:
    """Score all predictions of an experiment."""
    input:
        # what is declared of predictions, and of masks
        shards=lambda w: prediction_records_of(w.experiment),
        case_records=case_records_of(SCORED),
        predictions=lambda w: in_bucket(predictions_of(w.experiment, SCORED)),
        masks=in_bucket(files_of("mask", SCORED)),
        configs=lambda w: of_folds("config.yaml", w),
        split=rules.split.output[0],
        # only shown beside the scores, which do not depend on it
        cases=ancient(result("cases.tsv")),
        # A scan on both sides stops the scoring too: it may have come after the training. Not
        # ancient: while such a file is made again, Snakemake does not look at other reasons.
        leakage=rules.leakage.output[0],
    output:
        metrics=result("{experiment}/metrics.tsv"),
        summary=result("{experiment}/summary.json"),
    log:
        result("logs/evaluate/{experiment}.log"),
    benchmark:
        result("timings/evaluate/{experiment}.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.evaluate(sizes_of(SCORED))),
        runtime=60,
    params:
        code=code("evaluate"),
        predictions=lambda w: predictions_of(w.experiment, SCORED),
        masks=by_path(files_of("mask", SCORED)),
        cfg=lambda w: jobs.Evaluate(
            content=settings.dataset.content,
            recipe=settings.slices[recipes_of(w.experiment)[0]],
            folds=len(FOLDS),
            cases=SCORED_CASES,
            scoring=settings.evaluation,
            register_model=settings.tracking.register,
        ).dump(),
        checkpoints=result("{experiment}/checkpoints"),
        tracking=result("{experiment}/tracking"),
    script:
        "../scripts/evaluate.py"
