"""Train: one U-net for each experiment and fold.

Needs the slices of its training and held-out cases, the masks of the latter, and that nothing leaks.
Makes fold-<k>/{plan.json, model.keras, history.csv, config.yaml, augmented.npz}, and an MLflow
run.
"""


rule train:
    """Train one fold of an experiment, going on from a checkpoint where there is one."""
    input:
        slices=lambda w: [
            batch
            for recipe in recipes_of(w.experiment)
            for batch in slices_of(recipe, [*trained_on(w.fold), *validation_cases_of(w.fold)])
        ],
        # held-out cases are scored on their own grid
        truth=lambda w: [file_of("mask", case) for case in validation_cases_of(w.fold)],
        plan="results/{dataset}/{experiment}/fold-{fold}/plan.json",
        # nothing may leak, but a leakage check that ran again changes no weights
        leakage=ancient("results/{dataset}/leakage.json"),
        # of what reads images and measures, only what it calls: the contents of slices are inputs
    output:
        model="results/{dataset}/{experiment}/fold-{fold}/model.keras",
        history="results/{dataset}/{experiment}/fold-{fold}/history.csv",
        config="results/{dataset}/{experiment}/fold-{fold}/config.yaml",
        samples="results/{dataset}/{experiment}/fold-{fold}/augmented.npz",
    log:
        "results/{dataset}/logs/train/{experiment}/fold-{fold}.log",
    benchmark:
        "results/{dataset}/timings/train/{experiment}/fold-{fold}.tsv"
    conda:
        "../environment.yml"
    threads: lambda w: settings.experiments[w.experiment].training.threads or workflow.cores
    resources:
        gpu=GPUS,
        mem_mb=memory(memory_to_train),
        runtime=1440,
    params:
        code=code("train", direct=TRAINED_BY),
        # no rule's output, so that it outlives a killed job
        checkpoints="results/{dataset}/{experiment}/checkpoints/fold-{fold}",
        tracking="results/{dataset}/{experiment}/tracking",
        recipes=lambda w: [f"results/{DATASET}/slices/{r}" for r in recipes_of(w.experiment)],
    script:
        "../scripts/train.py"


rule plan:
    """Write down the settings and the code of a training.

    Snakemake does not ask a job that waits for an `ancient` file for its own
    reasons while that file is made again (snakemake#4166): this is where the
    reasons to train are looked for instead.
    """
    output:
        "results/{dataset}/{experiment}/fold-{fold}/plan.json",
    log:
        "results/{dataset}/logs/plan/{experiment}/fold-{fold}.log",
    benchmark:
        "results/{dataset}/timings/plan/{experiment}/fold-{fold}.tsv"
    localrule: True
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        training=rules.train.params.code,
        code=code("plan"),
        cfg=training_settings,
    script:
        "../scripts/plan.py"
