"""Write down the settings and the code of a training."""

from slicewise.dataset.proposal import planned_settings
from slicewise.files import write_json
from slicewise.job import script_job


def main(snakemake):
    with script_job(snakemake):
        told = dict(snakemake.params.cfg)
        proposals = snakemake.input.get("proposals")
        if proposals:
            settings = planned_settings(snakemake.config, proposals)
            block = settings.experiments[snakemake.wildcards.experiment]
            told["experiment"] = block.model_dump(exclude={"prediction"})
            told["recipe"] = settings.slices[block.slices].model_dump()
            told["also"] = [settings.slices[recipe].model_dump() for recipe in block.also]
        plan = {"settings": told, "code": snakemake.params.training}
        write_json(snakemake.output[0], plan)


main(snakemake)
