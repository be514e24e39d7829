"""Make a batch of synthetic patients."""

from pathlib import Path

import numpy as np

from slicewise.job import script_job
from slicewise.phantom.patient import phantom
from slicewise.volumes.write import write_nifti


def main(snakemake):
    cfg = snakemake.params.cfg
    out = snakemake.output
    with script_job(snakemake):
        for index, image_path, mask_path in zip(cfg["indices"], out.image, out.mask, strict=True):
            image, mask = phantom(index, **cfg["phantom"])
            write_nifti(Path(image_path), image, dtype=np.int16)
            write_nifti(Path(mask_path), mask, dtype=np.uint8)


main(snakemake)
