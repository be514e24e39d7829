"""Fit how much each member of an ensemble counts, on patients whom none was trained on."""

from slicewise.dataset.case_record import check_volumes
from slicewise.dataset.proposal import recipes_told
from slicewise.files import write_json
from slicewise.inference.requests import digests_of, members_trained, scans_of
from slicewise.job import script_job
from slicewise.jobs import Weights
from slicewise.network.backend import prepare
from slicewise.records import paths_told
from slicewise.training.known import known_cases
from slicewise.training.weighing import fit, weighed_on


def main(snakemake):
    cfg = Weights.of(snakemake)
    given = snakemake.input
    with script_job(snakemake) as log:
        prepare()
        recipes = recipes_told(cfg.members, given.get("proposals") or [])
        folds = range(len(cfg.folds))
        trained = members_trained(folds, given.models, given.configs, cfg.content, recipes)
        cases = [case for names in cfg.folds for case in names]
        images = paths_told(snakemake, "images")
        masks = paths_told(snakemake, "masks")
        check_volumes(given.case_records, cases, image=images, mask=masks)
        weighed = weighed_on(
            known_cases(cases, images, masks, cfg.content),
            cfg.folds,
            cfg.patients,
            trained,
            cfg.threshold,
            batch=snakemake.params.batch,
            log=log,
        )
        made = fit(weighed, digests_of(trained), crossed=len(folds) > 1)
        made.scans = scans_of(trained)
        shown = ", ".join(f"{name} {weight:.2f}" for name, weight in made.weights.items())
        log(f"weights: {shown}; {made.because}")
        write_json(snakemake.output[0], made.model_dump())


main(snakemake)
