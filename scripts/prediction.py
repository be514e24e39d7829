"""Compare a prediction that is asked for by its name with the record of the job that made it."""

from slicewise.job import script_job
from slicewise.records import check_made


def main(snakemake):
    with script_job(snakemake):
        check_made(snakemake.output)


main(snakemake)
