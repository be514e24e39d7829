"""Make a synthetic patient."""

from pathlib import Path

import numpy as np

from slicewise.job import script_job
from slicewise.jobs import Phantom
from slicewise.phantom.patient import phantom
from slicewise.volumes.write import write_nifti


def main(snakemake):
    cfg = Phantom.of(snakemake)
    out = snakemake.output
    with script_job(snakemake):
        image, mask = phantom(cfg.index, **cfg.phantom)
        write_nifti(Path(out.image), image, dtype=np.int16)
        write_nifti(Path(out.mask), mask, dtype=np.uint8)


main(snakemake)
