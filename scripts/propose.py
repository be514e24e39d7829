"""Say what to train on the training cases, and what changed since it was last said."""

import logging
from pathlib import Path

from slicewise.dataset.case_record import case_record_of, read_case_records
from slicewise.dataset.fingerprint import TrainingCase, fingerprint_of
from slicewise.dataset.plan import plan
from slicewise.dataset.proposal import changes, former_proposal
from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.jobs import Propose

logger = logging.getLogger("slicewise.propose")


def main(snakemake):
    cfg = Propose.of(snakemake)
    target = Path(snakemake.output[0])
    with script_job(snakemake):
        paths = snakemake.input.case_records
        known = read_case_records(paths)
        records = [case_record_of(known, case, ", ".join(paths)) for case in cfg.cases]
        fingerprint = fingerprint_of(map(TrainingCase.of, records), **cfg.kind)
        planned = plan(fingerprint, cfg.effort)
        for line in changes(former_proposal(target) or planned, planned):
            logger.warning("%s: the plan changed: %s", target, line)
        write_json(target, planned.dump())


main(snakemake)
