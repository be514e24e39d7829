"""Segment a shard of the scored cases, each with the models that may see it."""

from slicewise.dataset.proposal import recipe_told, recipes_told
from slicewise.files import write_json
from slicewise.inference.requests import Files, mixed_requests_of, predict_all, requests_of
from slicewise.job import script_job
from slicewise.jobs import Predict
from slicewise.network.backend import prepare
from slicewise.records import paths_told


def main(snakemake):
    cfg = Predict.of(snakemake)
    given = snakemake.input
    out = snakemake.output
    with script_job(snakemake) as log:
        prepare()
        proposals = given.get("proposals") or []
        files = Files(
            models=given.models,
            configs=given.configs,
            case_records=given.case_records,
            images=paths_told(snakemake, "images"),
            # with results in a bucket, they are declared
            masks=out.get("masks") or snakemake.params.makes,
        )
        if cfg.members:
            recipes = recipes_told(cfg.members, proposals)
            (ensemble,) = given.ensemble
            requests = mixed_requests_of(cfg.segmented, cfg.content, recipes, ensemble, files)
        else:
            recipe = recipe_told(cfg.recipe, proposals)
            requests = requests_of(cfg.segmented, cfg.content, recipe, files)
        write_json(out[0], predict_all(requests, snakemake.params.batch, log))


main(snakemake)
