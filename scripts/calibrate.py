"""Note what the masks of a model told of held-out patients, as they are and spoilt on purpose."""

from pathlib import Path

from slicewise.dataset.case_record import check_volumes
from slicewise.dataset.proposal import recipe_told
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.unseen import check_all_unseen
from slicewise.files import write_json
from slicewise.inference.requests import check_model
from slicewise.job import script_job
from slicewise.jobs import Calibrate
from slicewise.network.backend import prepare
from slicewise.network.model import load_model
from slicewise.records import paths_told
from slicewise.training.calibrating import calibrated
from slicewise.training.known import known_cases


def main(snakemake):
    cfg = Calibrate.of(snakemake)
    given = snakemake.input
    with script_job(snakemake) as log:
        prepare()
        model = load_model(Path(given.model))
        record = TrainingRecord.read(given.config)
        recipe = recipe_told(cfg.recipe, given.get("proposals") or [])
        check_model(given.model, model, record, cfg.content, recipe)
        check_all_unseen(cfg.patients, Path(given.model).parent.name, record)
        images = paths_told(snakemake, "images")
        masks = paths_told(snakemake, "masks")
        check_volumes(given.case_records, cfg.cases, image=images, mask=masks)
        cases = known_cases(cfg.cases, images, masks, cfg.content)
        made = calibrated(model, cases, batch=snakemake.params.batch, log=log)
        write_json(snakemake.output[0], made.model_dump())


main(snakemake)
