"""Write down the settings and the code of a training, and what its slices are cut from."""

from slicewise.config import Experiment
from slicewise.dataset.case_record import read_case_records
from slicewise.dataset.one_piece import one_piece
from slicewise.dataset.proposal import planned_settings
from slicewise.dataset.rungs import best_told
from slicewise.dataset.started import (
    STARTED,
    describe_teacher,
    shares_of_teacher,
)
from slicewise.dataset.training_record import TrainingRecord, write_plan
from slicewise.job import script_job
from slicewise.jobs import Plan
from slicewise.slices.suits import check_seen
from slicewise.stored import read_typed
from slicewise.training.ranges import ranges_of


def main(snakemake):
    cfg = Plan.of(snakemake)
    given = snakemake.input
    told = snakemake.params
    with script_job(snakemake):
        name = snakemake.wildcards.experiment
        proposals = given.get("proposals") or []
        best = given.get("best") or []
        if proposals or best:
            settings = best_told(planned_settings(snakemake.config, proposals), name, best)
            cfg = cfg.resolved(settings, name)
        known = read_case_records(given.case_records)
        trained = [known[case] for case in cfg.train]
        validated = [known[case] for case in cfg.validation_cases]
        check_seen(Experiment(**cfg.experiment), cfg.content, trained, validated)
        ranges = ranges_of(trained, cfg.content)
        pieces = one_piece(trained, cfg.content)
        also = {}
        if given.get("start"):
            started = read_typed(given.start[0], STARTED)
            also["started_from"] = started.model_dump()
        if given.get("teacher"):
            members = told.teacher["members"]
            records = dict(zip(members, map(TrainingRecord.read, given.teacher), strict=True))
            fold = int(snakemake.wildcards.fold)
            shares = shares_of_teacher(records, given.get("weights") or [], fold)
            own = [shares[member] for member in members]
            teacher = describe_teacher(told.teacher["name"], [*records.values()], own)
            also["taught_by"] = teacher.model_dump()
        fingerprints = {case: known[case].fingerprint for case in cfg.train}
        write_plan(
            snakemake.output[0],
            {
                **cfg.dump(),
                "ranges": ranges.model_dump(),
                "one_piece": {label: shown.model_dump() for label, shown in pieces.items()},
                "fingerprints": fingerprints,
                **also,
            },
            told.training,
            cut_by={**told.slices, **told.teaching},
            case_records=given.case_records,
        )


main(snakemake)
