"""Segment a chunk of cases, each with the models that may see it."""

import numpy as np

from slicewise.inference.predict import predict_cases, prepare
from slicewise.inference.requests import requests_of
from slicewise.job import script_job


def main(snakemake):
    given = snakemake.input
    with script_job(snakemake) as log:
        prepare()
        requests = requests_of(
            snakemake.params.cfg,
            given.models,
            given.configs,
            given.case_records,
            given.images,
            snakemake.output,
        )
        for case, mask in predict_cases(requests, snakemake.params.batch):
            log(f"{case}: {mask.shape[2]} slices, {np.count_nonzero(mask)} voxels in the mask")


main(snakemake)
