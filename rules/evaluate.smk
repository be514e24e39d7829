"""Evaluate: each case in 3-D on its own grid (Dice, distances in mm), means and intervals.

Needs predictions and ground truth. Makes metrics.tsv and summary.json, and deletes the checkpoints
of the trainings, which it can no longer need.
"""


rule evaluate:
    """Score all predictions of an experiment."""
    input:
        # what is declared of predictions, and of masks
        shards=lambda w: study.predictions.records_of(w.experiment),
        case_records=study.case_records_of(study.scored),
        predictions=lambda w: in_bucket(study.predictions.masks_of(w.experiment, study.scored)),
        masks=in_bucket(files_of("mask", study.scored)),
        configs=lambda w: study.of_folds("config.yaml", w.experiment),
        ensemble=lambda w: study.ensembles.record_of(w.experiment),
        # of an ensemble, to be kept in MLflow as one model
        models=lambda w: study.ensembles.models_of(w.experiment),
        split=rules.split.output[0],
        proposals=lambda w: study.plans_to_score(w.experiment),
        # by what it, its members and its teachers were trained
        plans=lambda w: study.trainings.plans_learnt(w.experiment),
        bests=lambda w: study.trainings.bests_learnt(w.experiment),
        # only shown beside the scores, which do not depend on it
        cases=ancient(result("cases.tsv")),
        # A scan on both sides stops the scoring too: it may have come after the training. Not
        # ancient: while such a file is made again, Snakemake does not look at other reasons.
        leakage=rules.leakage.output[0],
        independent=lambda w: study.starts.checked_of_all(w.experiment),
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
        mem_mb=memory(lambda w: needs.evaluate(study.sizes_of(study.scored))),
        runtime=60,
    params:
        code=code("evaluate"),
        predictions=lambda w: study.predictions.masks_of(w.experiment, study.scored),
        masks=by_path(files_of("mask", study.scored)),
        cfg=lambda w: jobs.Evaluate(
            content=settings.dataset.content,
            recipe=study.scored_recipe(w.experiment),
            folds=study.own_folds(w.experiment),
            cases=study.scored_cases,
            scoring=settings.evaluation,
            register_model=settings.tracking.register,
        ).dump(),
        checkpoints=result("{experiment}/checkpoints"),
        tracking=result("{experiment}/tracking"),
    script:
        "../scripts/evaluate.py"
