"""Choose which combinations of a sweep go on, by their validation Dice."""

from slicewise.dataset.rungs import promoted, read_rung
from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.jobs import Promote


def main(snakemake):
    cfg = Promote.of(snakemake)
    with script_job(snakemake) as log:
        records = [read_rung(path) for path in snakemake.input.records]
        chosen = promoted(records, cfg.combinations, cfg.go_on)
        log(f"after rung {cfg.rung} go on: {', '.join(chosen.go_on)}")
        write_json(snakemake.output[0], chosen.model_dump())


main(snakemake)
