"""Write down the settings and the code of a training."""

from slicewise.files import write_json
from slicewise.job import script_job


def main(snakemake):
    with script_job(snakemake):
        plan = {"settings": snakemake.params.cfg, "code": snakemake.params.training}
        write_json(snakemake.output[0], plan)


main(snakemake)
