"""Segment a chunk of cases, each with the models that may see it."""

from pathlib import Path

import numpy as np

from slicewise.job import job
from slicewise.model.predict import load_model, predict_volume, prepare
from slicewise.volumes.read import read_nifti, write_nifti
from slicewise.volumes.volume import Volume

with job(snakemake.log[0]) as say:
    cfg = snakemake.params.cfg
    prepare()
    folds = sorted({fold for case in cfg["cases"] for fold in cfg["folds"][case]})
    models = {
        fold: load_model(Path(path))
        for fold, path in zip(folds, snakemake.input.models, strict=True)
    }
    for case, source, target in zip(
        cfg["cases"], snakemake.input.images, snakemake.output, strict=True
    ):
        image, header = read_nifti(Path(source))
        chosen = [models[fold] for fold in cfg["folds"][case]]
        mask = predict_volume(chosen, image, snakemake.params.batch)
        write_nifti(Path(target), Volume(mask, image.affine), header, np.uint8)
        say(f"{case}: {mask.shape[2]} slices, {np.count_nonzero(mask)} voxels in the mask")
