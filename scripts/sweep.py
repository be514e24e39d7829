"""Write the page and the table of a sweep, and make its runs children of one in MLflow."""

from pathlib import Path

from slicewise.dataset.rungs import read_promoted
from slicewise.evaluation.statistics import read_summary
from slicewise.evaluation.sweep import read_tried, table_of
from slicewise.files import write_text
from slicewise.job import script_job
from slicewise.jobs import Sweep
from slicewise.report.sweep import ShownSweep, sweep_page
from slicewise.tracking import Tracker


def main(snakemake):
    folder = Path(snakemake.params.tracking)
    cfg = Sweep.of(snakemake)
    given = snakemake.input
    out = snakemake.output
    name = snakemake.wildcards.sweep
    with script_job(snakemake) as log, Tracker(folder, log) as tracker:
        tried = read_tried(cfg.combinations, given.records)
        shown = ShownSweep(
            dataset=cfg.dataset,
            experiment=name,
            tried=tried,
            epochs=cfg.epochs,
            best=read_promoted(given.best[0])[0],
            summaries={
                experiment: read_summary(path)
                for experiment, path in zip(cfg.seeds, given.summaries, strict=True)
            },
            links={experiment: f"../{experiment}/report.html" for experiment in cfg.seeds},
            page=str(out.html),
        )
        write_text(out.table, table_of(tried).to_csv(sep="\t", index=False))
        write_text(out.html, sweep_page(shown))
        files = {Path(path).name: path for path in (out.html, out.table)}
        tracker.swept(list(cfg.combinations), files)


main(snakemake)
