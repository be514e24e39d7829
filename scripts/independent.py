"""Stop where the model that a fold starts or learns from knows whom the fold holds out."""

from slicewise.dataset.cases import read_table
from slicewise.dataset.started import check_start, check_teacher
from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.jobs import Independent
from slicewise.training.plan import planned_before


def main(snakemake):
    cfg = Independent.of(snakemake)
    given = snakemake.input
    with script_job(snakemake, whole=True):
        cases = read_table(given.cases)
        started, teacher = planned_before(given.plan)
        if started is not None:
            check_start(started, cases, cfg.held_out)
        if teacher is not None:
            check_teacher(teacher, cases, cfg.held_out)
        known = [one.name for one in (started, teacher) if one is not None]
        write_json(snakemake.output[0], {"of": known, "held_out": cfg.held_out})


main(snakemake)
