"""Stop when a scan is there twice, here or in another data set."""

import pandas as pd

from slicewise.files import write_json
from slicewise.job import job
from slicewise.volumes.gate import check_leaks

with job(snakemake.log[0]):
    others = {str(path): pd.read_csv(path, sep="\t") for path in snakemake.input.others}
    check_leaks(pd.read_csv(snakemake.input.cases, sep="\t"), others)
    write_json(snakemake.output[0], {"leaks": []})
