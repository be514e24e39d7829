"""Bring the model that a fold of an experiment starts from, with what is known of its training."""

from pathlib import Path

from slicewise.files import write_json
from slicewise.job import script_job
from slicewise.jobs import Start
from slicewise.segmenting.starting import bring


def main(snakemake):
    cfg = Start.of(snakemake)
    model, told = map(Path, snakemake.output)
    with script_job(snakemake):
        # results/<dataset>/<experiment>/start/fold-<k>.keras
        started = bring(cfg, list(map(Path, snakemake.input)), model, model.parents[3])
        write_json(told, started.model_dump())


main(snakemake)
