"""Segment: masks of new scans, which nobody has drawn anything of.

Needs the models of all folds of the experiment that `segment` names, and the scans.
Makes segmented/<experiment>/masks/<scan>.nii.gz on each scan's own grid, dicom/<scan>.dcm of DICOM,
a picture of each, volumes.tsv and gallery.html. Masks are declared by one file a shard. None of it
is part of a run that was not asked for it: snakemake segment.
"""


rule masks:
    """Segment a shard of new scans with all folds of an experiment."""
    input:
        models=lambda w: study.of_folds("model.keras", w.experiment),
        configs=lambda w: study.of_folds("config.yaml", w.experiment),
        ensemble=lambda w: study.ensembles.record_of(w.experiment),
        calibrations=lambda w: study.calibrations.files_of(w.experiment),
        # by which a scan that was trained on is known again
        cases=rules.cases.output,
        image_sources=lambda w: files_of_scans(study.segmented.shards[w.shard]),
    output:
        result("segmented/{experiment}/_shards/{shard}.json"),
        # only what is declared gets into a bucket, where a shard is one scan
        masks=in_bucket([result("segmented/{experiment}/masks/{shard}.nii.gz")]),
    log:
        result("logs/masks/{experiment}/{shard}.log"),
    benchmark:
        result("timings/masks/{experiment}/{shard}.tsv")
    conda:
        "../environment.yml"
    threads: lambda w: workflow.cores
    resources:
        gpu=GPUS,
        mem_mb=memory(lambda w: study.memory.to_segment(w.experiment)),
        runtime=240,
    params:
        code=code("masks"),
        makes=lambda w: study.segmented.masks_of(w.experiment, study.segmented.shards[w.shard]),
        cfg=lambda w: jobs.NewMasks(
            scans=told_scans(study.segmented.shards[w.shard]), offset=settings.segment.offset
        ).dump(),
        batch=lambda w: settings.prediction_of(w.experiment).batch,
    script:
        "../scripts/masks.py"


rule segment:
    """Put all new scans into one table and one page, and name those that have no mask."""
    input:
        shards=study.segmented.records(),
    output:
        result(f"segmented/{study.segmented.experiment}/finished.json"),
        # elsewhere they are no outputs, as they are to stay where some scans have failed
        pages=in_bucket(
            [
                result(f"segmented/{study.segmented.experiment}/gallery.html"),
                result(f"segmented/{study.segmented.experiment}/volumes.tsv"),
            ]
        ),
    log:
        result("logs/segment/segment.log"),
    benchmark:
        result("timings/segment/segment.tsv")
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        code=code("segment", "report/templates"),
        makes=[
            result(f"segmented/{study.segmented.experiment}/gallery.html"),
            result(f"segmented/{study.segmented.experiment}/volumes.tsv"),
        ],
        cfg=new_scans.dump(),
    script:
        "../scripts/segment.py"
