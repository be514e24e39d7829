"""Segment a chunk of cases, each with the models that may see it."""

from pathlib import Path

import numpy as np

from slicewise.job import job
from slicewise.model.predict import Request, load_model, predict_cases, prepare

with job(snakemake.log[0], snakemake.resources) as say:
    cfg = snakemake.params.cfg
    prepare()
    folds = sorted({fold for case in cfg["cases"] for fold in cfg["folds"][case]})
    models = {
        fold: load_model(Path(path))
        for fold, path in zip(folds, snakemake.input.models, strict=True)
    }
    requests = [
        Request(
            case,
            Path(image),
            Path(mask),
            [models[fold] for fold in cfg["folds"][case]],
            **cfg["given"],
        )
        for case, image, mask in zip(
            cfg["cases"], snakemake.input.images, snakemake.output, strict=True
        )
    ]
    for case, mask in predict_cases(requests, snakemake.params.batch):
        say(f"{case}: {mask.shape[2]} slices, {np.count_nonzero(mask)} voxels in the mask")
