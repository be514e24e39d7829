"""Predict: bring slices back to volumes.

Needs the models of an experiment and the records of scored cases, whose images it reads.
Makes predictions/<case>.nii.gz on each image's own grid: of test cases by all folds together,
of held-out cases by the fold that did not see them; of an ensemble, by all its members. They are declared by one file a shard, which
names each with its digest and what it was made from.
"""


rule predict:
    """Segment a shard of the scored cases, each with the models that may see it."""
    input:
        models=lambda w: study.predictions.of_folds("model.keras", w.experiment, w.shard),
        configs=lambda w: study.predictions.of_folds("config.yaml", w.experiment, w.shard),
        # how much each member of an ensemble counts
        ensemble=lambda w: study.ensembles.record_of(w.experiment),
        proposals=lambda w: study.predictions.plans_of(w.experiment),
        # Not ancient, though only the images are read: Snakemake then overlooks an image
        # that changed together with the case records.
        case_records=lambda w: study.case_records_of(predicted_by(w)),
        images=lambda w: in_bucket(files_of("image", predicted_by(w))),
    output:
        result("{experiment}/predictions/_shards/{shard}.json"),
        # only what is declared gets into a bucket, where a shard is one case
        masks=in_bucket([result("{experiment}/predictions/{shard}.nii.gz")]),
    log:
        result("logs/predict/{experiment}/{shard}.log"),
    benchmark:
        result("timings/predict/{experiment}/{shard}.tsv")
    conda:
        "../environment.yml"
    threads: lambda w: workflow.cores
    resources:
        gpu=GPUS,
        mem_mb=memory(lambda w: study.memory.to_predict(w.experiment, w.shard)),
        runtime=240,
    params:
        code=code("predict"),
        images=lambda w: by_path(files_of("image", predicted_by(w))),
        makes=lambda w: study.predictions.masks_of(w.experiment, predicted_by(w)),
        cfg=lambda w: study.predictions.told(w.experiment, w.shard).dump(),
        batch=lambda w: settings.prediction_of(w.experiment).batch,
    script:
        "../scripts/predict.py"


if not IN_BUCKET:

    rule prediction:
        """Let a prediction be asked for by its name: the job of its shard has made it."""
        input:
            lambda w: study.predictions.record_of_case(w.experiment, w.case),
        output:
            # it is there already, and to be kept
            update(result("{experiment}/predictions/{case}.nii.gz")),
        log:
            result("logs/prediction/{experiment}/{case}.log"),
        benchmark:
            result("timings/prediction/{experiment}/{case}.tsv")
        localrule: True
        conda:
            "../environment.yml"
        resources:
            mem_mb=memory(100),
            runtime=10,
        params:
            code=code("prediction"),
        script:
            "../scripts/prediction.py"
