"""Write the page that leads to all others."""

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
        of_folds = [histories[k : k + cfg.folds] for k in range(0, len(histories), cfg.folds)]
        listed = [
            ListedExperiment(name, summary, trained_until(folds), name in cfg.sweeps)
            for name, summary, folds in zip(cfg.experiments, summaries, of_folds, strict=True)
        ]
        write_text(
            page,
            index_page(cfg.dataset, listed, cfg.cases, crossed=cfg.folds > 1, page=str(page)),
        )


main(snakemake)
