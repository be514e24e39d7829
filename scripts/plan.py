"""Write down the settings and the code of a training, and what its slices are cut from."""

from slicewise.dataset.proposal import planned_settings
from slicewise.dataset.training_record import write_plan
from slicewise.job import script_job
from slicewise.jobs import Plan


def main(snakemake):
    cfg = Plan.of(snakemake)
    given = snakemake.input
    told = snakemake.params
    with script_job(snakemake):
        proposals = given.get("proposals") or []
        if proposals:
            settings = planned_settings(snakemake.config, proposals)
            cfg = cfg.resolved(settings, snakemake.wildcards.experiment)
        write_plan(
            snakemake.output[0],
            cfg.dump(),
            told.training,
            cut_by=told.slices,
            case_records=given.case_records,
        )


main(snakemake)
