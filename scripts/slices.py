"""Cut a shard of cases by one recipe."""

from pathlib import Path

from slicewise.dataset.proposal import recipe_told
from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.jobs import Slices
from slicewise.records import paths_told
from slicewise.slices.cases import cut_cases


def main(snakemake):
    cfg = Slices.of(snakemake)
    with script_job(snakemake):
        cut = cut_cases(
            cfg.cases,
            cfg.content,
            recipe_told(cfg.recipe, snakemake.input.get("proposals") or []),
            case_records=Path(snakemake.input.case_records),
            images=paths_told(snakemake, "image"),
            masks=paths_told(snakemake, "mask"),
            place=Path(snakemake.params.folder),
        )
        write_json(snakemake.output[0], cut)


main(snakemake)
