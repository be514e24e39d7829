"""Make one synthetic patient."""

from pathlib import Path

import numpy as np

from slicewise.job import job
from slicewise.volumes.phantom import phantom
from slicewise.volumes.read import write_nifti

with job(snakemake.log[0]):
    cfg = snakemake.params.cfg
    image, mask = phantom(cfg["index"], **cfg["phantom"])
    write_nifti(Path(snakemake.output.image), image, dtype=np.int16)
    write_nifti(Path(snakemake.output.mask), mask, dtype=np.uint8)
