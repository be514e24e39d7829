"""Train: one U-net for each experiment and fold.

Needs the slices of its training and held-out cases, the masks of the latter, and that nothing leaks;
of an experiment that starts from a model (`training.start_from`), that one; of one with a sweep,
which combination is its best.
Makes fold-<k>/{plan.json, model.keras, history.csv, config.yaml, augmented.npz}, and an MLflow
run.
"""


rule train:
    """Train one fold of an experiment, going on from a checkpoint where there is one."""
    input:
        # when they were deleted and are cut again the same, nothing is to be trained; what makes
        # them other slices stands in the plan
        slices=ancient(lambda w: study.trainings.slices_of(w.experiment, w.fold)),
        taught=ancient(lambda w: study.teachers.taught_by(w.experiment, w.fold)),
        # held-out cases are scored on their own grid
        case_records=lambda w: study.case_records_of(study.validation_cases(w.fold)),
        truth=lambda w: in_bucket(files_of("mask", study.validation_cases(w.fold))),
        # on which weights of planes, and postprocessing of several, are settled
        images=lambda w: in_bucket(
            files_of("image", study.trainings.settled_on(w.experiment, w.fold))
        ),
        plan=result("{experiment}/fold-{fold}/plan.json"),
        proposals=lambda w: study.plans_of(study.recipes_of(w.experiment)),
        start=lambda w: study.starts.brought(w.experiment, w.fold, "keras"),
        best=lambda w: study.sweeps.best_of(w.experiment),
        # nothing may leak, but a check that ran again changes no weights
        leakage=ancient(result("leakage.json")),
        independent=ancient(lambda w: study.starts.checked(w.experiment, w.fold)),
    output:
        model=result("{experiment}/fold-{fold}/model.keras"),
        history=result("{experiment}/fold-{fold}/history.csv"),
        config=result("{experiment}/fold-{fold}/config.yaml"),
        samples=result("{experiment}/fold-{fold}/augmented.npz"),
    log:
        result("logs/train/{experiment}/fold-{fold}.log"),
    benchmark:
        result("timings/train/{experiment}/fold-{fold}.tsv")
    wildcard_constraints:
        experiment=any_of(settings.experiments),
    conda:
        "../environment.yml"
    threads: lambda w: settings.experiments[w.experiment].training.threads or workflow.cores
    resources:
        gpu=GPUS,
        mem_mb=memory(lambda w: study.memory.to_train(w.experiment, w.fold, gpu=GPUS is not None)),
        runtime=1440,
    params:
        # of what reads images and measures, only what it calls: the contents of slices are inputs
        code=code("train", direct=TRAINED_BY),
        truth=lambda w: by_path(files_of("mask", study.validation_cases(w.fold))),
        images=lambda w: by_path(
            files_of("image", study.trainings.settled_on(w.experiment, w.fold))
        ),
        # no rule's output, so that it outlives a killed job
        checkpoints=result("{experiment}/checkpoints/fold-{fold}"),
        tracking=result("{experiment}/tracking"),
        recipes=lambda w: [result(f"slices/{r}") for r in study.recipes_of(w.experiment)],
    script:
        "../scripts/train.py"


rule plan:
    """Write down the settings and the code of a training, and what its slices are cut from.

    Snakemake does not ask a job that waits for an `ancient` file for its own
    reasons while that file is made again (snakemake#4166): this is where the
    reasons to train are looked for instead.
    """
    input:
        proposals=lambda w: study.plans_of(study.recipes_of(w.experiment)),
        case_records=lambda w: study.trainings.case_records_of(w.fold),
        start=lambda w: study.starts.brought(w.experiment, w.fold, "json"),
        teacher=lambda w: study.teachers.records_of(w.experiment, w.fold),
        weights=lambda w: study.teachers.weights_of(w.experiment),
        best=lambda w: study.sweeps.best_of(w.experiment),
    output:
        result("{experiment}/fold-{fold}/plan.json"),
    log:
        result("logs/plan/{experiment}/fold-{fold}.log"),
    benchmark:
        result("timings/plan/{experiment}/fold-{fold}.tsv")
    wildcard_constraints:
        experiment=TRAINED,
    localrule: True
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        training=rules.train.params.code,
        slices=rules.slices.params.code,
        teaching=lambda w: (
            rules.teach.params.code(w) if study.teachers.teacher_of(w.experiment) else {}
        ),
        teacher=lambda w: study.teachers.told(w.experiment),
        code=code("plan"),
        cfg=lambda w: study.trainings.plan(w.experiment, w.fold).dump(),
    script:
        "../scripts/plan.py"


rule independent:
    """Stop where the model that a fold starts or learns from knows whom the fold holds out.

    Not in the plan: a further test patient is looked for here, and changes no training.
    """
    input:
        plan=result("{experiment}/fold-{fold}/plan.json"),
        cases=result("cases.tsv"),
    output:
        # what was trained waits for it: while a check fails, it is not to be missed there
        update(result("{experiment}/fold-{fold}/independent.json")),
    log:
        result("logs/independent/{experiment}/fold-{fold}.log"),
    benchmark:
        result("timings/independent/{experiment}/fold-{fold}.tsv")
    wildcard_constraints:
        experiment=TRAINED,
    localrule: True
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        code=code("independent"),
        cfg=lambda w: jobs.Independent(
            held_out=study.starts.must_not_know(w.experiment, w.fold)
        ).dump(),
    script:
        "../scripts/independent.py"


rule start:
    """Bring the model that a fold starts from, with what is known of its training.

    What MLflow calls by a name is looked up once, when it is brought: snakemake -R start asks again.
    """
    input:
        own=lambda w: study.starts.files_of(w.experiment, w.fold)[0],
        others=lambda w: [source(path) for path in study.starts.files_of(w.experiment, w.fold)[1]],
    output:
        result("{experiment}/start/fold-{fold}.keras"),
        result("{experiment}/start/fold-{fold}.json"),
    log:
        result("logs/start/{experiment}/fold-{fold}.log"),
    benchmark:
        result("timings/start/{experiment}/fold-{fold}.tsv")
    wildcard_constraints:
        experiment=TRAINED,
    localrule: True
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        code=code("start"),
        cfg=lambda w: study.starts.told(w.experiment, w.fold).dump(),
    script:
        "../scripts/start.py"
