"""Calibrate: what the masks of a model told of patients whose truth is known.

Needs the model of a fold, or those of all members of an ensemble with their weights, and images and
masks of the cases that this fold held out (of validation patients without folds; never of test
patients). Makes fold-<k>/calibration.json, from which the Dice to
expect of other masks follows. There is none of data sets with too few patients.
"""


rule calibrate:
    """Segment held-out patients, as they are and spoilt on purpose, and note what that told."""
    input:
        models=lambda w: study.of_folds("model.keras", w.experiment, [w.fold]),
        configs=lambda w: study.of_folds("config.yaml", w.experiment, [w.fold]),
        # how much each member of an ensemble counts
        ensemble=lambda w: study.ensembles.record_of(w.experiment),
        proposals=lambda w: study.predictions.plans_of(w.experiment),
        case_records=lambda w: study.case_records_of(study.calibrations.cases_of(w.fold)),
        images=lambda w: in_bucket(files_of("image", study.calibrations.cases_of(w.fold))),
        masks=lambda w: in_bucket(files_of("mask", study.calibrations.cases_of(w.fold))),
    output:
        result("{experiment}/fold-{fold}/calibration.json"),
    log:
        result("logs/calibrate/{experiment}/fold-{fold}.log"),
    benchmark:
        result("timings/calibrate/{experiment}/fold-{fold}.tsv")
    conda:
        "../environment.yml"
    threads: lambda w: workflow.cores
    resources:
        gpu=GPUS,
        mem_mb=memory(lambda w: study.memory.to_calibrate(w.experiment, w.fold)),
        runtime=240,
    params:
        code=code("calibrate"),
        images=lambda w: by_path(files_of("image", study.calibrations.cases_of(w.fold))),
        masks=lambda w: by_path(files_of("mask", study.calibrations.cases_of(w.fold))),
        cfg=lambda w: study.calibrations.told(w.experiment, w.fold).dump(),
        batch=lambda w: settings.prediction_of(w.experiment).batch,
    script:
        "../scripts/calibrate.py"
