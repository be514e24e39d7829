"""Write down who is trained, validated and tested on."""

from slicewise.dataset.assignment import split_table
from slicewise.files import write_text
from slicewise.job import script_job
from slicewise.jobs import Split


def main(snakemake):
    cfg = Split.of(snakemake)
    with script_job(snakemake):
        write_text(snakemake.output[0], split_table(cfg.cases, cfg.columns))


main(snakemake)
