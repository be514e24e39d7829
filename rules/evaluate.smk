"""Evaluate: each case in 3-D on its own grid (Dice, distances in mm), means and intervals.

Needs predictions and ground truth. Makes metrics.tsv and summary.json, and deletes the checkpoints
of the trainings, which it can no longer need.
"""


rule evaluate:
    """Score all predictions of an experiment."""
    input:
        predictions=expand(
            "results/{dataset}/{experiment}/predictions/{case}.nii.gz",
            case=SCORED,
            allow_missing=True,
        ),
        masks=[file_of("mask", case) for case in SCORED],
        configs=expand(
            "results/{dataset}/{experiment}/fold-{fold}/config.yaml",
            fold=FOLDS,
            allow_missing=True,
        ),
        split="results/{dataset}/split.tsv",
        # only shown beside the scores, which do not depend on it
        cases=ancient("results/{dataset}/cases.tsv"),
        # A scan on both sides stops the scoring too: it may have come after the training. Not
        # ancient: while such a file is made again, Snakemake does not look at other reasons.
        leakage="results/{dataset}/leakage.json",
    output:
        metrics="results/{dataset}/{experiment}/metrics.tsv",
        summary="results/{dataset}/{experiment}/summary.json",
    log:
        "results/{dataset}/logs/evaluate/{experiment}.log",
    benchmark:
        "results/{dataset}/timings/evaluate/{experiment}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.evaluate(sizes_of(SCORED))),
        runtime=60,
    params:
        code=code("evaluate"),
        cfg=lambda w: {
            "content": CONTENT,
            "recipe": settings.slices[recipes_of(w.experiment)[0]].model_dump(),
            "folds": len(FOLDS),
            "cases": SCORED_CASES,
            "scoring": settings.evaluation.model_dump(),
            "register": settings.tracking.register,
        },
        checkpoints="results/{dataset}/{experiment}/checkpoints",
        tracking="results/{dataset}/{experiment}/tracking",
    script:
        "../scripts/evaluate.py"
