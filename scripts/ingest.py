"""Check a batch of cases and write their case records."""

from pathlib import Path

from slicewise.config import Content
from slicewise.dataset import ingest as batch
from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.sources import sources_digest

with script_job(snakemake):
    cfg, given, folder = snakemake.params.cfg, snakemake.input, Path(snakemake.params.folder)
    files = {k: [Path(p) for p in given.get(k)] for k in ("image", "mask")}
    sources = {k: [Path(p) for p in given.get(f"{k}_sources")] for k in files}
    cases = [
        batch.CaseFiles(
            name,
            patient,
            files["image"][n],
            files["mask"][n],
            # a case that was converted has a batch of its own
            {kind: sources[kind] or [path[n]] for kind, path in files.items()},
        )
        for n, (name, patient) in enumerate(cfg["cases"])
    ]
    version = sources_digest(Path(batch.__file__))
    case_records = batch.ingest(cases, Content(**cfg["content"]), version, folder)
    write_json(snakemake.output[0], case_records)
