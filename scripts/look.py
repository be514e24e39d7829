"""Look at the voxels of a shard of cases for the page about the data."""

from pathlib import Path

from slicewise.dataset.case_record import read_case_records
from slicewise.job import script_job
from slicewise.jobs import Look
from slicewise.records import paths_told
from slicewise.report.looking import look_at_cases, volumes_of, write_looks


def main(snakemake):
    cfg = Look.of(snakemake)
    with script_job(snakemake):
        records = snakemake.input.case_records
        cases = volumes_of(
            read_case_records([records]),
            cfg.cases,
            paths_told(snakemake, "image"),
            paths_told(snakemake, "mask"),
            records,
        )
        looks = look_at_cases(cases, cfg.content, Path(snakemake.params.folder))
        write_looks(snakemake.output[0], looks)


main(snakemake)
