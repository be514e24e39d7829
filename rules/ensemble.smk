"""Ensemble: how much each of several experiments counts that segment together (ensembles.md).

Needs the models of all members, and images and masks of the cases that their folds held out (of
validation patients without folds; never of test patients). Makes weights.json, which says what the
weights follow from, and ensemble.json, which is all that the ensemble predicts by beside the models.
"""


rule weights:
    """Fit how much each member of an ensemble counts, on patients whom none was trained on."""
    input:
        models=lambda w: study.of_folds("model.keras", w.experiment),
        configs=lambda w: study.of_folds("config.yaml", w.experiment),
        proposals=lambda w: study.predictions.plans_of(w.experiment),
        case_records=study.case_records_of(study.ensembles.weighed_on),
        images=in_bucket(files_of("image", study.ensembles.weighed_on)),
        masks=in_bucket(files_of("mask", study.ensembles.weighed_on)),
    output:
        result("{experiment}/weights.json"),
    log:
        result("logs/weights/{experiment}.log"),
    benchmark:
        result("timings/weights/{experiment}.tsv")
    wildcard_constraints:
        experiment=ENSEMBLES,
    conda:
        "../environment.yml"
    threads: lambda w: workflow.cores
    resources:
        gpu=GPUS,
        mem_mb=memory(lambda w: study.memory.to_weigh(w.experiment)),
        runtime=240,
    params:
        code=code("weights"),
        images=by_path(files_of("image", study.ensembles.weighed_on)),
        masks=by_path(files_of("mask", study.ensembles.weighed_on)),
        cfg=lambda w: study.ensembles.weights(w.experiment).dump(),
        batch=lambda w: settings.prediction_of(w.experiment).batch,
    script:
        "../scripts/weights.py"


rule mix:
    """Put the weights of an ensemble beside what is done to its masks: no weight is fitted again."""
    input:
        result("{experiment}/weights.json"),
    output:
        result("{experiment}/ensemble.json"),
    log:
        result("logs/mix/{experiment}.log"),
    benchmark:
        result("timings/mix/{experiment}.tsv")
    wildcard_constraints:
        experiment=ENSEMBLES,
    localrule: True
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        code=code("mix"),
        cfg=lambda w: jobs.Mix(
            postprocessing=settings.ensembles[w.experiment].postprocessing.model_dump()
        ).dump(),
    script:
        "../scripts/mix.py"
