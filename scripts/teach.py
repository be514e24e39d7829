"""Ask a model about a shard of its training cases, for experiments that learn from it."""

from pathlib import Path

from slicewise.dataset.proposal import recipe_told, recipes_told
from slicewise.dataset.started import describe_teacher, shares_of_teacher
from slicewise.files import write_json
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.requests import members_trained
from slicewise.inference.teaching import Lesson, teach_cases
from slicewise.job import script_job
from slicewise.jobs import Teach
from slicewise.network.backend import prepare
from slicewise.records import paths_told
from slicewise.slices.taught import taught_place


def main(snakemake):
    cfg = Teach.of(snakemake)
    given = snakemake.input
    named = snakemake.wildcards
    with script_job(snakemake) as log:
        prepare()
        fold = int(named.fold)
        proposals = given.get("proposals") or []
        recipes = recipes_told(cfg.members, proposals)
        trained = members_trained([fold], given.models, given.configs, cfg.content, recipes)
        records = {member: own[fold].record for member, own in trained.items()}
        shares = shares_of_teacher(records, given.get("weights") or [], fold)
        own_shares = [shares[member] for member in records]
        teacher = describe_teacher(named.experiment, [*records.values()], own_shares)
        models = {member: [own[fold].model] for member, own in trained.items()}
        lesson = Lesson(
            teacher=Ensemble.of(models, shares, {}),
            says=teacher.says,
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
