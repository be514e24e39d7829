"""Write the page that leads to all others."""

from itertools import accumulate, pairwise

from slicewise.evaluation.folds import read_history, trained_until
from slicewise.evaluation.statistics import read_summary
from slicewise.files import write_text
from slicewise.job import script_job
from slicewise.jobs import Index
from slicewise.report.index import ListedExperiment, index_page


def main(snakemake):
    cfg = Index.of(snakemake)
    given = snakemake.input
    page = snakemake.output[0]
    with script_job(snakemake):
        summaries = [read_summary(path) for path in given.summaries]
        histories = [read_history(path) for path in given.histories]
        trainings = [cfg.folds * cfg.members.get(name, 1) for name in cfg.experiments]
        ends = [*accumulate(trainings, initial=0)]
        of_folds = [histories[start:end] for start, end in pairwise(ends)]
        listed = [
            ListedExperiment(name, summary, trained_until(folds), name in cfg.sweeps)
            for name, summary, folds in zip(cfg.experiments, summaries, of_folds, strict=True)
        ]
        write_text(
            page,
            index_page(cfg.dataset, listed, cfg.cases, crossed=cfg.folds > 1, page=str(page)),
        )


main(snakemake)
