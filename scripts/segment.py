"""Put all new scans into one table and one page, and name those that have no mask."""

from pathlib import Path

from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.files import write_json
from slicewise.job import WARNING, script_job
from slicewise.jobs import Segment
from slicewise.segmenting.pages import Output, read_scans, write_pages


def main(snakemake):
    cfg = Segment.of(snakemake)
    given = snakemake.input
    out = snakemake.output
    with script_job(snakemake) as log:
        if not cfg.title:
            raise SlicewiseError(
                "segment: no scans are named; give them, and the experiment whose models segment "
                'them: --config \'segment={"scans": "PATH", "experiment": "NAME"}\''
            )
        scans = read_scans(given.shards)
        if known := write_pages(Output(Path(out[0]).parent), cfg.title, cfg.failures, scans):
            log(f"{WARNING}{known}")
        if cfg.failures:
            raise SeveralErrors([SlicewiseError(failure) for failure in cfg.failures])
        write_json(out[0], [scan.scan for scan in scans])


main(snakemake)
