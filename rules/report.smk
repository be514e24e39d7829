"""Report: pages for people.

Needs the table, summary and predictions of experiments.
Makes report.html and curves of each; comparison.html, comparison.tsv and comparison_cases.tsv of
all, and an MLflow run of that.
"""


rule report:
    """Write the report of an experiment."""
    input:
        metrics="results/{dataset}/{experiment}/metrics.tsv",
        summary="results/{dataset}/{experiment}/summary.json",
        split="results/{dataset}/split.tsv",
        # another case changes no report; what changes a mask changes its scores
        cases=ancient("results/{dataset}/cases.tsv"),
        predictions=expand(
            "results/{dataset}/{experiment}/predictions/{case}.nii.gz",
            case=SCORED,
            allow_missing=True,
        ),
        images=[file_of("image", case) for case in SCORED],
        masks=[file_of("mask", case) for case in SCORED],
        histories=expand(
            "results/{dataset}/{experiment}/fold-{fold}/history.csv",
            fold=FOLDS,
            allow_missing=True,
        ),
        configs=expand(
            "results/{dataset}/{experiment}/fold-{fold}/config.yaml",
            fold=FOLDS,
            allow_missing=True,
        ),
        samples="results/{dataset}/{experiment}/fold-0/augmented.npz",
    output:
        html=report(
            "results/{dataset}/{experiment}/report.html",
            caption="captions/report.rst",
            category="Experiments",
            labels={"experiment": "{experiment}", "what": "report"},
        ),
        curves=report(
            "results/{dataset}/{experiment}/figures/curves.png",
            caption="captions/curves.rst",
            category="Experiments",
            labels={"experiment": "{experiment}", "what": "training curves"},
        ),
    log:
        "results/{dataset}/logs/report/{experiment}.log",
    benchmark:
        "results/{dataset}/timings/report/{experiment}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.report(sizes_of(SCORED))),
        runtime=60,
    params:
        code=code("report", "report/templates"),
        cfg=lambda w: {
            "content": CONTENT,
            "folds": len(FOLDS),
            "exclude": settings.dataset.exclude,
            "cases": SCORED_CASES,
            "jobs": jobs_of(w.experiment),
        },
        tracking="results/{dataset}/{experiment}/tracking",
    script:
        "../scripts/report.py"


rule compare:
    """Put all experiments side by side."""
    input:
        metrics=expand(
            "results/{dataset}/{experiment}/metrics.tsv",
            experiment=settings.wanted,
            allow_missing=True,
        ),
        summaries=expand(
            "results/{dataset}/{experiment}/summary.json",
            experiment=settings.wanted,
            allow_missing=True,
        ),
        histories=expand(
            "results/{dataset}/{experiment}/fold-{fold}/history.csv",
            experiment=settings.wanted,
            fold=FOLDS,
            allow_missing=True,
        ),
        configs=expand(
            "results/{dataset}/{experiment}/fold-{fold}/config.yaml",
            experiment=settings.wanted,
            fold=FOLDS,
            allow_missing=True,
        ),
        predictions=expand(
            "results/{dataset}/{experiment}/predictions/{case}.nii.gz",
            experiment=settings.wanted,
            case=SCORED,
            allow_missing=True,
        ),
        images=[file_of("image", case) for case in SCORED],
        masks=[file_of("mask", case) for case in SCORED],
    output:
        html=report(
            "results/{dataset}/comparison.html",
            caption="captions/comparison.rst",
            category="Comparison",
            labels={"what": "all experiments"},
        ),
        table=report(
            "results/{dataset}/comparison.tsv",
            caption="captions/comparison.rst",
            category="Comparison",
            labels={"what": "differences"},
        ),
        cases=report(
            "results/{dataset}/comparison_cases.tsv",
            caption="captions/comparison.rst",
            category="Comparison",
            labels={"what": "Dice of every case"},
        ),
    log:
        "results/{dataset}/logs/compare/comparison.log",
    benchmark:
        "results/{dataset}/timings/compare/comparison.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.report(sizes_of(SCORED))),
        runtime=60,
    params:
        code=code("compare", "report/templates"),
        cfg={
            "experiments": settings.wanted,
            "repeats": settings.repeats,
            "folds": len(FOLDS),
            "cases": SCORED_CASES,
        },
        tracking="results/{dataset}/comparison/tracking",
    script:
        "../scripts/compare.py"
