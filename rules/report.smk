"""Report: pages for people.

Needs the table, summary and predictions of experiments.
Makes report.html and curves of each; comparison.html, comparison.tsv and comparison_cases.tsv of
all, and an MLflow run of that; index.html, which leads to all pages.
"""


rule report:
    """Write the report of an experiment."""
    input:
        metrics=rules.evaluate.output.metrics,
        summary=rules.evaluate.output.summary,
        split=rules.split.output[0],
        # another case changes no report; what changes a mask changes its scores
        cases=ancient(result("cases.tsv")),
        shards=lambda w: study.predictions.records_of(w.experiment),
        case_records=study.case_records_of(study.scored),
        predictions=lambda w: in_bucket(study.predictions.masks_of(w.experiment, study.scored)),
        images=in_bucket(files_of("image", study.scored)),
        masks=in_bucket(files_of("mask", study.scored)),
        histories=lambda w: study.of_folds("history.csv", w.experiment),
        configs=lambda w: study.of_folds("config.yaml", w.experiment),
        ensemble=lambda w: study.ensembles.record_of(w.experiment),
        samples=lambda w: study.trainings.samples_of(w.experiment),
        calibrations=lambda w: study.calibrations.files_of(w.experiment),
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
        # scores by site, sex, age, where a setting asks for them
        groups=[result("{experiment}/groups.tsv")] if study.columns else [],
    log:
        result("logs/report/{experiment}.log"),
    benchmark:
        result("timings/report/{experiment}.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(lambda w: needs.report(study.sizes_of(study.scored))),
        runtime=60,
    params:
        predictions=lambda w: study.predictions.masks_of(w.experiment, study.scored),
        images=by_path(files_of("image", study.scored)),
        masks=by_path(files_of("mask", study.scored)),
        code=code("report", "report/templates"),
        cfg=lambda w: jobs.Report(
            dataset=study.name,
            experiment=w.experiment,
            content=settings.dataset.content,
            folds=study.own_folds(w.experiment),
            exclude=settings.dataset.exclude,
            cases=study.scored_cases,
            jobs=study.jobs_of(w.experiment),
            leave_out=settings.split.leave_out or "",
            columns=study.scored_columns,
            bins=study.bins,
            seeds=study.seeds_of(w.experiment),
            **study.sweeps.chosen_by(w.experiment),
        ).dump(),
        tracking=result("{experiment}/tracking"),
    script:
        "../scripts/report.py"


rule compare:
    """Put all experiments side by side."""
    input:
        metrics=study.wanted.of("metrics.tsv"),
        summaries=study.wanted.of("summary.json"),
        histories=study.wanted.of_folds("history.csv"),
        configs=study.wanted.of_folds("config.yaml"),
        ensembles=study.wanted.ensembles(),
        shards=[path for name in settings.wanted for path in study.predictions.records_of(name)],
        case_records=study.case_records_of(study.scored),
        predictions=in_bucket(
            [
                path
                for name in settings.wanted
                for path in study.predictions.masks_of(name, study.scored)
            ]
        ),
        images=in_bucket(files_of("image", study.scored)),
        masks=in_bucket(files_of("mask", study.scored)),
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
        mem_mb=memory(lambda w: needs.report(study.sizes_of(study.scored))),
        runtime=60,
    params:
        predictions=[
            path
            for name in settings.wanted
            for path in study.predictions.masks_of(name, study.scored)
        ],
        images=by_path(files_of("image", study.scored)),
        masks=by_path(files_of("mask", study.scored)),
        code=code("compare", "report/templates"),
        cfg=jobs.Compare(
            dataset=study.name,
            experiments=settings.wanted,
            repeats=settings.repeats,
            cases=study.scored_cases,
            columns=study.scored_columns,
            bins=study.bins,
            shown_channel=settings.dataset.shown_channel,
            swept=study.sweeps.best_of_how_many(),
        ).dump(),
        tracking=result("comparison/tracking"),
    script:
        "../scripts/compare.py"


rule index:
    """Write the page that leads to all others, anew whenever one of them was made again."""
    input:
        data=rules.data.output[0],
        comparison=rules.compare.output.html,
        reports=study.wanted.of("report.html"),
        summaries=study.wanted.of("summary.json"),
        histories=study.wanted.histories(),
    output:
        report(
            result("index.html"),
            caption="captions/index.rst",
            category="Begin here",
            labels={"what": "what is where"},
        ),
    log:
        result("logs/index/index.log"),
    benchmark:
        result("timings/index/index.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        code=code("index", "report/templates"),
        cfg=jobs.Index(
            dataset=study.name,
            experiments=settings.wanted,
            cases=len(study.cases),
            folds=len(study.folds),
            sweeps=[name for name in settings.sweeps if name in settings.wanted],
            members={
                name: len(settings.members_of(name))
                for name in settings.ensembles
                if name in settings.wanted
            },
        ).dump(),
    script:
        "../scripts/index.py"
