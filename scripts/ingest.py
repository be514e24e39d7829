"""Check a batch of cases and write their case records."""

from pathlib import Path

from slicewise.config import Content
from slicewise.dataset import ingest as batch
from slicewise.dataset.case_record import write_case_records
from slicewise.job import script_job
from slicewise.sources import sources_digest


def main(snakemake):
    cfg = snakemake.params.cfg
    given = snakemake.input
    with script_job(snakemake):
        cases = batch.case_files(
            cfg["cases"],
            {kind: given.get(kind) for kind in ("image", "mask")},
            {kind: given.get(f"{kind}_sources") for kind in ("image", "mask")},
        )
        case_records = batch.ingest(
            cases,
            Content(**cfg["content"]),
            sources_digest(Path(batch.__file__)),
            Path(snakemake.params.folder),
        )
        write_case_records(snakemake.output[0], case_records)


main(snakemake)
