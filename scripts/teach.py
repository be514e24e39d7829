"""Ask a model about a shard of its training cases, for experiments that learn from it."""

from pathlib import Path

from slicewise.dataset.proposal import recipe_told
from slicewise.dataset.started import describe_teacher
from slicewise.dataset.training_record import TrainingRecord
from slicewise.files import write_json
from slicewise.inference.requests import check_model
from slicewise.inference.teaching import Lesson, Member, teach_cases
from slicewise.job import script_job
from slicewise.jobs import Teach
from slicewise.network.backend import prepare
from slicewise.network.model import load_model
from slicewise.records import paths_told
from slicewise.slices.taught import taught_place


def main(snakemake):
    cfg = Teach.of(snakemake)
    given = snakemake.input
    named = snakemake.wildcards
    with script_job(snakemake) as log:
        prepare()
        model = load_model(Path(given.model))
        record = TrainingRecord.read(given.config)
        recipe = recipe_told(cfg.recipe, given.get("proposals") or [])
        check_model(given.model, model, record, cfg.content, recipe)
        lesson = Lesson(
            members=[Member([model])],
            says=describe_teacher(named.experiment, record).says,
            content=cfg.content,
            recipe=recipe_told(cfg.cut_by, given.get("cut_by") or []),
            place=taught_place(Path(snakemake.params.folder), named.experiment, named.fold),
        )
        taught = teach_cases(
            cfg.cases,
            lesson,
            case_records=given.case_records,
            images=paths_told(snakemake, "images"),
            batch=snakemake.params.batch,
            log=log,
        )
        write_json(snakemake.output[0], taught)


main(snakemake)
