"""Report: pages for people.

Needs the table, summary and predictions of experiments.
Makes report.html and curves of each; comparison.html, comparison.tsv and comparison_cases.tsv of
all, and an MLflow run of that.
"""


rule report:
    """Write the report of an experiment."""
    input:
        metrics=rules.evaluate.output.metrics,
        summary=rules.evaluate.output.summary,
        split=rules.split.output[0],
        # another case changes no report; what changes a mask changes its scores
        cases=ancient(result("cases.tsv")),
        shards=lambda w: prediction_records_of(w.experiment),
        case_records=case_records_of(SCORED),
        predictions=lambda w: in_bucket(predictions_of(w.experiment, SCORED)),
        images=in_bucket(files_of("image", SCORED)),
        masks=in_bucket(files_of("mask", SCORED)),
        histories=lambda w: of_folds("history.csv", w),
        configs=lambda w: of_folds("config.yaml", w),
        samples=lambda w: of_folds("augmented.npz", w, [0])[0],
    output:
        html=report(
            result("{experiment}/report.html"),
            caption="captions/report.rst",
            category="Experiments",
            labels={"experiment": "{experiment}", "what": "report"},
        ),
        curves=report(
            result("{experiment}/figures/curves.png"),
            caption="captions/curves.rst",
            category="Experiments",
            labels={"experiment": "{experiment}", "what": "training curves"},
        ),
    log:
        result("logs/report/{experiment}.log"),
    benchmark:
        result("timings/report/{experiment}.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.report(sizes_of(SCORED))),
        runtime=60,
    params:
        predictions=lambda w: predictions_of(w.experiment, SCORED),
        images=by_path(files_of("image", SCORED)),
        masks=by_path(files_of("mask", SCORED)),
        code=code("report", "report/templates"),
        cfg=lambda w: jobs.Report(
            dataset=DATASET,
            content=settings.dataset.content,
            folds=len(FOLDS),
            exclude=settings.dataset.exclude,
            cases=SCORED_CASES,
            jobs=jobs_of(w.experiment),
        ).dump(),
        tracking=result("{experiment}/tracking"),
    script:
        "../scripts/report.py"


rule compare:
    """Put all experiments side by side."""
    input:
        metrics=of_wanted("metrics.tsv"),
        summaries=of_wanted("summary.json"),
        histories=of_wanted("fold-{fold}/history.csv", fold=FOLDS),
        configs=of_wanted("fold-{fold}/config.yaml", fold=FOLDS),
        shards=[path for name in settings.wanted for path in prediction_records_of(name)],
        case_records=case_records_of(SCORED),
        predictions=in_bucket(
            [path for name in settings.wanted for path in predictions_of(name, SCORED)]
        ),
        images=in_bucket(files_of("image", SCORED)),
        masks=in_bucket(files_of("mask", SCORED)),
    output:
        html=report(
            result("comparison.html"),
            caption="captions/comparison.rst",
            category="Comparison",
            labels={"what": "all experiments"},
        ),
        table=report(
            result("comparison.tsv"),
            caption="captions/comparison.rst",
            category="Comparison",
            labels={"what": "differences"},
        ),
        cases=report(
            result("comparison_cases.tsv"),
            caption="captions/comparison.rst",
            category="Comparison",
            labels={"what": "Dice of every case"},
        ),
    log:
        result("logs/compare/comparison.log"),
    benchmark:
        result("timings/compare/comparison.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.report(sizes_of(SCORED))),
        runtime=60,
    params:
        predictions=[path for name in settings.wanted for path in predictions_of(name, SCORED)],
        images=by_path(files_of("image", SCORED)),
        masks=by_path(files_of("mask", SCORED)),
        code=code("compare", "report/templates"),
        cfg=jobs.Compare(
            dataset=DATASET,
            experiments=settings.wanted,
            repeats=settings.repeats,
            folds=len(FOLDS),
            cases=SCORED_CASES,
        ).dump(),
        tracking=result("comparison/tracking"),
    script:
        "../scripts/compare.py"
