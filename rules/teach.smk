"""Teach: what a model says of the cases that it was trained on, for experiments that learn from it.

Needs the model of a fold of an experiment that is a teacher (`training.distil`), or those of all
members of an ensemble, and the images of the training cases of this fold; of no others, so nobody learns of who is held out. Makes
slices/_taught/<teacher>/fold-<k>/<recipe>/<case>/{probability.npy, taught.json}, cut by the recipe
of who learns, which are declared by one file of digests a shard, as slices are.
"""


rule teach:
    """Ask a model about a shard of its training cases, and cut what it says by one recipe."""
    input:
        models=lambda w: study.of_folds("model.keras", w.experiment, [w.fold]),
        configs=lambda w: study.of_folds("config.yaml", w.experiment, [w.fold]),
        # how much each member of an ensemble counts; nothing is taken away of what it says
        weights=lambda w: study.ensembles.weights_of(w.experiment),
        proposals=lambda w: study.predictions.plans_of(w.experiment),
        cut_by=lambda w: study.plans_of([w.recipe]),
        case_records=lambda w: study.case_records_of(study.teachers.taught_cases(w.fold, w.shard)),
        images=lambda w: in_bucket(files_of("image", study.teachers.taught_cases(w.fold, w.shard))),
    output:
        update(result("cases/_taught/{experiment}/fold-{fold}/{recipe}/{shard}.json")),
    log:
        result("logs/teach/{experiment}/fold-{fold}/{recipe}/{shard}.log"),
    benchmark:
        result("timings/teach/{experiment}/fold-{fold}/{recipe}/{shard}.tsv")
    conda:
        "../environment.yml"
    threads: lambda w: workflow.cores
    resources:
        gpu=GPUS,
        mem_mb=memory(lambda w: study.memory.to_teach(w.experiment, w.fold, w.shard)),
        runtime=240,
    params:
        code=code("teach"),
        images=lambda w: by_path(files_of("image", study.teachers.taught_cases(w.fold, w.shard))),
        # no rule's output, so that what is valid outlives the other cases of its shard
        folder=lambda w: result(f"slices/{w.recipe}"),
        cfg=lambda w: study.teachers.teaching(w.experiment, w.fold, w.recipe, w.shard).dump(),
        batch=lambda w: settings.prediction_of(w.experiment).batch,
    script:
        "../scripts/teach.py"
