"""Check a shard of cases and write their case records."""

from pathlib import Path

from slicewise.dataset import ingest
from slicewise.dataset.case_record import write_case_records
from slicewise.job import script_job
from slicewise.jobs import Ingest
from slicewise.sources import sources_digest


def main(snakemake):
    cfg = Ingest.of(snakemake)
    given = snakemake.input
    with script_job(snakemake, whole=True):
        cases = ingest.case_files(
            cfg.cases,
            {kind: given.get(kind) for kind in ("image", "mask")},
            {kind: given.get(f"{kind}_sources") for kind in ("image", "mask")},
            cfg.named,
            hidden=cfg.hidden,
        )
        case_records = ingest.ingest(
            cases,
            cfg.content,
            sources_digest(Path(ingest.__file__)),
            Path(snakemake.params.folder),
            cfg.lacking,
        )
        write_case_records(snakemake.output[0], case_records)


main(snakemake)
