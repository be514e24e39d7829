"""Predict: bring slices back to volumes.

Needs the models of an experiment and the images of scored cases.
Makes predictions/<case>.nii.gz on each image's own grid: of test cases by all folds together,
of held-out cases by the fold that did not see them.
"""

for experiment in settings.experiments:
    for number, chunk in chunks(SCORED, settings.experiments[experiment].prediction.chunk).items():

        rule:
            name:
                f"predict_{experiment}_{number}"
            input:
                models=expand(
                    "results/{dataset}/{experiment}/fold-{fold}/model.keras",
                    dataset=DATASET,
                    experiment=experiment,
                    fold=sorted({fold for case in chunk for fold in models_for(case)}),
                ),
                configs=expand(
                    "results/{dataset}/{experiment}/fold-{fold}/config.yaml",
                    dataset=DATASET,
                    experiment=experiment,
                    fold=sorted({fold for case in chunk for fold in models_for(case)}),
                ),
                # Not ancient, though only the images are read: Snakemake then overlooks an image
                # that changed together with the case records.
                case_records=case_records_of(chunk),
                images=[file_of("image", case) for case in chunk],
            output:
                expand(
                    "results/{dataset}/{experiment}/predictions/{case}.nii.gz",
                    dataset=DATASET,
                    experiment=experiment,
                    case=chunk,
                ),
            log:
                f"results/{DATASET}/logs/predict/{experiment}/{number}.log",
            benchmark:
                f"results/{DATASET}/timings/predict/{experiment}/{number}.tsv"
            conda:
                "../environment.yml"
            threads: lambda w: workflow.cores
            resources:
                gpu=GPUS,
                mem_mb=memory(memory_to_predict(experiment, chunk)),
                runtime=240,
            params:
                code=code("predict"),
                cfg={
                    "cases": chunk,
                    "folds": {case: models_for(case) for case in chunk},
                    "patients": {case: CASES[case].patient for case in chunk},
                    "content": CONTENT,
                    "recipe": settings.slices[
                        settings.experiments[experiment].slices
                    ].model_dump(),
                },
                batch=settings.experiments[experiment].prediction.batch,
            script:
                "../scripts/predict.py"
