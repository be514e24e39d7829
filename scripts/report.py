"""Write the report of an experiment and its training curves."""

from pathlib import Path

from slicewise.dataset.case_record import check_volumes, read_case_records
from slicewise.dataset.cases import read_table
from slicewise.evaluation import ledger
from slicewise.evaluation.cases import predicted_cases
from slicewise.evaluation.expectations import expected_scores
from slicewise.evaluation.folds import read_folds
from slicewise.evaluation.grouping import groupings
from slicewise.evaluation.groups import groups_table, headline_scores
from slicewise.evaluation.statistics import read_metrics, read_summary
from slicewise.files import write_bytes, write_text
from slicewise.job import script_job
from slicewise.jobs import Report
from slicewise.records import SWEPT, check_made, paths_told
from slicewise.report import cost, evidence
from slicewise.report.cases import case_figures
from slicewise.report.curves import curves_png
from slicewise.report.experiment import ReportedExperiment, experiment_report
from slicewise.tracking import Tracker, calibration_files, overlay_images


def main(snakemake):
    folder = Path(snakemake.params.tracking)
    cfg = Report.of(snakemake)
    given = snakemake.input
    out = snakemake.output
    with script_job(snakemake) as log, Tracker(folder, log) as tracker:
        folds = read_folds(
            given.configs,
            given.histories,
            given.get("samples") or [],
            given.get("ensemble") or [],
        )
        folds.check_content(cfg.content)
        metrics = read_metrics(given.metrics)
        images = paths_told(snakemake, "images")
        masks = paths_told(snakemake, "masks")
        predictions = paths_told(snakemake, "predictions")
        cases = [assigned.case for assigned in cfg.cases]
        check_volumes(given.case_records, cases, image=images, mask=masks)
        check_made(predictions)
        predicted = predicted_cases(cfg.cases, masks, predictions, images)
        figures = case_figures(metrics, predicted, cfg.content)
        grouped = groupings(headline_scores(metrics), cfg.columns, cfg.bins)
        test_set = ledger.test_set_digest(metrics)
        run = tracker.facts(cfg.folds)
        shown = ReportedExperiment(
            dataset=cfg.dataset,
            page=str(out.html),
            experiment=cfg.experiment,
            summary=read_summary(given.summary),
            metrics=metrics,
            **folds.shown,
            cases=figures,
            split=read_table(given.split),
            data=read_table(given.cases),
            records=read_case_records(given.case_records),
            channels=cfg.content.channels or [],
            excluded=cfg.exclude,
            leave_out=cfg.leave_out,
            groupings=grouped,
            seeds=cfg.seeds,
            sweep=cfg.sweep,
            combinations=cfg.combinations,
            expected=expected_scores(
                metrics, given.shards, given.get("calibrations") or [], folds.is_missed
            ),
            evidence=evidence.evidence(
                folds.records, run, test_set, given.metrics, given.split, names=folds.names
            ),
            costs=cost.read_costs(folder.parent, folds.recipes, cfg.jobs, folds.teacher),
            scored_runs=ledger.count_scored(folder.parents[1].glob("*/tracking"), test_set),
        )
        page = experiment_report(shown)
        write_bytes(out.curves, curves_png(folds.histories, folds.selected))
        write_text(out.html, page)
        files = {"report.html": out.html, "figures/curves.png": out.curves}
        files |= calibration_files(given.get("calibrations") or [])
        if grouped:
            (table,) = out.groups
            write_text(table, groups_table(metrics, grouped).to_csv(sep="\t", index=False))
            files["groups.tsv"] = table
        else:
            # what was asked for once and is no more
            Path(out.html).with_name("groups.tsv").unlink(missing_ok=True)
        if not cfg.sweep:
            # what was tried once chose nothing of these settings
            for table_or_page in SWEPT:
                Path(out.html).with_name(table_or_page).unlink(missing_ok=True)
        tracker.reported(cfg.folds, files, overlay_images(figures), swept=bool(cfg.sweep))


main(snakemake)
