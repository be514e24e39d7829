"""Put the weights of an ensemble beside what is done to its masks."""

from slicewise.dataset.ensembles import read_weights, write_ensemble
from slicewise.job import script_job
from slicewise.jobs import Mix


def main(snakemake):
    cfg = Mix.of(snakemake)
    with script_job(snakemake):
        weights = read_weights(snakemake.input[0])
        write_ensemble(snakemake.output[0], weights, cfg.postprocessing)


main(snakemake)
