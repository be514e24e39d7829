"""Note what the masks of a model told of held-out patients, as they are and spoilt on purpose."""

from slicewise.dataset.case_record import check_volumes
from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.dataset.proposal import recipes_told
from slicewise.dataset.unseen import check_all_unseen
from slicewise.files import write_json
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.requests import members_trained
from slicewise.job import script_job
from slicewise.jobs import Calibrate
from slicewise.network.backend import prepare
from slicewise.records import paths_told
from slicewise.training.calibrating import calibrated
from slicewise.training.known import known_cases


def main(snakemake):
    cfg = Calibrate.of(snakemake)
    given = snakemake.input
    fold = int(snakemake.wildcards.fold)
    with script_job(snakemake) as log:
        prepare()
        recipes = recipes_told(cfg.members, given.get("proposals") or [])
        trained = members_trained([fold], given.models, given.configs, cfg.content, recipes)
        models = {member: own[fold] for member, own in trained.items()}
        for member, own in models.items():
            name = member or snakemake.wildcards.experiment
            check_all_unseen(cfg.patients, f"{name}/fold-{fold}", own.record)
        tried, weights = tried_of(models, given.get("ensemble") or [], fold)
        images = paths_told(snakemake, "images")
        masks = paths_told(snakemake, "masks")
        check_volumes(given.case_records, cfg.cases, image=images, mask=masks)
        cases = known_cases(cfg.cases, images, masks, cfg.content)
        made = calibrated(
            tried, weights, cases, cfg.patients, batch=snakemake.params.batch, log=log
        )
        write_json(snakemake.output[0], made.model_dump())


def tried_of(models, ensembles, fold):
    """Return what segments, and the digest of what that follows from."""
    if not ensembles:
        (one,) = models.values()
        return one.model, one.record.resolved.weights_sha256
    (path,) = ensembles
    record = EnsembleRecord.read(path)
    shares = record.shares_in(fold, {member: own.record for member, own in models.items()}, path)
    loaded = {member: [own.model] for member, own in models.items()}
    return Ensemble.of(loaded, shares, record.postprocessing), record.tried(fold)


main(snakemake)
