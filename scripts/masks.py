"""Segment a shard of new scans with all folds of an experiment."""

from pathlib import Path

from slicewise.dataset.former import forget_ensemble
from slicewise.files import digest, write_json
from slicewise.job import script_job
from slicewise.jobs import NewMasks
from slicewise.segmenting.models import choose
from slicewise.segmenting.pages import Output
from slicewise.segmenting.run import Order, segment_scans
from slicewise.segmenting.scans import note_which, scans_told


def main(snakemake):
    cfg = NewMasks.of(snakemake)
    given = snakemake.input
    out = snakemake.output
    with script_job(snakemake) as log:
        # of an ensemble, which has no models of its own
        (own,) = given.get("ensemble") or [Path(given.models[0]).parent]
        folder = Path(own).parent
        if not given.get("ensemble"):
            # one had this name once
            forget_ensemble(folder)
        order = Order(
            choose(str(folder)),
            Output(Path(out[0]).parent.parent),
            cfg.offset,
            snakemake.params.batch,
            code=digest(dict(snakemake.params.code)),
            renew=True,
        )
        scans = scans_told(cfg.scans, given.image_sources)
        if which := note_which(scans, order.output.folder):
            log(f"{which}: which scan is which of those that are called by a hash")
        segment_scans(scans, order, log).refuse_failures()
        finished = order.output.finished([scan.name for scan in scans])
        write_json(out[0], [scan.model_dump() for scan in finished])


main(snakemake)
