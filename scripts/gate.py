"""Stop when a scan is there twice, here or in another data set."""

import pandas as pd

from slicewise.files import write_json
from slicewise.job import job
from slicewise.volumes.gate import check_leaks

with job(snakemake.log[0]):
    # as text: names such as 001 and NA stay names
    cases, *others = (
        pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        for path in (snakemake.input.cases, *snakemake.input.others)
    )
    check_leaks(cases, dict(zip(snakemake.input.others, others, strict=True)))
    write_json(snakemake.output[0], {"leaks": []})
